"""Cancels an unpaid order; where the provider cannot, here alone, so that it is never paid through us."""

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.commands import CancelOrder
from ordergate.domain.draft import CancelBody
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import WAYS_OUT, OperationKind, ReviewReason
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.existing import call_on, prepared, prepared_here, read_again, support, unchanged
from ordergate.gateway.records import Operation
from ordergate.gateway.write import Prepared, write


async def cancel_order(gateway: Gateway, caller: Caller, order_id: str, body: CancelBody, key: str) -> Answer:
    """Cancel an order of which no money was taken.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    def canceled(record: OrderRecord) -> OrderRecord:
        return msgspec.structs.replace(record, canceled_here=gateway.clock())

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await read_again(gateway, caller, order_id, OperationKind.CANCEL)
        _refuse_unrecorded_payment(stored.record)
        if support(account, OperationKind.CANCEL).level == "gateway":
            return prepared_here(account, stored, canceled)
        command = CancelOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            reason=body.reason,
        )
        return prepared(gateway, account, stored, command, unchanged)

    return await write(
        gateway, call_on(caller, OperationKind.CANCEL, order_id, key, body, "/cancel"), prepare
    )


def _refuse_unrecorded_payment(record: OrderRecord) -> None:
    """Refuse to cancel an order whose money was taken though its status does not show it."""
    if ReviewReason.PAYMENT_NOT_RECORDED in record.concerns:
        way = WAYS_OUT[ReviewReason.PAYMENT_NOT_RECORDED]
        raise Problem("invalid_state", f"The order is in review: {way}.", order=record.id)
