"""Deletes, after the retention time, the data that only retries and recovery need.

Keys become free. Requests, commands and stored answers are deleted; the records of the operations stay. Finished
webhook deliveries are deleted; their events stay. Processed events of providers are deleted. Any number of processes
may prune at the same time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import structlog

from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.transaction import Transaction

EVERY = 60.0
"""Seconds between two rounds."""

BATCH = 500
"""Operations that one transaction prunes at most, so that no write waits long behind it."""

_PAUSE = 0.05

_log = structlog.get_logger("ordergate.retention")


@contextlib.asynccontextmanager
async def pruning(runtime: Runtime, every: float = EVERY) -> AsyncIterator[None]:
    """Prune each `every` seconds in the background until the block ends."""

    async def do_round() -> float:
        operations, events = await prune(runtime), await prune_events(runtime)
        if operations:
            _log.info("operations.pruned", operations=operations)
        if events:
            _log.info("events.pruned", events=events)
        return every

    async with runtime.workers.run(
        "retention", do_round, log=_log, failure="retention.failed", after_failure=every
    ):
        yield


async def prune(runtime: Runtime, batch: int = BATCH) -> int:
    """Prune all operations that have expired, in small batches with pauses for other writes; return how many.

    Raises:
        JournalUnavailableError: The journal does not answer; the batches before are pruned.
    """
    pruned = await _in_batches(runtime, tx.operations.prune, batch)
    await _in_batches(runtime, tx.deliveries.prune, batch)
    return pruned


async def prune_events(runtime: Runtime, batch: int = BATCH) -> int:
    """Prune old events of providers, except those with a waiting resync job; return how many.

    Raises:
        JournalUnavailableError: The journal does not answer; the batches before are pruned.
    """
    return await _in_batches(runtime, tx.resync.prune, batch)


async def _in_batches(
    runtime: Runtime, forget: Callable[[datetime, int], Transaction[int]], batch: int
) -> int:
    since = runtime.steady_time() - runtime.configuration.retention
    total = 0
    while True:
        pruned = await runtime.journal.write(forget(since, batch))
        total += pruned
        if pruned < batch:
            return total
        await asyncio.sleep(_PAUSE)
