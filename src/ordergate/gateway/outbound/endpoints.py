"""Webhook endpoints of merchants, and their signing secrets."""

import secrets
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from ordergate.domain.errors import Problem
from ordergate.domain.event_type import EventType
from ordergate.domain.identifiers import new_id
from ordergate.domain.mode import World
from ordergate.domain.validation import summary
from ordergate.domain.webhook_bodies import EndpointBody, EndpointUpdate, RotateBody
from ordergate.domain.webhooks import url_errors
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.outbound.sign import secret_of
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.deliveries import Endpoint, SigningSecret

MOST = 20
"""Endpoints of one merchant in one world."""

_RANDOM_BYTES = 32
_READ = "orders:read"


async def create_endpoint(
    runtime: Runtime, caller: Caller, merchant: str, body: EndpointBody
) -> tuple[Endpoint, str]:
    """Keep a new endpoint, and return it with its secret, which is shown once.

    Raises:
        Problem: ``invalid_request`` for the URL, ``invalid_state`` if there are too many; ``forbidden`` for a key
            without the scope to read orders, because events contain whole orders.
    """
    caller.require(_READ)
    _check_url(runtime, body.url, caller.world)
    now = runtime.clock()
    endpoint = Endpoint(
        id=new_id("wh"),
        merchant=merchant,
        world=caller.world,
        url=body.url,
        types=_types(body.types),
        description=body.description,
        enabled=True,
        disabled_reason=None,
        created_at=now,
        updated_at=now,
    )
    secret = _new_secret()
    if not await runtime.journal.write(tx.endpoints.add(endpoint, secret, MOST)):
        raise Problem(
            "invalid_state", f"There are {MOST} webhook endpoints already; delete one of them first."
        )
    return endpoint, secret.value


async def visible_endpoint(runtime: Runtime, caller: Caller, endpoint_id: str) -> Endpoint:
    """Return an endpoint that the caller may know of.

    Raises:
        Problem: ``not_found``.
    """
    endpoint = await runtime.journal.read(tx.endpoints.find(endpoint_id))
    if endpoint is None or not caller.sees(endpoint.merchant, endpoint.world):
        raise _no_endpoint(endpoint_id)
    return endpoint


async def change_endpoint(
    runtime: Runtime, caller: Caller, endpoint_id: str, body: EndpointUpdate
) -> Endpoint:
    """Change the given fields of an endpoint; the others keep their values.

    Raises:
        Problem: ``not_found``, ``invalid_request`` for the URL, or ``forbidden`` as for a new one.
    """
    caller.require(_READ)
    await visible_endpoint(runtime, caller, endpoint_id)
    changes: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    if "url" in changes:
        _check_url(runtime, changes["url"], caller.world)
        changes["failing_since"] = None
    if "types" in changes:
        changes["types"] = _types(changes["types"])
    return await _change(runtime, endpoint_id, changes)


async def switch_endpoint(runtime: Runtime, caller: Caller, endpoint_id: str, *, enabled: bool) -> Endpoint:
    """Enable or disable an endpoint, and clear its failures.

    Raises:
        Problem: ``not_found``.
    """
    await visible_endpoint(runtime, caller, endpoint_id)
    changes = {"enabled": enabled, "disabled_reason": None, "failing_since": None}
    endpoint = await _change(runtime, endpoint_id, changes)
    runtime.workers.wake("delivery")
    return endpoint


async def delete_endpoint(runtime: Runtime, caller: Caller, endpoint_id: str) -> None:
    """Delete an endpoint and its queued deliveries.

    Raises:
        Problem: ``not_found``.
    """
    await visible_endpoint(runtime, caller, endpoint_id)
    await runtime.journal.write(tx.endpoints.delete(endpoint_id))


async def rotate_secret(
    runtime: Runtime, caller: Caller, endpoint_id: str, body: RotateBody
) -> tuple[Endpoint, str]:
    """Make a new secret, and return it with its endpoint; the old ones sign beside it for the overlap.

    Raises:
        Problem: ``not_found``.
    """
    endpoint = await visible_endpoint(runtime, caller, endpoint_id)
    secret = _new_secret()
    ends_at = runtime.clock() + timedelta(hours=body.overlap_hours)
    if not await runtime.journal.write(tx.endpoints.rotate_secret(endpoint_id, secret, ends_at)):
        raise _no_endpoint(endpoint_id)
    return endpoint, secret.value


async def _change(runtime: Runtime, endpoint_id: str, changes: dict[str, Any]) -> Endpoint:
    changed = await runtime.journal.write(
        tx.endpoints.update(endpoint_id, {**changes, "updated_at": runtime.clock()})
    )
    if changed is None:
        raise _no_endpoint(endpoint_id)
    return changed


def _check_url(runtime: Runtime, url: str, world: World) -> None:
    errors = url_errors(url, live=world == "live", allowed=runtime.configuration.webhooks.networks)
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)


def _types(given: list[EventType] | None) -> tuple[EventType, ...] | None:
    return None if given is None else tuple(dict.fromkeys(given))


def _new_secret() -> SigningSecret:
    return SigningSecret(value=secret_of(secrets.token_bytes(_RANDOM_BYTES)), ends_at=None)


def _no_endpoint(endpoint_id: str) -> Problem:
    return Problem("not_found", f"There is no webhook endpoint {endpoint_id!r}.")
