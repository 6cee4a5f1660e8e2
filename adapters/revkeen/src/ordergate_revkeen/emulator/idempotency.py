"""Idempotency keys: one mutation per key, method and path, its answer repeated for 24 hours.

RevKeen docs, Idempotency guide.
"""

from collections.abc import Callable

import msgspec

from ordergate.spi.emulator import EmulatedResponse
from ordergate.spi.emulator_toolkit.idempotency import IdempotencyStore, StoredResponse

from .bodies import same_json
from .calls import Call
from .errors import conflict, invalid
from .switches import Switches

LIFETIME_SECONDS = 24 * 60 * 60
HONOURED = frozenset({"POST", "PATCH", "PUT"})
MAX_LENGTH = 255

Answer = Callable[[], tuple[EmulatedResponse, bool]]
"""Does the work; returns the response and whether it may be stored."""


class IdempotencyKeys:
    """The stored response of each key, per API key, method and path."""

    def __init__(self) -> None:
        self._store = IdempotencyStore[tuple[str, str, str, str]]()

    def answer(self, call: Call, switches: Switches, work: Answer) -> EmulatedResponse:
        """Return the stored response, or do the work and store its response.

        Raises:
            ApiError: 409 for a key with another body or still running, 400 for an invalid key.
        """
        key = usable_key(call, switches)
        if key is None:
            return work()[0]
        scope = (call.request.headers.get("x-api-key", ""), call.request.method, call.request.path, key)
        stored = self._store.find(scope, call.now, LIFETIME_SECONDS)
        if stored is not None:
            return _replay(stored, call, switches)
        response, storable = work()
        self._store.discard(scope)
        if storable:
            self._store.store(scope, StoredResponse(call.now, call.request.body, response))
        return response

    def discard_expired(self, now: float) -> None:
        """Delete the responses that are 24 hours old."""
        self._store.discard_expired(now, LIFETIME_SECONDS)


def usable_key(call: Call, switches: Switches) -> str | None:
    """Return the request's key, if the method supports one.

    Raises:
        ApiError: The key is empty or longer than 255 characters.
    """
    key = call.request.headers.get("idempotency-key")
    if key is None or call.request.method not in HONOURED:
        return None
    if 1 <= len(key) <= MAX_LENGTH:
        return key
    if switches.bad_idempotency_key == "refuse":
        raise invalid(f"Idempotency-Key must have 1 to {MAX_LENGTH} characters")
    return None


def stored_by_status(status: int, switches: Switches) -> bool:
    """Return whether a response with this status is stored under its key."""
    exceptions = {
        401: switches.idempotency_stores_unauthorized,
        404: switches.idempotency_stores_not_found,
        429: switches.idempotency_stores_rate_limited,
    }
    return exceptions.get(status, True)


def _replay(stored: StoredResponse, call: Call, switches: Switches) -> EmulatedResponse:
    if not _same_body(stored.body, call.request.body, switches):
        raise conflict("The Idempotency-Key was used with another body", "idempotency_conflict")
    if call.now < stored.stored_at + switches.idempotency_running_seconds:
        raise conflict("The first request with this key is still running", "idempotency_in_progress")
    headers = {**stored.response.headers, "Idempotency-Replayed": "true"}
    return msgspec.structs.replace(stored.response, headers=headers)


def _same_body(first: bytes, second: bytes, switches: Switches) -> bool:
    return first == second or (switches.idempotency_compares == "json" and same_json(first, second))
