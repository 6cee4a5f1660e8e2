"""The lease of a process: while it lasts, no other process acquires the operations of this one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError

LEASE = 15.0
"""Seconds that a lease lasts after its last renewal."""

_log = structlog.get_logger("ordergate.recovery")


@contextlib.asynccontextmanager
async def leased(runtime: Runtime, *, drain: float, serves: bool = True) -> AsyncIterator[None]:
    """Acquire the lease of this process and renew it until the block ends; then drain, and release it.

    Args:
        runtime: This process.
        drain: Seconds that the writes under way get in the end.
        serves: The process serves requests. Only serving processes share the providers' rate limits.

    Raises:
        JournalUnavailableError: The journal failed at the start. Later failures are waited out.
    """
    await _renew(runtime, serves=serves)

    async def heartbeat() -> float:
        try:
            # A connection that hangs must not cost the lease: the next try gets another one.
            async with asyncio.timeout(LEASE / 5):
                await _renew(runtime, serves=serves)
        except TimeoutError as error:
            raise JournalUnavailableError("It did not answer in time.") from error
        try:
            async with asyncio.timeout(LEASE / 3):
                await runtime.journal.write(tx.leases.reap_expired(runtime.node, runtime.work.held))
        except (JournalUnavailableError, TimeoutError) as error:
            _log.warning("journal.unavailable", error=str(error) or "It did not answer in time.")
        return LEASE / 3

    heartbeats = runtime.workers.run(
        "lease",
        heartbeat,
        log=_log,
        failure="lease.failed",
        after_failure=LEASE / 15,
        first_after=LEASE / 3,
    )
    try:
        async with heartbeats:
            try:
                yield
            finally:
                await runtime.work.drain(drain)
    finally:
        with contextlib.suppress(JournalUnavailableError):
            await runtime.journal.write(tx.leases.release(runtime.node))


async def _renew(runtime: Runtime, *, serves: bool) -> None:
    runtime.steady_time()  # notices a step of the host's clock now, not at the next request
    renewed_at = asyncio.get_running_loop().time()
    serving = await runtime.journal.write(tx.leases.renew(runtime.node, LEASE, serves=serves))
    runtime.transport.share_among(serving)
    runtime.work.lease.until = renewed_at + LEASE
