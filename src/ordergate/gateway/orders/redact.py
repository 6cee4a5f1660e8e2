"""Erases the personal data of one order from the journal. The provider's copy is not touched."""

from ordergate.domain.assembly import order_from_record
from ordergate.domain.erasure import redacted
from ordergate.domain.errors import Problem
from ordergate.domain.order import Order
from ordergate.gateway.access.caller import OPERATOR_SCOPE, Caller
from ordergate.gateway.orders.read import visible_order
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.problems import order_busy
from ordergate.journal import transactions as tx
from ordergate.journal.records.comparisons import COMPARISONS
from ordergate.journal.records.operations import Busy, Operation
from ordergate.journal.records.orders import StoredOrder

_RACES = 5


async def redact_order(runtime: Runtime, caller: Caller, order_id: str) -> Order | None:
    """Erase the personal data of an order and of its operations. A second call changes nothing.

    Returns:
        The order as it is now; None if its create was refused, so that only the operations were erased.

    Raises:
        Problem: ``forbidden``, ``not_found``; ``order_busy`` while an operation of the order is unsettled or has a
            delayed probe.
    """
    caller.require(OPERATOR_SCOPE)
    for _ in range(_RACES):
        unmade = await _unmade(runtime, caller, order_id)
        if unmade is not None:
            busy = await runtime.journal.write(tx.orders.redact_unmade(unmade, _comparison_of(unmade)))
            if busy is not None:
                raise _busy(runtime, busy.operation)
            return None
        stored = await visible_order(runtime, caller, order_id)
        result = await runtime.journal.write(
            tx.orders.redact(redacted(stored.record, runtime.clock()), stored.revision)
        )
        match result:
            case StoredOrder():
                return order_from_record(result.record)
            case Busy():
                raise _busy(runtime, result.operation)
    raise Problem("overloaded", "The order keeps changing; try again.", order=order_id, retry_after=1)


async def _unmade(runtime: Runtime, caller: Caller, order_id: str) -> Operation | None:
    """The create of an order that there is not, if it has ended."""
    if await runtime.journal.read(tx.orders.find(order_id)) is not None:
        return None
    told = [
        each.operation for each in await runtime.journal.read(tx.operations.find_with_exchanges(order_id))
    ]
    return next((each for each in told if each.settled and caller.sees(each.merchant, each.world)), None)


def _comparison_of(operation: Operation) -> str | None:
    """The comparison that an operation's order would have been made for: its key begins with it."""
    if operation.path != COMPARISONS or operation.key is None:
        return None
    return operation.key.partition(".")[0]


def _busy(runtime: Runtime, operation: Operation) -> Problem:
    if not operation.settled:
        return order_busy(operation)
    minutes = runtime.configuration.late_look.total_seconds() / 60
    return Problem(
        "order_busy",
        f"The {operation.kind} of this order is recorded as not applied, and a running gateway probes it once "
        f"more {minutes:g} minutes later; the data for that probe is erased afterwards. Try again then.",
        operation=operation.id,
        order=operation.order,
        retry_after=60,
    )
