"""Lists deliveries, makes them again, and tries an endpoint out."""

from collections.abc import Callable

import msgspec

from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.identifiers import new_id
from ordergate.domain.webhook_bodies import ReplayBody
from ordergate.domain.webhooks import Message
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.outbound.deliver import send
from ordergate.gateway.outbound.endpoints import visible_endpoint
from ordergate.gateway.outbound.feed import number_feed
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.deliveries import Delivery, ReplayRange
from ordergate.journal.records.events import Feed

BATCH = 500
"""Events that one transaction queues again at most."""


async def visible_delivery(runtime: Runtime, caller: Caller, delivery_id: str) -> Delivery:
    """Return a delivery that the caller may know of.

    Raises:
        Problem: ``not_found``.
    """
    delivery = await runtime.journal.read(tx.deliveries.find(delivery_id))
    if delivery is None or not caller.sees(delivery.merchant, delivery.world):
        raise _no_delivery(delivery_id)
    return delivery


async def replay_one(runtime: Runtime, caller: Caller, delivery_id: str) -> Delivery:
    """Queue one delivery again, with all its tries; pending earlier ones of its order are delivered first.

    Raises:
        Problem: ``not_found``.
    """
    await visible_delivery(runtime, caller, delivery_id)
    delivery = await runtime.journal.write(tx.deliveries.replay(delivery_id))
    if delivery is None:
        raise _no_delivery(delivery_id)
    _wake(runtime)
    return delivery


async def replay_many(
    runtime: Runtime, caller: Caller, body: ReplayBody, progress: Callable[[int], None] | None = None
) -> int:
    """Make many deliveries to one endpoint again, in order for each order; return how many.

    Raises:
        Problem: ``not_found``, or ``invalid_request`` without a range.
    """
    if not body.failed and body.since is None and body.after is None:
        raise invalid_request(
            "/failed",
            "required",
            "Choose the deliveries: failed = true, since a time, or after an event's number.",
        )
    endpoint = await visible_endpoint(runtime, caller, body.endpoint)
    await number_feed(runtime, Feed(merchant=endpoint.merchant, world=endpoint.world))
    wanted = ReplayRange(
        endpoint=endpoint,
        failed_only=body.failed,
        since=body.since,
        until=body.until,
        after=body.after or 0,
    )
    total = 0
    while True:
        batch = await runtime.journal.write(tx.deliveries.replay_range(wanted, BATCH))
        total += batch.count
        if progress is not None:
            progress(total)
        if batch.next_after is None:
            break
        wanted = msgspec.structs.replace(wanted, after=batch.next_after)
    _wake(runtime)
    return total


async def ping_endpoint(runtime: Runtime, caller: Caller, endpoint_id: str) -> DeliveryTry:
    """Send a signed ``ping`` now, even to a disabled endpoint, and return the reply. It is no event and has no retry.

    Raises:
        Problem: ``not_found``; ``rate_limited`` while another ping of it is under way.
    """
    endpoint = await visible_endpoint(runtime, caller, endpoint_id)
    if endpoint_id in runtime.outbound.pinged:
        raise Problem(
            "rate_limited", "A ping of this endpoint is under way; wait for its end.", retry_after=1
        )
    runtime.outbound.pinged.add(endpoint_id)
    try:
        signing = await runtime.journal.read(tx.endpoints.find_secrets(endpoint_id))
        data = msgspec.Raw(msgspec.json.encode({"endpoint": endpoint.id}))
        message = Message(type="ping", timestamp=runtime.clock(), data=data)
        _, made = await send(runtime, endpoint, signing, new_id("evt"), message)
    finally:
        runtime.outbound.pinged.discard(endpoint_id)
    return made


def _wake(runtime: Runtime) -> None:
    runtime.workers.wake("delivery")


def _no_delivery(delivery_id: str) -> Problem:
    return Problem("not_found", f"There is no webhook delivery {delivery_id!r}.")
