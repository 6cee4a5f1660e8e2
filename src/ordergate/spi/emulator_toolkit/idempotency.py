"""Responses stored under idempotency keys. The emulator decides which requests have a key and what a replay is."""

from typing import Generic, TypeVar

import msgspec

from ordergate.spi.emulator import EmulatedResponse

Key = TypeVar("Key")


class StoredResponse(msgspec.Struct, frozen=True):
    """The response to the first request with a key.

    Attributes:
        stored_at: Unix time in seconds.
        body: The body of the first request, to compare a retry with it.
        response: The response to the first request.
    """

    stored_at: float
    body: bytes
    response: EmulatedResponse


class IdempotencyStore(Generic[Key]):
    """The stored response of each key. A key contains everything that scopes it, such as the API key."""

    def __init__(self) -> None:
        self._responses: dict[Key, StoredResponse] = {}

    def find(self, key: Key, now: float, lifetime: float) -> StoredResponse | None:
        """Return the stored response if it is younger than `lifetime` seconds, else None."""
        stored = self._responses.get(key)
        return stored if stored is not None and now < stored.stored_at + lifetime else None

    def store(self, key: Key, response: StoredResponse) -> None:
        """Store a response. It replaces an earlier one with the same key."""
        self.discard(key)
        self._responses[key] = response

    def discard(self, key: Key) -> None:
        """Delete the response of a key, if there is one."""
        self._responses.pop(key, None)

    def discard_expired(self, now: float, lifetime: float) -> None:
        """Delete the oldest responses that are `lifetime` seconds old or older."""
        while self._responses:
            oldest = next(iter(self._responses))
            if now < self._responses[oldest].stored_at + lifetime:
                return
            del self._responses[oldest]
