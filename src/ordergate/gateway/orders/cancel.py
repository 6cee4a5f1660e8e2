"""Cancels an unpaid order.

If the provider cannot, the gateway cancels it alone, so that it is never paid through the gateway.
"""

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import CanceledHere, NothingElse
from ordergate.domain.commands import CancelOrder
from ordergate.domain.draft import CancelBody
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import WAYS_OUT, OperationKind, ReviewReason
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders.existing import call_on, read_again, support
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, write
from ordergate.journal.records.operations import Operation


async def cancel_order(
    runtime: Runtime, caller: Caller, order_id: str, body: CancelBody, options: CallOptions
) -> Answer:
    """Cancel an order of which no money was taken.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """

    async def prepare(operation: Operation) -> PreparedWrite:
        account, stored = await read_again(runtime, caller, order_id, OperationKind.CANCEL)
        _refuse_unrecorded_payment(stored.record)
        if support(account, OperationKind.CANCEL).level == "gateway":
            change = CanceledHere(at=runtime.clock())
            return PreparedWrite(account=account, command=None, change=change, before=stored)
        command = CancelOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            reason=body.reason,
        )
        return PreparedWrite(account=account, command=command, change=NothingElse(), before=stored)

    return await write(
        runtime, call_on(caller, OperationKind.CANCEL, order_id, body, options, "/cancel"), prepare
    )


def _refuse_unrecorded_payment(record: OrderRecord) -> None:
    """Refuse to cancel a paid order whose status does not show the payment."""
    if ReviewReason.PAYMENT_NOT_RECORDED in record.concerns:
        way = WAYS_OUT[ReviewReason.PAYMENT_NOT_RECORDED]
        raise Problem("invalid_state", f"The order is in review: {way}.", order=record.id)
