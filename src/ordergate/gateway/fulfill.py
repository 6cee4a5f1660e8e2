"""Says that an order, or some of its lines where the provider can, was handed over."""

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.commands import FulfillOrder
from ordergate.domain.draft import FulfillBody
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Fulfillment
from ordergate.domain.outcome import Applied
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.existing import Finish, call_on, prepared, read_again
from ordergate.gateway.records import Operation
from ordergate.gateway.write import Prepared, write


async def fulfill_order(
    gateway: Gateway, caller: Caller, order_id: str, body: FulfillBody, key: str
) -> Answer:
    """Fulfill an order.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await read_again(gateway, caller, order_id, OperationKind.FULFILL)
        command = FulfillOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            lines=_positions(stored.record, body),
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            notify_customer=body.notify_customer,
        )
        return prepared(gateway, account, stored, command, _handed_over(gateway, body))

    return await write(
        gateway, call_on(caller, OperationKind.FULFILL, order_id, key, body, "/fulfill"), prepare
    )


def _positions(record: OrderRecord, body: FulfillBody) -> tuple[int, ...] | None:
    """Positions of the named lines; None for all of them, named or not."""
    if body.line_item_ids is None:
        return None
    known = {line.id: position for position, line in enumerate(record.lines)}
    errors = [
        FieldError(
            pointer=f"/line_item_ids/{index}", code="unknown_line", detail=f"The order has no line {name!r}."
        )
        for index, name in enumerate(body.line_item_ids)
        if name not in known
    ]
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)
    positions = tuple(sorted({known[name] for name in body.line_item_ids}))
    return None if len(positions) == len(record.lines) else positions


def _handed_over(gateway: Gateway, body: FulfillBody) -> Finish:
    """Keep what was handed over and how it travels: providers forget it."""

    def finish(record: OrderRecord, outcome: Applied) -> OrderRecord:
        every = [line.id or "" for line in record.lines]
        fulfillment = Fulfillment(
            line_item_ids=body.line_item_ids or _rest(record, every),
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            created_at=outcome.order.fulfilled_at or gateway.clock(),
        )
        return msgspec.structs.replace(record, fulfillments=[*record.fulfillments, fulfillment])

    return finish


def _rest(record: OrderRecord, every: list[str]) -> list[str]:
    done = {name for fulfillment in record.fulfillments for name in fulfillment.line_item_ids}
    return [name for name in every if name not in done]
