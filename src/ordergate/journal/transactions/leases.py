"""Leases: which node works on which operation."""

from collections.abc import Collection

import msgspec

from ordergate.journal import codec
from ordergate.journal.records.operations import (
    AcquiredOperation,
    Operation,
)
from ordergate.journal.transaction import Query, Row, Steps, transaction
from ordergate.spi.adapter import Baseline

_OWN_PATIENCE = 5_000
"""Milliseconds after which an operation of this process's own that it does not work on has been lost by it."""


@transaction()
def acquire(operation_id: str, owner: str, *, late: bool = False) -> Steps[AcquiredOperation | None]:
    """Acquire one operation with an unknown outcome; None if it is settled or another process has it.

    Args:
        operation_id: Which.
        owner: This process.
        late: One that was not applied, too.
    """
    rows = yield Query("unowned_operation", {"id": operation_id, "late": int(late)})
    return (yield from _acquire(rows[0], owner)) if rows else None


@transaction()
def acquire_due(owner: str, limit: int) -> Steps[list[AcquiredOperation]]:
    """Acquire due operations that no living process has, the longest waiting first."""
    rows = yield Query("due_operations", {"limit": limit})
    taken = []
    for row in rows:
        one = yield from _acquire(row, owner)
        taken.append(one)
    return taken


@transaction()
def probe_soon(operation_id: str) -> Steps[None]:
    """Let recovery probe an operation with an unknown outcome now."""
    yield Query("probe_soon", {"id": operation_id})


@transaction()
def renew(node: str, seconds: float, *, serves: bool = True) -> Steps[int]:
    """Renew the lease of this process; return the number of serving processes."""
    yield Query("renew_lease", {"node": node, "lease": codec.duration(seconds), "serves": int(serves)})
    yield Query("delete_expired_nodes", {})
    yield Query("save_host_time", {})
    ((serving,),) = yield Query("serving_nodes", {})
    return int(serving)


@transaction()
def release(node: str) -> Steps[None]:
    """Release the lease, so that other processes can acquire its operations now."""
    yield Query("release_lease", {"node": node})


@transaction()
def reap_expired(node: str, held: Collection[str]) -> Steps[int]:
    """Release the operations of dead processes; return how many.

    One that may have been sent is of unknown outcome from then on.

    Args:
        node: This process.
        held: The operations that it does work on: others in its name were lost when the store failed.
    """
    rows = yield Query("abandoned_operations", {"node": node, "patience": _OWN_PATIENCE})
    found = [codec.decode_operation(row[0]) for row in rows]
    abandoned = [operation for operation in found if operation.id not in held]
    for operation in abandoned:
        yield Query("release_operation", codec.operation_columns(_cut_off(operation)))
    return len(abandoned)


def _acquire(row: Row, owner: str) -> Steps[AcquiredOperation]:
    record, work, request, settles_in, age, newest_order, newest_created_at = row
    found = _cut_off(codec.decode_operation(record))
    yield Query("acquire_operation", codec.operation_columns(found) | {"holder": owner})
    return AcquiredOperation(
        operation=found,
        work=None if work is None else codec.decode_work(work),
        request=None if request is None else bytes(request),
        baseline=Baseline(
            newest_order=newest_order,
            newest_created_at=codec.moment_or_none(newest_created_at),
            recorded_at=found.created_at,
        ),
        settles_in=(settles_in or 0) / 1000,
        age=age / 1000,
    )


def _cut_off(found: Operation) -> Operation:
    """Return the operation of a dead process: it may have been sent, unless it has no attempt."""
    if found.state != "in_progress" or not found.attempts:
        return found
    return msgspec.structs.replace(found, state="unknown", outcome="unknown")
