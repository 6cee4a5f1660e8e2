"""A short-lived cache of keys, so that not every request reads the journal."""

import asyncio

from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey

KEPT = 0.25
"""Maximum seconds until a key is looked up again: a revoked key may be accepted for so long."""


class KnownKeys:
    """The cached keys, by their hashes. Unknown keys are not cached, because their number is unbounded."""

    def __init__(self) -> None:
        """Know none."""
        self._keys: dict[bytes, ApiKey] = {}
        self._until = 0.0

    async def find(self, journal: Journal, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this hash; None if there is none.

        Raises:
            JournalUnavailableError: The key is not cached, and the journal failed.
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
