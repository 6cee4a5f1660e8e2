"""Keys that were looked up a moment ago, so that not every request has to ask the journal whose key it brings."""

import asyncio

from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey

KEPT = 0.25
"""Seconds after which a key is looked up again at the latest: so long may one that was revoked still be good."""


class KnownKeys:
    """The keys of the present moment, by their hashes. Keys that nobody has are not kept: they may be any number."""

    def __init__(self) -> None:
        """Know none."""
        self._keys: dict[bytes, ApiKey] = {}
        self._until = 0.0

    async def find(self, journal: Journal, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this hash; None if nobody has it.

        Raises:
            JournalUnavailableError: It has to be looked up, and the journal does not answer.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._keys, self._until = {}, now + KEPT
        keys = self._keys  # an answer that comes when these are not in use any more is too old to be kept
        key = keys.get(secret_hash)
        if key is None:
            key = await journal.read(tx.keys.find(secret_hash))
            if key is not None:
                keys[secret_hash] = key
        return key
