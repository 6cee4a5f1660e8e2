"""When keys were last used: kept in memory, and written down once a minute, off the callers' path."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import structlog

from ordergate.gateway.runtime.workers import BackgroundWorkers
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal

_PAUSE = 60.0

_log = structlog.get_logger("ordergate.keys")


class KeyUse:
    """When the keys that this process has accepted were last used.

    Only keys of the journal get here, so the number is bounded.
    """

    def __init__(self) -> None:
        """Know none."""
        self._unwritten: dict[str, datetime] = {}

    def note(self, key_id: str, now: datetime) -> None:
        """Remember that a key was good just now."""
        self._unwritten[key_id] = now

    async def write_down(self, journal: Journal) -> None:
        """Record in the journal when keys were used since the last time.

        After a failure, the next call records the same uses.

        Raises:
            JournalUnavailableError: Nothing was recorded.
        """
        uses, self._unwritten = self._unwritten, {}
        if not uses:
            return
        try:
            await journal.write(tx.keys.record_use(uses))
        except BaseException:
            self._unwritten = uses | self._unwritten
            raise


@contextlib.asynccontextmanager
async def recording_key_use(workers: BackgroundWorkers, use: KeyUse, journal: Journal) -> AsyncIterator[None]:
    """Record once a minute, and when the block ends, when keys were used. A crash loses the last minute."""

    async def do_round() -> float:
        await use.write_down(journal)
        return _PAUSE

    try:
        async with workers.run(
            "key_use",
            do_round,
            log=_log,
            failure="key_use.failed",
            after_failure=_PAUSE,
            first_after=_PAUSE,
        ):
            yield
    finally:
        try:
            await use.write_down(journal)
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - the process ends all the same
            _log.exception("key_use.failed")
