"""Forgets, after the retention, what is kept of settled operations for repeats and recovery alone.

Keys become free, and requests, their commands and stored answers go; the operations' own records stay. Deliveries of
webhooks that ended go; their events stay. Any number of processes may do it at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from ordergate.gateway.context import Gateway
from ordergate.gateway.ports import JournalUnavailableError

EVERY = 60.0
"""Seconds between two rounds."""

BATCH = 500
"""Operations that one transaction prunes at most, so that no write waits long behind it."""

_PAUSE = 0.05

_log = structlog.get_logger("ordergate.retention")


@contextlib.asynccontextmanager
async def pruning(gateway: Gateway, every: float = EVERY) -> AsyncIterator[None]:
    """Prune in the background, from now on, each `every` seconds; failures of the journal are waited out."""
    task = asyncio.create_task(_prune_for_ever(gateway, every))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def prune(gateway: Gateway, batch: int = BATCH) -> int:
    """Prune all that has expired, in small batches with pauses for other writes; return how many operations.

    Raises:
        JournalUnavailableError: The journal does not answer; the batches before are pruned.
    """
    since = gateway.clock() - gateway.configuration.retention
    pruned = await _all(lambda: gateway.journal.prune(since, batch), batch)
    await _all(lambda: gateway.journal.prune_deliveries(since, batch), batch)
    return pruned


async def _all(one_batch: Callable[[], Awaitable[int]], batch: int) -> int:
    total = 0
    while True:
        pruned = await one_batch()
        total += pruned
        if pruned < batch:
            return total
        await asyncio.sleep(_PAUSE)


async def _prune_for_ever(gateway: Gateway, every: float) -> None:
    while True:
        try:
            pruned = await prune(gateway)
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        else:
            if pruned:
                _log.info("operations.pruned", operations=pruned)
        await asyncio.sleep(every)
