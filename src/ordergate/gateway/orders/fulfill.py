"""Fulfills an order, or some of its lines if the provider supports that."""

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import HandedOver
from ordergate.domain.commands import FulfillOrder
from ordergate.domain.draft import FulfillBody
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.lifecycle import FulfillmentStatus, OperationKind
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders.existing import call_on, read_again
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, write
from ordergate.journal.records.operations import Operation


async def fulfill_order(
    runtime: Runtime, caller: Caller, order_id: str, body: FulfillBody, options: CallOptions
) -> Answer:
    """Fulfill an order.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """

    async def prepare(operation: Operation) -> PreparedWrite:
        account, stored = await read_again(runtime, caller, order_id, OperationKind.FULFILL)
        _refuse_fulfilled(stored.record)
        command = FulfillOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            lines=_positions(stored.record, body),
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            notify_customer=body.notify_customer,
        )
        change = HandedOver(
            line_item_ids=_once(body), tracking_number=body.tracking_number, carrier=body.carrier
        )
        return PreparedWrite(account=account, command=command, change=change, before=stored)

    return await write(
        runtime, call_on(caller, OperationKind.FULFILL, order_id, body, options, "/fulfill"), prepare
    )


def _refuse_fulfilled(record: OrderRecord) -> None:
    """Refuse goods that were handed over: a status of money, such as a refund, may hide that."""
    if record.seen.fulfillment_status in {FulfillmentStatus.FULFILLED, FulfillmentStatus.RETURNED}:
        raise Problem("invalid_state", "The order was fulfilled before; nothing was sent.", order=record.id)


def _once(body: FulfillBody) -> list[str] | None:
    """The named lines, each once: a line is handed over as a whole."""
    return None if body.line_item_ids is None else list(dict.fromkeys(body.line_item_ids))


def _positions(record: OrderRecord, body: FulfillBody) -> tuple[int, ...] | None:
    """Positions of the named lines; None for all of them, named or not.

    Raises:
        Problem: ``invalid_request`` for a line that the order does not have, or that was handed over before.
    """
    if body.line_item_ids is None:
        return None
    known = {line.id: position for position, line in enumerate(record.lines)}
    done = {name for earlier in record.fulfillments for name in earlier.line_item_ids}
    errors = []
    for index, name in enumerate(body.line_item_ids):
        pointer = f"/line_item_ids/{index}"
        if name not in known:
            detail = f"The order has no line {name!r}."
            errors.append(FieldError(pointer=pointer, code="unknown_line", detail=detail))
        elif name in done:
            detail = f"The line {name!r} was fulfilled before; leave it out."
            errors.append(FieldError(pointer=pointer, code="fulfilled_line", detail=detail))
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)
    positions = tuple(sorted({known[name] for name in body.line_item_ids}))
    return None if len(positions) == len(record.lines) else positions
