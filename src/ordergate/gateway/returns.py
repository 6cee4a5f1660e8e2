"""Takes goods back and refunds them, line by line, as far as they were ordered and not yet returned."""

from collections import Counter

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import GoodsReturned
from ordergate.domain.commands import ReturnGoods, ReturnLine
from ordergate.domain.draft import ReturnBody
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Return, ReturnedLine
from ordergate.domain.validation import summary
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.existing import call_on, read_again, refuse_in_review
from ordergate.gateway.prepared import Prepared
from ordergate.gateway.read import visible_order
from ordergate.gateway.records import Operation
from ordergate.gateway.write import Delivery, write


async def return_goods(
    gateway: Gateway, caller: Caller, order_id: str, body: ReturnBody, delivery: Delivery
) -> Answer:
    """Return some of an order's goods; the answer is the return, not the order.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await read_again(gateway, caller, order_id, OperationKind.RETURN)
        record = stored.record
        refuse_in_review(record)
        _refuse_uncertain_maths(record)
        shipping = _shipping(record, body)
        known = tuple(made.provider_return_id for made in record.returns if made.provider_return_id)
        command = ReturnGoods(
            operation=operation.id,
            key_number=operation.key_number,
            order=record.seen,
            lines=_lines(record, body),
            shipping=shipping,
            known=known,
            nameless=len(record.returns) - len(known),
        )
        return Prepared(
            account=account, command=command, change=_change(record, body, shipping), before=stored
        )

    return await write(
        gateway, call_on(caller, OperationKind.RETURN, order_id, body, delivery, "/returns"), prepare
    )


async def list_returns(gateway: Gateway, caller: Caller, order_id: str) -> list[Return]:
    """Return an order's returns, oldest first.

    Raises:
        Problem: ``not_found``.
    """
    return (await visible_order(gateway, caller, order_id)).record.returns


def _refuse_uncertain_maths(record: OrderRecord) -> None:
    if record.seen.tax == 0 and record.seen.discount == 0:
        return
    raise Problem(
        "unsupported_operation",
        "The order has tax or a coupon, and how the provider splits them in a return is not documented; "
        "return it in the provider's own portal.",
        order=record.id,
    )


def _lines(record: OrderRecord, body: ReturnBody) -> tuple[ReturnLine, ...]:
    """The lines to return, once none asks for more than was ordered and has not come back."""
    ordered = {line.id: line for line in record.lines if line.type == "product"}
    left = Counter({name: line.quantity for name, line in ordered.items() if name})
    left.subtract(Counter({line.line_item_id: 0 for line in body.lines}))
    for earlier in record.returns:
        left.subtract({line.line_item_id: line.quantity for line in earlier.lines})
    errors = []
    for index, line in enumerate(body.lines):
        if line.line_item_id not in ordered:
            detail = f"The order has no product line {line.line_item_id!r}."
            errors.append(
                FieldError(pointer=f"/lines/{index}/line_item_id", code="unknown_line", detail=detail)
            )
            continue
        left[line.line_item_id] -= line.quantity
        if left[line.line_item_id] < 0:
            remaining = left[line.line_item_id] + line.quantity
            detail = f"Only {max(remaining, 0)} of this line can still be returned."
            errors.append(
                FieldError(pointer=f"/lines/{index}/quantity", code="quantity_too_large", detail=detail)
            )
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)
    return tuple(
        ReturnLine(
            product=ordered[line.line_item_id].product,
            unit_amount=ordered[line.line_item_id].unit_amount,
            quantity=line.quantity,
        )
        for line in body.lines
    )


def _shipping(record: OrderRecord, body: ReturnBody) -> int | None:
    """The shipping to refund; None for none."""
    if not body.shipping:
        return None
    price = sum(line.unit_amount for line in record.lines if line.type == "shipping")
    if price == 0 or any(earlier.shipping for earlier in record.returns):
        why = "was refunded before" if price else "was free"
        detail = f"The shipping {why}."
        raise Problem(
            "invalid_request",
            detail,
            errors=[FieldError(pointer="/shipping", code="invalid_value", detail=detail)],
        )
    return price


def _change(record: OrderRecord, body: ReturnBody, shipping: int | None) -> GoodsReturned:
    prices = {line.id: line.unit_amount for line in record.lines}
    return GoodsReturned(
        lines=[ReturnedLine(line_item_id=line.line_item_id, quantity=line.quantity) for line in body.lines],
        shipping=shipping is not None,
        amount=sum(prices[line.line_item_id] * line.quantity for line in body.lines) + (shipping or 0),
    )
