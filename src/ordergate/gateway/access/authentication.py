"""Authenticates callers by their key, and limits the requests of a key and the guesses of an address.

An expired key is refused from then on. A revoked key is refused by every process within a second
(:data:`ordergate.gateway.runtime.known_keys.KEPT`). If the body of a request takes longer, the key is looked up again,
and the journal claims no write for a revoked key.
"""

from datetime import datetime

from ordergate.domain.errors import Problem
from ordergate.gateway.access.caller import Caller, key_revoked, presented_hash
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal.records.keys import ApiKey

UNKNOWN_KEYS_PER_MINUTE = 20
"""Unknown keys that one address may present; further ones are answered with 429."""


async def identify(runtime: Runtime, authorization: str | None, address: str) -> Caller:
    """Return who calls.

    Args:
        runtime: This process. Its journal has hashes of keys, so a comparison leaks nothing about a key.
        authorization: The header's value.
        address: Address of the connection. Behind a proxy all callers share one, so a valid key is accepted in any
            case.

    Raises:
        Problem: ``unauthenticated``, or ``rate_limited`` after too many unknown keys from the address.
    """
    key = await runtime.access.known_keys.find(runtime.journal, presented_hash(authorization))
    if key is None:
        detail = "Too many unknown API keys were sent from this address; wait, and send an existing key."
        runtime.access.unknown_keys.require_room(address, UNKNOWN_KEYS_PER_MINUTE, detail)
        await runtime.access.unknown_keys.count(address, UNKNOWN_KEYS_PER_MINUTE)
    now = runtime.clock()
    caller = caller_with(key, now)
    runtime.access.key_use.note(caller.key, now)
    return caller


async def count_request(runtime: Runtime, caller: Caller) -> None:
    """Count a request of a key, if the configuration limits them.

    Raises:
        Problem: ``rate_limited``: nothing of the request has been done.
    """
    limit = runtime.configuration.key_requests_per_minute
    if limit:
        detail = (
            f"This key may make {limit} requests a minute here; repeat this one, as it is, a little later."
        )
        runtime.access.key_requests.require_room(caller.key, limit, detail)
        await runtime.access.key_requests.count(caller.key, limit)


def caller_with(key: ApiKey | None, now: datetime) -> Caller:
    """Return who calls with a key.

    Raises:
        Problem: ``unauthenticated``: there is no such key, it was revoked, or its time is over.
    """
    if key is None or key.revoked_at is not None:
        raise key_revoked()
    if key.expires_at is not None and key.expires_at <= now:
        raise Problem("unauthenticated", "This API key has expired; make another with: ordergate keys create")
    return Caller(
        key=key.id,
        merchant=key.merchant,
        world=key.world,
        operator=key.operator,
        scopes=frozenset(key.scopes),
    )
