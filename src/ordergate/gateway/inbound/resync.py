"""Reads orders again after events of their providers: an event is a hint, the order at the provider is the truth.

Events of one order are gathered for a moment and share one read (debounce). A failed read is tried again until it
succeeds. Any number of processes on any number of hosts share the jobs; one process at a time has a job.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import structlog

from ordergate.domain.assembly import OrderRecord, with_snapshot
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.errors import Problem
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.routing import account_of
from ordergate.gateway.orders.confirm import confirm_if_due
from ordergate.gateway.orders.imports import import_marked
from ordergate.gateway.orders.read import read_command
from ordergate.gateway.runtime.background import in_background
from ordergate.gateway.runtime.order_log import refresh
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import read_order
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Operation
from ordergate.journal.records.orders import StoredOrder
from ordergate.journal.records.provider_events import ResyncJob
from ordergate.telemetry.log import note_order

AT_ONCE = 8
"""Jobs of one account that one process runs at the same time, so that a slow provider delays no other."""

GRACE = 5.0
"""Seconds that an event of an unknown order waits for its create, before the order is read at the provider."""

_IDLE = 1.0
_DEBOUNCE_MARGIN = 0.01
_RACES = 5
_FIRST_BACKOFF = 0.5
_LONGEST_WAIT = 4.0
_LONGEST_BACKOFF = 300.0
_REFUSALS = 8
"""Lasting refusals of a provider after which the order counts as deleted there."""
_LASTING = frozenset({"provider_rejected", "not_found"})

T = TypeVar("T")

_Running = dict["asyncio.Task[None]", tuple[str, str]]
"""The jobs that this process runs, each with its account and its name."""

_log = structlog.get_logger("ordergate.inbound")


class _WriteUnderWay(Exception):  # noqa: N818 - it is an expected end of a job, not an error
    """A write that creates or changes the order is under way, or may be: the event is younger than `GRACE`."""


@contextlib.asynccontextmanager
async def resyncing(runtime: Runtime) -> AsyncIterator[None]:
    """Run due resync jobs in the background until the block ends."""
    running: _Running = {}

    async def do_round() -> float:
        return 0.0 if await _start_due(runtime, running) else _IDLE

    worker = runtime.workers.run(
        "resync",
        do_round,
        log=_log,
        failure="inbound.failed",
        after_failure=_IDLE,
        gather=lambda: runtime.configuration.inbound.pace.settle + _DEBOUNCE_MARGIN,
    )
    try:
        async with worker:
            yield
    finally:  # another process starts an unfinished job again
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _start_due(runtime: Runtime, running: _Running) -> int:
    """Start due jobs, as many as there is room for; return how many."""
    held = set(running.values())
    busy = Counter(account for account, _ in held)
    room = {
        account.name: AT_ONCE - busy[account.name]
        for account in runtime.configuration.accounts.values()
        if account.accept != "none"
        and busy[account.name] < AT_ONCE
        and runtime.transport.health(account).has_room
    }
    due = await runtime.journal.read(tx.resync.accounts_due(list(room)))
    room = {account: room[account] for account in due}
    taken = await runtime.journal.write(tx.resync.acquire_due(runtime.node, room, held)) if room else []

    def end(ended: "asyncio.Task[None]") -> None:
        del running[ended]
        runtime.workers.wake("resync", at_once=True)

    for subject in taken:
        task = asyncio.create_task(_run_job(runtime, subject))
        running[task] = (subject.account, subject.name)
        task.add_done_callback(end)
    return len(taken)


async def _run_job(runtime: Runtime, subject: ResyncJob) -> None:
    """Run one resync job, and finish or postpone it."""
    with in_background(runtime, "inbound"):
        await _resync(runtime, subject)


async def _resync(runtime: Runtime, subject: ResyncJob) -> None:
    """Read an order again, or postpone the job."""
    pace = runtime.configuration.inbound.pace
    try:
        record = await _resync_order(runtime, subject)
    except _WriteUnderWay:
        await _postpone(runtime, subject, min(_FIRST_BACKOFF * 2.0**subject.tries, _LONGEST_WAIT))
    except Problem as problem:
        if problem.code in _LASTING and subject.tries >= _REFUSALS:
            await _dead_letter(runtime, subject, problem.detail)
            return
        _log.info("inbound.postponed", account=subject.account, subject=subject.name, code=problem.code)
        await _postpone(runtime, subject, max(_backoff(subject), problem.retry_after or 0))
    except JournalUnavailableError as error:
        _log.warning("journal.unavailable", error=str(error))
        await _postpone(runtime, subject, _IDLE)
    except Exception:  # noqa: BLE001 - the job is postponed, and other jobs continue
        _log.exception("inbound.failed", account=subject.account, subject=subject.name)
        await _postpone(runtime, subject, max(_backoff(subject), _LONGEST_BACKOFF / 10))
    else:
        if record is None:
            await _dead_letter(runtime, subject, "No merchant of this gateway has the order.")
            return
        erase = record.redacted_at is not None
        await until_recorded(
            lambda: runtime.journal.write(tx.resync.finish(subject, runtime.node, pace, erase=erase))
        )


async def _resync_order(runtime: Runtime, subject: ResyncJob) -> OrderRecord | None:
    """Read the order of a job, and record it; None if no merchant has it.

    Raises:
        _WriteUnderWay: A write of the order is under way; the event may be its effect.
        Problem: The order could not be read.
    """
    account = runtime.configuration.accounts[subject.account]
    stored = await _find_order(runtime, subject)
    if stored is None:
        return await _import_unknown(runtime, account, subject)
    note_order(stored.record.id)
    unsettled = await runtime.journal.read(tx.operations.find_unsettled(stored.record.id))
    if unsettled is not None and unsettled.state == "in_progress":
        raise _WriteUnderWay  # its response may be older than a read now
    home = account_of(runtime.configuration, stored.record)
    if home is None:
        raise Problem(
            "no_route", f"The account {subject.account!r} now belongs to another provider or environment."
        )
    return (await read_again(runtime, home, stored)).record


async def read_again(runtime: Runtime, account: Account, stored: StoredOrder) -> StoredOrder:
    """Read an order at its provider and record it; confirm its payment if that is due.

    A concurrent write may have read the provider earlier than this job. Then the order is read once more, so that the
    record is the provider's latest state.

    Raises:
        Problem: The order could not be read, or ``order_busy``: it keeps changing.
    """
    for _ in range(_RACES):
        seen = await read_order(runtime, account, read_command(stored.record))
        record = with_snapshot(stored.record, seen, runtime.steady_time())
        kept = await refresh(runtime, record, stored)
        if kept.record == record:
            return await confirm_if_due(runtime, account, kept)
        stored = kept
    raise Problem("order_busy", "The order keeps changing while it is read.", retry_after=1)


async def _find_order(runtime: Runtime, subject: ResyncJob) -> StoredOrder | None:
    native = subject.provider_order_id
    if native is not None:
        record = (await runtime.journal.read(tx.orders.find_imported(subject.account, [native]))).get(native)
        return None if record is None else await runtime.journal.read(tx.orders.find(record.id))
    for operation in await _operations_here(runtime, subject.account, subject.operations):
        stored = await runtime.journal.read(tx.orders.find(operation.order))
        if stored is not None:
            return stored
    return None


async def _import_unknown(runtime: Runtime, account: Account, subject: ResyncJob) -> OrderRecord | None:
    """Import an order whose mark names its merchant, unless an operation of this journal creates it.

    Raises:
        _WriteUnderWay: An operation of this journal may still create it.
        Problem: The order could not be read.
    """
    creating = await _operations_here(runtime, account.name, subject.operations)
    _require_settled(runtime, creating, subject)
    native = subject.provider_order_id
    if creating or native is None or (subject.parked and subject.merchant is None):
        return None
    if subject.age < GRACE:
        raise _WriteUnderWay
    seen = await read_order(runtime, account, RetrieveOrder(provider_order_id=native))
    merchant, mark = seen.marked_merchant, seen.marked_operation
    if isinstance(mark, str):
        creating = await _operations_here(runtime, account.name, [mark])
        _require_settled(runtime, creating, subject)
    if creating or not isinstance(merchant, str) or not account.open_to(merchant, account.world):
        return None
    return await _import_marked(runtime, account, merchant, seen)


async def _import_marked(
    runtime: Runtime, account: Account, merchant: str, seen: ProviderOrder
) -> OrderRecord:
    record = await import_marked(runtime, account, merchant, seen)
    _log.info("order.adopted", order_id=record.id, account=account.name, merchant=merchant)
    stored = await runtime.journal.read(tx.orders.find(record.id))
    assert stored is not None
    return (await confirm_if_due(runtime, account, stored)).record


def _require_settled(runtime: Runtime, operations: list[Operation], subject: ResyncJob) -> None:
    """Check that no operation can still create the order: all are settled, and failed ones had their delayed probe.

    Raises:
        _WriteUnderWay: An operation can still create it.
    """
    late_look = runtime.configuration.late_look.total_seconds()
    if any(
        not operation.settled or (operation.state == "failed" and subject.age < late_look)
        for operation in operations
    ):
        raise _WriteUnderWay


async def _operations_here(
    runtime: Runtime, account: str, named: "tuple[str, ...] | list[str]"
) -> list[Operation]:
    """Return the named operations that this journal has at the account."""
    found = [await runtime.journal.read(tx.operations.find(operation)) for operation in named]
    return [operation for operation in found if operation is not None and operation.account == account]


async def _dead_letter(runtime: Runtime, subject: ResyncJob, reason: str) -> None:
    """Finish a job as a dead letter: its events stay, and the next event of the order starts the job again."""
    if not subject.parked:
        runtime.metrics.parked_event(subject.account)
        _log.warning("event.parked", account=subject.account, subject=subject.name, reason=reason)
    pace = runtime.configuration.inbound.pace
    await until_recorded(
        lambda: runtime.journal.write(tx.resync.finish(subject, runtime.node, pace, parked=True))
    )


async def _postpone(runtime: Runtime, subject: ResyncJob, seconds: float) -> None:
    await until_recorded(lambda: runtime.journal.write(tx.resync.postpone(subject, runtime.node, seconds)))


def _backoff(subject: ResyncJob) -> float:
    """Return the seconds to the next read: longer after each failure."""
    pause = min(_FIRST_BACKOFF * 2.0 ** min(subject.tries, 12), _LONGEST_BACKOFF)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 - jitter needs no secure randomness


async def until_recorded(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write until it succeeds. While this process lives, no other process has the job."""
    while True:
        try:
            return await write()
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
            await asyncio.sleep(_IDLE)
