"""Finds out what became of writes whose answer was lost: by looking at the provider, never by sending again.

Any process may run it, on any number of hosts; each operation is looked after by one at a time.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec
import structlog

from ordergate.domain.commands import CreateOrder
from ordergate.domain.errors import Problem
from ordergate.domain.operation import Probe
from ordergate.domain.outcome import Absent, Applied, NotApplied, Unknown
from ordergate.gateway.accounts.routing import home_of
from ordergate.gateway.runtime.background import in_background
from ordergate.gateway.runtime.runtime import Gateway
from ordergate.gateway.writes.attempt import carry_out_accepted
from ordergate.gateway.writes.conversation import probe
from ordergate.gateway.writes.outcomes import Held, absent, applied, nothing_done, refused
from ordergate.gateway.writes.prepared import Elsewhere
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import AcquiredOperation, Operation
from ordergate.telemetry.log import note_operation

LEASE = 15.0
"""Seconds that a process keeps what it holds after the last sign of life."""

AT_ONCE = 16
"""Operations that one process looks after at the same time."""

_IDLE = 1.0
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_KEPT_PROBES = 20
_VERDICTS: dict[type[object], Literal["applied", "not_applied", "absent", "unclear"]] = {
    Applied: "applied",
    NotApplied: "not_applied",
    Absent: "absent",
    Unknown: "unclear",
}

CreateFailover = Callable[[Gateway, Operation, CreateOrder], Elsewhere]
"""Returns the failover of a create that another process accepted."""

_log = structlog.get_logger("ordergate.recovery")


@contextlib.asynccontextmanager
async def alive(gateway: Gateway, *, drain: float, serves: bool = True) -> AsyncIterator[None]:
    """Keep what this process holds from others, as long as it lives.

    Args:
        gateway: This process.
        drain: Seconds that the writes under way get in the end.
        serves: Rate limits are divided among the processes that serve; a command takes no part of them.

    Raises:
        JournalUnavailableError: The journal does not answer at the beginning; later failures are waited out.
    """
    await _prolong(gateway, serves=serves)
    task = asyncio.create_task(_stay_alive(gateway, serves=serves))
    try:
        yield
    finally:
        await gateway.drain(drain)
        await _end(task)
        with contextlib.suppress(JournalUnavailableError):
            await gateway.journal.write(tx.leases.release(gateway.node))


@contextlib.asynccontextmanager
async def recovering(gateway: Gateway, failover: CreateFailover) -> AsyncIterator[None]:
    """Look after unsettled operations in the background, from now on.

    Args:
        gateway: This process.
        failover: For creates that no process has begun.

    Raises:
        JournalUnavailableError: The journal does not answer at the beginning; later failures are waited out.
    """
    await gateway.journal.write(tx.leases.reap_expired(gateway.node, gateway.held))
    woken = asyncio.Event()
    gateway.wake_recovery = woken.set
    task = asyncio.create_task(_recover(gateway, failover, woken))
    try:
        yield
    finally:
        gateway.wake_recovery = None
        await _end(task)


async def tend(
    gateway: Gateway, failover: CreateFailover, at_most: int = AT_ONCE
) -> list["asyncio.Task[None]"]:
    """Begin to look after operations whose time has come, and return what is under way."""
    taken = await gateway.journal.write(tx.leases.acquire_due(gateway.node, at_most))
    return [
        gateway.run(look_after(gateway, failover, operation), operation.operation.id) for operation in taken
    ]


async def _prolong(gateway: Gateway, *, serves: bool) -> None:
    gateway.steady_time()  # a step of the host's clock is noticed now, and not by the next request
    began = asyncio.get_running_loop().time()
    gateway.transport.share_among(
        await gateway.journal.write(tx.leases.renew(gateway.node, LEASE, serves=serves))
    )
    gateway.lease.until = began + LEASE


async def _stay_alive(gateway: Gateway, *, serves: bool) -> None:
    pause = LEASE / 3
    while True:
        await asyncio.sleep(pause)
        pause = LEASE / 15  # unless it succeeds
        try:
            # One connection that nothing comes back from must not cost the lease: the next try has another.
            async with asyncio.timeout(LEASE / 5):
                await _prolong(gateway, serves=serves)
            pause = LEASE / 3
            async with asyncio.timeout(LEASE / 3):
                await gateway.journal.write(tx.leases.reap_expired(gateway.node, gateway.held))
        except (JournalUnavailableError, TimeoutError) as error:
            _log.warning("journal.unavailable", error=str(error) or "It did not answer in time.")
        except Exception:  # noqa: BLE001 - a process that serves must not lose its lease by one failure
            _log.exception("lease.failed")


async def _recover(gateway: Gateway, failover: CreateFailover, woken: asyncio.Event) -> None:
    under_way: set[asyncio.Task[None]] = set()
    while True:
        under_way = {task for task in under_way if not task.done()}
        try:
            begun = (
                await tend(gateway, failover, AT_ONCE - len(under_way)) if len(under_way) < AT_ONCE else []
            )
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
            begun = []
        except Exception:  # noqa: BLE001 - whatever fails once, operations must be looked after again
            _log.exception("recovery.failed")
            begun = []
        under_way.update(begun)
        if not begun:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), _IDLE)
            woken.clear()


async def look_after(gateway: Gateway, failover: CreateFailover, taken: AcquiredOperation) -> None:
    """Find out what became of an operation that this process has taken, and record it; failures are logged."""
    operation = taken.operation
    with in_background(gateway, "recovery"):
        note_operation(operation.id, operation.order)
        try:
            await _decide(gateway, failover, taken)
        except JournalUnavailableError as error:
            _log.warning("journal.unavailable", error=str(error))
        except Exception:  # noqa: BLE001 - others wait for their turn
            _log.exception("recovery.failed")
            with contextlib.suppress(JournalUnavailableError):
                await _postpone(gateway, taken, operation)


async def _decide(gateway: Gateway, failover: CreateFailover, taken: AcquiredOperation) -> None:
    """End an operation, or say when it is looked at again."""
    operation, work = taken.operation, taken.work
    account = home_of(gateway.configuration, operation)
    if work is None or account is None:
        await _postpone(gateway, taken, operation)
        return
    before = await gateway.journal.read(tx.orders.find(operation.order))
    held = Held(operation=operation, work=work, account=account, before=before, owner=gateway.node)
    if operation.state == "in_progress" and not operation.attempts:
        command = work.command
        elsewhere = failover(gateway, operation, command) if isinstance(command, CreateOrder) else None
        with contextlib.suppress(Problem):
            await carry_out_accepted(gateway, held, taken.request, elsewhere)
        return
    if work.command is None:
        await nothing_done(gateway, held)
        return
    outcome = await probe(gateway, account, work.command, taken.baseline)
    operation = with_probe(gateway, operation, outcome)
    held = msgspec.structs.replace(held, operation=operation)
    _log.info(
        "operation.probed",
        account=account.name,
        found=operation.probes[-1].found,
    )
    match outcome:
        case Applied():
            with contextlib.suppress(Problem):
                await applied(gateway, held, outcome)
        case NotApplied() if operation.state != "failed":
            with contextlib.suppress(Problem):
                await refused(gateway, held, outcome)
        case Absent() if taken.settles_in <= 0 and operation.state != "failed":
            await absent(gateway, held)
        case _:
            await _postpone(gateway, taken, operation)


async def _postpone(gateway: Gateway, taken: AcquiredOperation, operation: Operation) -> None:
    """Look again later; what is too old for that waits for a person."""
    if operation.state == "failed":
        await _end_late_look(gateway, operation)
        return
    too_old = taken.age > gateway.configuration.person_after.total_seconds()
    probe_in = None if too_old or taken.work is None else _pause(operation, taken.settles_in)
    if probe_in is None:
        _log.error("operation.needs_person", operation_id=operation.id, order_id=operation.order)
    await gateway.journal.write(
        tx.operations.leave_unknown(
            msgspec.structs.replace(operation, needs_person=probe_in is None),
            gateway.node,
            settles_in=None,
            probe_in=probe_in,
        )
    )
    if probe_in is not None and gateway.wake_recovery is not None:
        asyncio.get_running_loop().call_later(probe_in, gateway.wake_recovery)


async def _end_late_look(gateway: Gateway, operation: Operation) -> None:
    """A late look that found no trace is the last; one that could not see is repeated a few times."""
    unseen = bool(operation.probes) and operation.probes[-1].found == "unclear"
    failures = sum(1 for seen in operation.probes if seen.found == "unclear")
    again = unseen and failures < _KEPT_PROBES
    await gateway.journal.write(
        tx.operations.settle(
            operation,
            None,
            None,
            owner=gateway.node,
            late=True,
            probe_in=gateway.configuration.late_look.total_seconds() if again else None,
        )
    )


def _pause(operation: Operation, settles_in: float) -> float:
    """Longer after each look, but not past the moment when an absence begins to count."""
    pause = min(_FIRST_PAUSE * 2.0 ** min(len(operation.probes), 10), _LONGEST_PAUSE)
    jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311 - it decides nothing
    return min(jittered, settles_in + 0.05) if settles_in > 0 else jittered


def with_probe(
    gateway: Gateway, operation: Operation, outcome: Applied | NotApplied | Absent | Unknown
) -> Operation:
    """Return the operation with one look more."""
    detail = outcome.reason if isinstance(outcome, Unknown) else None
    detail = outcome.detail if isinstance(outcome, NotApplied) else detail
    seen = Probe(at=gateway.steady_time(), found=_VERDICTS[type(outcome)], detail=detail)
    # A late look that finds nothing is no change of what had settled.
    updated_at = operation.updated_at if operation.settled else gateway.steady_time()
    return msgspec.structs.replace(
        operation, probes=(*operation.probes[1 - _KEPT_PROBES :], seen), updated_at=updated_at
    )


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
