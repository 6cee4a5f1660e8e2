"""Takes goods back and refunds them, line by line, as far as they were ordered and not yet returned."""

from collections import Counter
from collections.abc import Mapping

from ordergate.domain.assembly import OrderedLine, OrderRecord
from ordergate.domain.changes import GoodsReturned
from ordergate.domain.commands import ReturnGoods, ReturnLine
from ordergate.domain.draft import ReturnBody, taxes
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Return, ReturnedLine
from ordergate.domain.validation import summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders.existing import call_on, read_again, refuse_in_review
from ordergate.gateway.orders.read import visible_order
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, write
from ordergate.journal.records.operations import Operation


async def return_goods(
    runtime: Runtime, caller: Caller, order_id: str, body: ReturnBody, options: CallOptions
) -> Answer:
    """Return some of an order's goods; the answer is the return, not the order.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """

    async def prepare(operation: Operation) -> PreparedWrite:
        account, stored = await read_again(runtime, caller, order_id, OperationKind.RETURN)
        record = stored.record
        refuse_in_review(record)
        _refuse_uncertain_maths(record)
        _refuse_unaccounted(record, account.adapter.title)
        wanted = _wanted(record, body)
        shipping = _shipping(record, body)
        change = _change(record, wanted, shipping)
        _refuse_beyond_payment(record, change.amount)
        known = tuple(made.provider_return_id for made in record.returns if made.provider_return_id)
        command = ReturnGoods(
            operation=operation.id,
            key_number=operation.key_number,
            order=record.seen,
            lines=_lines(record, wanted),
            shipping=shipping,
            known=known,
        )
        return PreparedWrite(account=account, command=command, change=change, before=stored)

    return await write(
        runtime, call_on(caller, OperationKind.RETURN, order_id, body, options, "/returns"), prepare
    )


async def list_returns(runtime: Runtime, caller: Caller, order_id: str) -> list[Return]:
    """Return an order's returns, oldest first.

    Raises:
        Problem: ``not_found``.
    """
    return (await visible_order(runtime, caller, order_id)).record.returns


def _refuse_uncertain_maths(record: OrderRecord) -> None:
    """Refuse an order with tax or a coupon: as it was ordered, and as the provider has it."""
    seen = record.seen
    coupon = record.extensions.get("coupon") or seen.extensions.get("coupon")
    taxed = taxes(record.tax_percent) or taxes(seen.tax_percent)
    if not (coupon or taxed) and seen.tax == 0 and seen.discount == 0:
        return
    raise Problem(
        "unsupported_operation",
        "The order has tax or a coupon, and how the provider splits them in a return is not documented; "
        "return it in the provider's own portal.",
        order=record.id,
    )


def _refuse_unaccounted(record: OrderRecord, provider: str) -> None:
    """Refuse a return if the provider has refunded more than the known returned goods account for."""
    seen, products = record.seen, {_goods(line) for line in record.lines}
    told = sum(
        goods.amount for goods in seen.returned if goods.type == "shipping" or goods.product in products
    )
    accounted = max(told, sum(earlier.amount for earlier in record.returns))
    if seen.amount_refunded > accounted:
        raise Problem(
            "invalid_state",
            f"{provider} has refunded {seen.amount_refunded} of this order, and the known returned goods account "
            f"for {accounted}: the returnable quantity of each line is unknown. Return the rest in {provider}'s "
            "own portal.",
            order=record.id,
        )


def _refuse_beyond_payment(record: OrderRecord, amount: int) -> None:
    left = record.seen.amount_paid - record.seen.amount_refunded
    if amount > left:
        raise Problem(
            "invalid_state",
            f"The goods cost {amount}, and {max(left, 0)} of the payment has not been refunded; return less.",
            order=record.id,
        )


def _wanted(record: OrderRecord, body: ReturnBody) -> Counter[str]:
    """Return the quantity of each line to return; refuse more than was ordered and is not returned yet."""
    ordered = _product_lines(record)
    of_line, of_goods = _returnable(record)
    wanted: Counter[str] = Counter()
    errors = []
    for index, asked in enumerate(body.lines):
        name = asked.line_item_id
        if name not in ordered:
            detail = f"The order has no product line {name!r}."
            errors.append(
                FieldError(pointer=f"/lines/{index}/line_item_id", code="unknown_line", detail=detail)
            )
            continue
        goods = _goods(ordered[name])
        left = max(min(of_line[name], of_goods[goods]), 0)
        if asked.quantity > left:
            detail = f"Only {left} of this line can still be returned."
            errors.append(
                FieldError(pointer=f"/lines/{index}/quantity", code="quantity_too_large", detail=detail)
            )
        of_line[name] -= asked.quantity
        of_goods[goods] -= asked.quantity
        wanted[name] += asked.quantity
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)
    return wanted


def _returnable(record: OrderRecord) -> tuple[Counter[str], Counter[str]]:
    """Return the quantities that are not returned: of each line, and of the lines that share one product.

    A return outside the gateway names only the product, not the line.
    """
    ordered = _product_lines(record)
    of_line, of_goods = Counter[str](), Counter[str]()
    here, there = Counter[str](), Counter[str]()
    for name, line in ordered.items():
        of_line[name] += line.quantity
        of_goods[_goods(line)] += line.quantity
    for earlier in record.returns:
        for each in earlier.lines:
            of_line[each.line_item_id] -= each.quantity
            here[_goods(ordered[each.line_item_id])] += each.quantity
    for goods in record.seen.returned:
        if goods.product is not None:
            there[goods.product] += goods.quantity
    of_goods.subtract(here | there)
    return of_line, of_goods


def _product_lines(record: OrderRecord) -> dict[str, OrderedLine]:
    return {line.id: line for line in record.lines if line.type == "product" and line.id is not None}


def _goods(line: OrderedLine) -> str:
    """Return the provider's product of a line; the line's own id if it has no product there."""
    return line.product or line.id or ""


def _lines(record: OrderRecord, wanted: Mapping[str, int]) -> tuple[ReturnLine, ...]:
    ordered = _product_lines(record)
    return tuple(
        ReturnLine(product=ordered[name].product, unit_amount=ordered[name].unit_amount, quantity=quantity)
        for name, quantity in wanted.items()
    )


def _shipping(record: OrderRecord, body: ReturnBody) -> int | None:
    """The shipping to refund; None for none."""
    if not body.shipping:
        return None
    price = sum(line.unit_amount for line in record.lines if line.type == "shipping")
    refunded = any(earlier.shipping for earlier in record.returns) or any(
        goods.type == "shipping" for goods in record.seen.returned
    )
    if price == 0 or refunded:
        why = "was refunded before" if price else "was free"
        detail = f"The shipping {why}."
        raise Problem(
            "invalid_request",
            detail,
            errors=[FieldError(pointer="/shipping", code="invalid_value", detail=detail)],
        )
    return price


def _change(record: OrderRecord, wanted: Mapping[str, int], shipping: int | None) -> GoodsReturned:
    prices = {line.id: line.unit_amount for line in record.lines}
    return GoodsReturned(
        lines=[ReturnedLine(line_item_id=name, quantity=quantity) for name, quantity in wanted.items()],
        shipping=shipping is not None,
        amount=sum(prices[name] * quantity for name, quantity in wanted.items()) + (shipping or 0),
    )
