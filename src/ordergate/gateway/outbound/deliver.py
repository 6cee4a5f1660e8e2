"""Delivers events to the merchants' endpoints: at least once, and in order for each order.

A failed delivery holds the later deliveries of its order at its endpoint, and no others. Each endpoint has its own
slots, so that a silent one delays no other. Any number of processes share the work.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.webhooks import Message, next_try_in, seconds_until
from ordergate.gateway.accounts.account import Trips
from ordergate.gateway.accounts.breaker import (
    Breaker,
    after_failure,
    after_success,
    blocked_for,
    passing,
    released,
)
from ordergate.gateway.outbound.sign import signed_headers
from ordergate.gateway.runtime.event_ports import Reply
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.deliveries import DeliveryBatch, DueDelivery, Endpoint, SigningSecret

TRIPS = Trips(after=5, seconds=10.0)
"""The breaker of an endpoint opens after `after` tries without a response; after `seconds` one delivery tests it."""

AT_ONCE = 128
"""Concurrent deliveries of one process, all endpoints together."""

GONE = 410
DEAD_AFTER = timedelta(days=5)
"""An endpoint that fails for longer is disabled when a delivery exhausts its retries."""

_LONGEST_DETAIL = 200
_BACKOFF_STATUSES = frozenset({429, 503})
_IDLE = 1.0
_RELEASE_EVERY = 5.0
_MAX_PAUSE = 3600.0
"""Longest pause of a whole endpoint after a Retry-After, in seconds; the delivery itself honors up to a day."""

_WAKES_BELOW = 60.0
"""A retry that is due in fewer seconds wakes this process; a later one waits for a round."""

_STOP_TIMEOUT = 2.0
"""Seconds that running deliveries have to end when the process stops."""

_log = structlog.get_logger("ordergate.webhooks")


@dataclass(slots=True)
class EndpointState:
    """One endpoint as this process sees it.

    Attributes:
        in_flight: Deliveries that run now.
        paused_until: End of the pause that the receiver requested with Retry-After, in seconds of the loop's clock.
    """

    in_flight: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    paused_until: float = 0.0

    def room(self, now: float, at_once: int) -> int:
        """Return how many further deliveries may start."""
        if self.paused_until > now or blocked_for(self.breaker, TRIPS, now) is not None:
            return 0
        most = at_once if self.breaker.opened_at is None else 1
        return max(most - self.in_flight, 0)

    def is_idle(self, now: float) -> bool:
        """Whether it equals a new state, so that it can be dropped."""
        quiet = self.breaker.opened_at is None and not self.breaker.failures
        return not self.in_flight and self.paused_until <= now and quiet


@contextlib.asynccontextmanager
async def delivering(runtime: Runtime) -> AsyncIterator[None]:
    """Deliver events to webhook endpoints in the background until the block ends."""
    deliveries = DeliveryWorker(runtime)
    worker = runtime.workers.run(
        "delivery", deliveries.do_round, log=_log, failure="deliveries.failed", after_failure=_IDLE
    )
    try:
        async with worker:
            yield
    finally:
        await deliveries.stop()


class DeliveryWorker:
    """Makes the deliveries of one process."""

    def __init__(self, runtime: Runtime) -> None:
        """Start without deliveries."""
        self._runtime = runtime
        self._states: dict[str, EndpointState] = {}
        self._held: dict[str, asyncio.Task[None]] = {}
        self._release_at = 0.0

    async def do_round(self) -> float:
        """Start due deliveries; return the seconds until the next round.

        Raises:
            JournalUnavailableError: The journal failed.
        """
        now = asyncio.get_running_loop().time()
        try:
            if now >= self._release_at:
                await self.release()
                self._release_at = now + _RELEASE_EVERY
            return 0.0 if await self.start_due() else _IDLE
        except JournalUnavailableError:
            self._release_at = now  # the failed write may have acquired deliveries all the same
            raise

    async def release(self) -> None:
        """Release the deliveries of dead processes, and those that this process has acquired without knowing.

        Raises:
            JournalUnavailableError: The journal does not answer.
        """
        await self._runtime.journal.write(tx.deliveries.release(self._runtime.node, self._held.keys()))

    async def start_due(self) -> int:
        """Start due deliveries that have room; return how many.

        Raises:
            JournalUnavailableError: The journal does not answer.
        """
        runtime, started = self._runtime, 0
        now, at_once = asyncio.get_running_loop().time(), runtime.configuration.webhooks.at_once
        self._states = {key: state for key, state in self._states.items() if not state.is_idle(now)}
        for endpoint_id in await runtime.journal.read(tx.endpoints.find_due()):
            state = self._states.setdefault(endpoint_id, EndpointState())
            room = min(state.room(now, at_once), AT_ONCE - len(self._held))
            if room <= 0:
                continue
            try:
                started += await self._start_at(endpoint_id, state, room)
            except JournalUnavailableError:
                raise
            except Exception:  # noqa: BLE001 - a failure at one endpoint stops no other
                _log.exception("deliveries.failed", endpoint_id=endpoint_id)
        return started

    async def _start_at(self, endpoint_id: str, state: EndpointState, room: int) -> int:
        parcel = await self._runtime.journal.write(
            tx.deliveries.acquire(endpoint_id, self._runtime.node, room)
        )
        if parcel is None:
            return 0
        for due in parcel.due:
            state.in_flight += 1
            state.breaker = passing(state.breaker)
            self._held[due.delivery.id] = asyncio.create_task(self._deliver(state, parcel, due))
        return len(parcel.due)

    async def stop(self) -> None:
        """Give running deliveries a moment to end. The rest is cancelled and delivered again by another process."""
        tasks = list(self._held.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(JournalUnavailableError):
            await self.release()

    async def _deliver(self, state: EndpointState, batch: DeliveryBatch, due: DueDelivery) -> None:
        runtime, generation = self._runtime, state.breaker.generation
        try:
            reply, made = await attempt(runtime, batch.endpoint, batch.secrets, due)
            self._update_state(state, generation, reply)
            pause = self._next_try_in(due, reply)
            runtime.metrics.delivery(delivered=made.detail is None, last=pause is None)
            await _update_endpoint(runtime, batch.endpoint, reply, made, last=pause is None)
            await _record(runtime, due, made, pause)
            if pause is not None and made.detail is not None and pause < _WAKES_BELOW:
                asyncio.get_running_loop().call_later(pause, self._wake)
        except asyncio.CancelledError:
            state.breaker = released(state.breaker, generation)
            raise
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - it counts as a failed try; other deliveries continue
            state.breaker = released(state.breaker, generation)
            _log.exception("webhook.broken", delivery_id=due.delivery.id, order_id=due.event.order)
            await self._record_failed_try(due)
        finally:
            state.in_flight -= 1
            self._held.pop(due.delivery.id, None)
            self._wake()

    async def _record_failed_try(self, due: DueDelivery) -> None:
        detail = "The gateway could not make this attempt; its log has the reason."
        made = DeliveryTry(at=self._runtime.steady_time(), milliseconds=0, http_status=None, detail=detail)
        try:
            await _record(self._runtime, due, made, self._next_try_in(due, Reply(status=None)))
        except Exception:  # noqa: BLE001 - the delivery is released and tried again
            _log.exception("webhook.broken", delivery_id=due.delivery.id, order_id=due.event.order)

    def _wake(self) -> None:
        self._runtime.workers.wake("delivery")

    def _update_state(self, state: EndpointState, generation: int, reply: Reply) -> None:
        """Update the breaker and the pause of an endpoint.

        Any status is a sign of life; only silence opens the breaker.
        """
        now = asyncio.get_running_loop().time()
        if reply.status is None:
            state.breaker = after_failure(state.breaker, generation, TRIPS, now, reply.detail or "")
        else:
            state.breaker = after_success(state.breaker, generation)
        asked = seconds_until(reply.retry_after, self._runtime.clock())
        if reply.status in _BACKOFF_STATUSES and asked:
            state.paused_until = max(state.paused_until, now + min(asked, _MAX_PAUSE))

    def _next_try_in(self, due: DueDelivery, reply: Reply) -> float | None:
        if reply.status == GONE:
            return 0.0
        asked = seconds_until(reply.retry_after, self._runtime.clock())
        plan = self._runtime.configuration.webhooks.retries
        return next_try_in(due.failures + 1, plan, self._runtime.chance(), asked)


async def attempt(
    runtime: Runtime, endpoint: Endpoint, secrets: Sequence[SigningSecret], due: DueDelivery
) -> tuple[Reply, DeliveryTry]:
    """Sign and send one event; return the reply and the try."""
    event = due.event
    message = Message(type=event.type, timestamp=event.timestamp, data=event.data)
    reply, made = await send(runtime, endpoint, secrets, event.id, message)
    _log.info(
        "webhook.attempt",
        endpoint_id=endpoint.id,
        delivery_id=due.delivery.id,
        event_id=event.id,
        type=event.type,
        order_id=event.order,
        status=reply.status,
        milliseconds=made.milliseconds,
        error=made.detail,
    )
    return reply, made


async def send(
    runtime: Runtime, endpoint: Endpoint, secrets: Sequence[SigningSecret], message_id: str, message: Message
) -> tuple[Reply, DeliveryTry]:
    """Sign a message, send it once, and return the reply and the try."""
    assert runtime.outbound.sender is not None
    body, at, loop = msgspec.json.encode(message), runtime.steady_time(), asyncio.get_running_loop()
    began = loop.time()
    headers = signed_headers(message_id, runtime.clock(), body, [secret.value for secret in secrets])
    reply = await runtime.outbound.sender.post(endpoint.url, headers, body)
    failed = f"The receiver answered {reply.status}; only a 2xx counts as delivered."
    ok = reply.status is not None and 200 <= reply.status < 300
    return reply, DeliveryTry(
        at=at,
        milliseconds=round((loop.time() - began) * 1000),
        http_status=reply.status,
        detail=None if ok else (reply.detail or failed)[:_LONGEST_DETAIL],
    )


def changes_by(
    endpoint: Endpoint, reply: Reply, now: datetime, *, delivered: bool, last: bool
) -> dict[str, Any]:
    """Return the changes of an endpoint after a try: since when it fails, and whether it stays enabled.

    Args:
        endpoint: Its record when the delivery was acquired.
        reply: The reply of the try.
        now: The time.
        delivered: The receiver responded with a 2xx.
        last: The delivery has no retry left.
    """
    if delivered:
        return {} if endpoint.failing_since is None else {"failing_since": None}
    off = {"enabled": False, "updated_at": now}
    if reply.status == GONE:
        return {**off, "disabled_reason": "The receiver answered 410 Gone."}
    if endpoint.failing_since is None:
        return {"failing_since": now}
    if last and now - endpoint.failing_since >= DEAD_AFTER:
        reason = f"Nothing could be delivered since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC."
        return {**off, "disabled_reason": reason}
    return {}


async def _update_endpoint(
    runtime: Runtime, endpoint: Endpoint, reply: Reply, made: DeliveryTry, *, last: bool
) -> None:
    """Record the result of a try at its endpoint, unless the URL has changed."""
    changes = changes_by(endpoint, reply, made.at, delivered=made.detail is None, last=last)
    if "disabled_reason" in changes:
        runtime.metrics.endpoint_disabled()
        _log.warning("webhook.disabled", endpoint_id=endpoint.id, reason=changes["disabled_reason"])
    if changes:
        await runtime.journal.write(tx.endpoints.update(endpoint.id, changes, only_at=endpoint.url))


async def _record(runtime: Runtime, due: DueDelivery, made: DeliveryTry, pause: float | None) -> None:
    """Record the end of a try. While the journal fails, this process keeps the delivery and repeats the write."""
    while True:
        try:
            await runtime.journal.write(tx.deliveries.finish(due, runtime.node, made, next_try_in=pause))
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
            await asyncio.sleep(_IDLE)
        else:
            return
