"""Checks whether the journal accepts a write. Concurrent callers share one check."""

import asyncio

from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal

KEPT = 0.5
"""Seconds for which an answer is given again."""
PATIENCE = 3.0
"""Seconds within which a write has to be durable."""


class StoreCheck:
    """The last try. One that hangs is waited for by everybody who asks, and no second one is begun."""

    def __init__(self) -> None:
        """Have tried nothing."""
        self._trying: asyncio.Task[None] | None = None
        self._began = 0.0

    async def require_writable(self, journal: Journal) -> None:
        """Return if the journal takes a write.

        Raises:
            JournalUnavailableError: It does not, or not soon enough.
        """
        now = asyncio.get_running_loop().time()
        trying = self._trying
        if trying is None or (trying.done() and now - self._began > KEPT):
            self._trying = trying = asyncio.create_task(journal.write(tx.health.check_writable()))
            self._began = now
        await asyncio.wait([trying], timeout=PATIENCE)
        if not trying.done():
            raise JournalUnavailableError(f"The journal made no write durable within {PATIENCE:g} s")
        trying.result()
