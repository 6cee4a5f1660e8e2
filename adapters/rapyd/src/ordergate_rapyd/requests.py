"""Translates canonical commands into Rapyd's requests. Pure; fields that Rapyd does not support are refused by name.

Bodies are compact JSON in the form that JavaScript would write: Rapyd verifies signatures over its own
re-serialisation, so any other notation of the same document fails (docs, Request Signatures; trailing zeros).
"""

from collections import Counter
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import UnsetType

from ordergate.domain.commands import (
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListOrders,
    PayOrder,
    ReturnGoods,
    UpdateOrder,
)
from ordergate.domain.draft import AddressBody, Draft, DraftLine, taxes
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.money import minor_unit_digits, to_major_units
from ordergate.domain.order import Notice
from ordergate.domain.provider_order import ADDED_SHIPPING_MARK, MERCHANT_MARK, OPERATION_MARK
from ordergate.spi.paging import Cursor
from ordergate.spi.refusals import (
    path_segment,
    read_extension,
    refuse_if_any,
    required_by_provider,
    unsupported_field,
)
from ordergate.spi.wire import WireRequest
from ordergate_rapyd.javascript import rewritten
from ordergate_rapyd.responses import Known, known
from ordergate_rapyd.wire import (
    CreateBody,
    CreateExtension,
    NoExtension,
    PayBody,
    ReturnBody,
    Sent,
    SentAddress,
    SentItem,
    SentReturnItem,
    UpdateBody,
    UpdateExtension,
)

JSON = (("content-type", "application/json"),)
"""Rapyd asks for it on every request, GET included (docs, Header Parameters)."""

RETURNED = "returned"
"""The status after a return; no update leads from it to ``fulfilled`` (docs, Update an Order)."""
_KEPT = "Rapyd has no place for it; the gateway keeps it."

_encode = msgspec.json.Encoder().encode


def create(command: CreateOrder) -> WireRequest:
    """``POST /v1/orders``: the draft with the operation's mark in its metadata."""
    draft = command.draft
    _refuse_unsupported(draft)
    refuse_if_any(_missing(command))
    extension = read_extension(command.extension, CreateExtension, "rapyd")
    items = _items(command)
    added = not any(line.type == "shipping" for line in draft.line_items)
    body = CreateBody(
        customer=command.customer or "",
        currency=draft.currency,
        items=[*items, _free_shipping(draft.currency)] if added else items,
        shipping_address=_address(draft.shipping_address),
        email=draft.customer.email if draft.customer else None,
        upstream_id=draft.reference,
        tax_percent=_percent(draft),
        coupon=extension.coupon,
        external_coupon_code=extension.external_coupon_code,
        metadata=_metadata(command, added_shipping=added),
    )
    notices = _notices(draft, added_shipping=added)
    return _write("/v1/orders", body, command.provider_key, notices=notices)


def retrieve(provider_order_id: str) -> WireRequest:
    """``GET /v1/orders/{id}``."""
    return WireRequest(method="GET", path=_order_path(provider_order_id), headers=JSON)


def list_orders(command: ListOrders, cursor: Cursor | None) -> WireRequest:
    """``GET /v1/orders``.

    The documentation is ambiguous about the direction of ``starting_after``. The last row of a page, passed as
    ``starting_after``, leads to the next page in both readings.
    """
    query: list[tuple[str, str | int]] = [("limit", command.limit)]
    if cursor is not None:
        query.append(("starting_after" if cursor.direction == "after" else "ending_before", cursor.id))
    return WireRequest(method="GET", path=f"/v1/orders?{urlencode(query)}", headers=JSON)


def list_payments(provider_order_id: str, limit: int) -> WireRequest:
    """``GET /v1/payments`` of one order."""
    query = urlencode([("order", provider_order_id), ("limit", limit)])
    return WireRequest(method="GET", path=f"/v1/payments?{query}", headers=JSON)


def list_returns(provider_order_id: str, limit: int) -> WireRequest:
    """``GET /v1/order_returns`` of one order; ``tokens`` is only in the schema and may be ignored."""
    query = urlencode([("tokens", provider_order_id), ("limit", limit)])
    return WireRequest(method="GET", path=f"/v1/order_returns?{query}", headers=JSON)


def pay(command: PayOrder) -> WireRequest:
    """``POST /v1/orders/{id}/pay``: always in full; the payment's metadata contains the operation's mark."""
    read_extension(command.extension, NoExtension, "rapyd")
    if command.amount != max(command.order.total - command.order.amount_paid, 0):
        raise unsupported_field("/amount", "Rapyd pays an order in full or not at all; leave the amount out.")
    body = PayBody(payment_method=command.payment_method, metadata={OPERATION_MARK: command.operation})
    return _write(f"{_order_path(command.order.provider_order_id)}/pay", body, command.provider_key)


def update(command: UpdateOrder) -> WireRequest | None:
    """``POST /v1/orders/{id}``; None if nothing that Rapyd stores is changed.

    Rapyd does not document whether it merges metadata, so all of it is sent, with the gateway's marks and with that of
    others.
    """
    if command.customer is not msgspec.UNSET:
        raise unsupported_field("/customer/id", "Rapyd's orders keep the customer that they were made for.")
    extension = read_extension(command.extension, UpdateExtension, "rapyd")
    if extension.coupon is None:
        raise unsupported_field("/extensions/rapyd/coupon", "Rapyd documents no way to take a coupon away.")
    metadata, percent = command.metadata, command.tax_percent
    body = UpdateBody(
        metadata=None if isinstance(metadata, UnsetType) else rewritten({**metadata, **command.order.marks}),
        coupon=None if isinstance(extension.coupon, UnsetType) else extension.coupon,
        tax_percent=None
        if isinstance(percent, UnsetType)
        else msgspec.Raw(plain_percent(percent or "0").encode()),
    )
    if body == UpdateBody():
        return None
    path = _order_path(command.order.provider_order_id)
    return _write(path, body, command.provider_key, notices=update_notices(command))


def update_notices(command: UpdateOrder) -> tuple[Notice, ...]:
    """Return the changes that Rapyd does not support: it accepts an email only with a new order."""
    given = {"/notes": command.notes, "/customer/email": command.email}
    return tuple(
        Notice(pointer=pointer, kind="kept", detail=_KEPT)
        for pointer, value in given.items()
        if isinstance(value, str)
    )


def as_ordered(command: CreateOrder) -> Known:
    """Return the known facts of a new order."""
    coupon = read_extension(command.extension, CreateExtension, "rapyd").coupon
    percent = command.draft.tax_percent if command.draft.taxed else None
    return Known(coupon=coupon, tax_percent=percent)


def as_asked(command: UpdateOrder) -> Known:
    """Return the known facts of a changed order."""
    before = known(command.order)
    extension, percent = read_extension(command.extension, UpdateExtension, "rapyd"), command.tax_percent
    if not isinstance(percent, UnsetType):
        before = before._replace(tax_percent=percent if taxes(percent) else None)
    return before._replace(coupon=extension.coupon or before.coupon)


def confirm(command: ConfirmPayment) -> WireRequest:
    """``POST /v1/orders/{id}``: confirms a payment to Rapyd, which knows only card payments by itself."""
    path = _order_path(command.order.provider_order_id)
    return _write(path, UpdateBody(status="paid"), command.provider_key)


def return_goods(command: ReturnGoods) -> WireRequest:
    """``POST /v1/orders/{id}/returns``; lines of one SKU are one item there, as they were in the order."""
    currency = command.order.currency
    prices = {line.product: line.unit_amount for line in command.lines}
    quantities: Counter[str | None] = Counter()
    for line in command.lines:
        quantities[line.product] += line.quantity
    items = [
        SentReturnItem(
            type="sku",
            parent=product,
            amount=_amount(prices[product], currency),
            quantity=quantity,
            currency=currency,
        )
        for product, quantity in quantities.items()
    ]
    if command.shipping is not None:
        amount = _amount(command.shipping, currency)
        items.append(SentReturnItem(type="shipping", amount=amount, quantity=1, currency=currency))
    path = f"{_order_path(command.order.provider_order_id)}/returns"
    return _write(path, ReturnBody(items=items), command.provider_key)


def fulfill(command: FulfillOrder) -> WireRequest:
    """``POST /v1/orders/{id}``: a status marks the fulfillment; Rapyd stores no tracking and sends no mail."""
    if command.lines is not None:
        raise unsupported_field("/line_item_ids", "Rapyd fulfills an order as a whole; leave the lines out.")
    if command.notify_customer:
        raise unsupported_field(
            "/notify_customer", "Rapyd sends no notification of a fulfilment; notify the customer yourself."
        )
    if command.order.provider_status == RETURNED:
        raise Problem(
            "invalid_state",
            "Goods of this order were returned, and Rapyd fulfills no order after a return; nothing was sent.",
        )
    return _write(
        _order_path(command.order.provider_order_id), UpdateBody(status="fulfilled"), command.provider_key
    )


def _write(path: str, body: Sent, operation: str, *, notices: tuple[Notice, ...] = ()) -> WireRequest:
    return WireRequest(
        method="POST",
        path=path,
        body=_encode(body),
        headers=(*JSON, ("idempotency", operation)),
        acts=True,
        notices=notices,
    )


def _order_path(provider_order_id: str) -> str:
    return f"/v1/orders/{path_segment(provider_order_id)}"


def _refuse_unsupported(draft: Draft) -> None:
    if draft.billing_type == "recurring":
        raise unsupported_field("/billing_type", "Rapyd's orders are one-time; use a subscription there.")
    if draft.expires_at is not None:
        raise unsupported_field("/expires_at", "Rapyd's orders do not expire.")


def _missing(command: CreateOrder) -> list[FieldError]:
    draft = command.draft
    errors = []
    if command.customer is None:
        errors.append(required_by_provider("/customer/id", "Rapyd takes no order without a customer."))
    if all(line.type == "shipping" for line in draft.line_items):
        errors.append(required_by_provider("/line_items", "Rapyd takes no order without a product line."))
    for index, (line, product) in enumerate(zip(draft.line_items, command.products, strict=True)):
        if line.type == "product":
            errors += _missing_in_product_line(f"/line_items/{index}", line, product)
    return errors + _missing_in_address(draft.shipping_address)


def _missing_in_product_line(pointer: str, line: DraftLine, product: str | None) -> list[FieldError]:
    errors = []
    if product is None:
        errors.append(required_by_provider(f"{pointer}/sku", "Rapyd takes no product line without a SKU."))
    if line.unit_amount == 0:
        errors.append(required_by_provider(f"{pointer}/unit_amount", "Rapyd takes only prices above zero."))
    return errors


def _missing_in_address(address: AddressBody | None) -> list[FieldError]:
    if address is None:
        return []
    return [
        required_by_provider(f"/shipping_address/{name}", f"Rapyd takes no address without {name}.")
        for name in ("name", "line_1")
        if not getattr(address, name)
    ]


def _items(command: CreateOrder) -> list[SentItem]:
    """The draft's lines as items; lines of one SKU become one, since Rapyd takes each SKU once."""
    currency = command.draft.currency
    places: dict[str, int] = {}
    items: list[SentItem] = []
    for index, (line, product) in enumerate(zip(command.draft.line_items, command.products, strict=True)):
        item = _item(line, product, currency)
        if item.parent in places:
            place = places[item.parent]
            items[place] = _merge(items[place], item, index)
            continue
        if item.parent is not None:
            places[item.parent] = len(items)
        items.append(item)
    return items


def _item(line: DraftLine, product: str | None, currency: str) -> SentItem:
    shipping = line.type == "shipping"
    return SentItem(
        type="shipping" if shipping else "sku",
        currency=currency,
        amount=_amount(line.unit_amount, currency),
        quantity=None if shipping else line.quantity,
        parent=None if shipping else product,
        description=line.description,
    )


def _merge(first: SentItem, second: SentItem, index: int) -> SentItem:
    if bytes(first.amount) != bytes(second.amount) or first.description != second.description:
        raise unsupported_field(
            f"/line_items/{index}/sku",
            "Rapyd takes each SKU once, and another line has this one with another price or description.",
        )
    return msgspec.structs.replace(first, quantity=(first.quantity or 0) + (second.quantity or 0))


def _free_shipping(currency: str) -> SentItem:
    return SentItem(type="shipping", currency=currency, amount=msgspec.Raw(b"0"), description="Shipping")


def _amount(amount: int, currency: str) -> msgspec.Raw:
    return msgspec.Raw(to_major_units(amount, minor_unit_digits(currency)).encode())


def _percent(draft: Draft) -> msgspec.Raw | None:
    """The percentage as a plain JSON number; the draft's text has no exponent and at most four decimals."""
    if not draft.taxed or draft.tax_percent is None:
        return None
    return msgspec.Raw(plain_percent(draft.tax_percent).encode())


def plain_percent(percent: str) -> str:
    """Return a percentage in the form in which JavaScript writes it; the text is a plain decimal number."""
    whole, _, fraction = percent.partition(".")
    fraction = fraction.rstrip("0")
    return f"{int(whole)}.{fraction}" if fraction else str(int(whole))


def _address(address: AddressBody | None) -> SentAddress | None:
    if address is None:
        return None
    return SentAddress(
        name=address.name,
        line_1=address.line_1,
        line_2=address.line_2,
        line_3=address.line_3,
        city=address.city,
        district=address.district,
        state=address.state,
        country=address.country,
        zip=address.postal_code,
        phone_number=address.phone,
    )


def _metadata(command: CreateOrder, *, added_shipping: bool) -> dict[str, Any]:
    marks: dict[str, Any] = {OPERATION_MARK: command.operation, MERCHANT_MARK: command.merchant}
    if added_shipping:
        marks[ADDED_SHIPPING_MARK] = True
    return {**(command.draft.metadata or {}), **marks}


def _notices(draft: Draft, *, added_shipping: bool) -> tuple[Notice, ...]:
    pointers = [pointer for index, line in enumerate(draft.line_items) for pointer in _kept_of(index, line)]
    if draft.notes is not None:
        pointers.append("/notes")
    notices = [Notice(pointer=pointer, kind="kept", detail=_KEPT) for pointer in pointers]
    if added_shipping:
        notices.append(
            Notice(
                pointer="/line_items",
                kind="added",
                detail="Rapyd demands a shipping item; a free one was added there and is not shown here.",
            )
        )
    return tuple(notices)


def _kept_of(index: int, line: DraftLine) -> list[str]:
    """Pointers to the fields of a line that Rapyd does not support; its shipping items have no SKU."""
    pointers = [f"/line_items/{index}/sku"] if line.type == "shipping" and line.sku is not None else []
    return [*pointers, f"/line_items/{index}/metadata"] if line.metadata else pointers
