"""Rapyd's answers to the gateway's terms. Pure; unknown fields are ignored, unknown statuses reviewed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.money import (
    InexactAmountError,
    minor_unit_digits,
    to_minor_units,
)
from ordergate.domain.order import Address, Decline, DeclineCode, NextAction
from ordergate.domain.order import Payment as CanonicalPayment
from ordergate.domain.provider_order import (
    ADDED_SHIPPING_MARK,
    ProviderLine,
    ProviderOrder,
    ProviderReturn,
    ReturnedGoods,
)
from ordergate.spi.marks import split_marks
from ordergate_rapyd import wire

PAID_STATUSES = frozenset({"paid", "fulfilled", "returned"})
"""Rapyd's statuses that an order reaches only when it has been paid in full."""

FAILED_PAYMENTS = frozenset({"CAN", "ERR", "EXP", "REV", "DLD"})
CLOSED_PAYMENT = "CLO"

AUTHENTICATION_TIME = timedelta(minutes=15)
"""How long the shopper has for 3-D Secure (docs, Pay an Order); the payment's own expiration is days away."""

_PERCENT_DIGITS = 6
"""Decimals of a percentage that are read: two more than a request may have."""

DECLINES: dict[str, DeclineCode] = {
    "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": "insufficient_funds",
    "ERROR_CARD_EXPIRED": "expired_card",
    "ERROR_3DS_AUTHENTICATION_FAILURE": "authentication_failed",
    "ERROR_CARD_NOT_AUTHENTICATED": "authentication_failed",
    "ERROR_CARD_TRANSACTION_AMOUNT": "limit_exceeded",
    "ERROR_CARD_TRANSACTION_FREQUENCY": "limit_exceeded",
    "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": "limit_exceeded",
}
"""Rapyd's payment codes to the word that means the same everywhere; any other is ``declined``."""

_decode_order = msgspec.json.Decoder(wire.OrderEnvelope).decode
_decode_return = msgspec.json.Decoder(wire.ReturnEnvelope).decode
_decode_returns = msgspec.json.Decoder(wire.ReturnListEnvelope).decode
_decode_payments = msgspec.json.Decoder(wire.PaymentListEnvelope).decode
_decode_returned = msgspec.json.Decoder(list[wire.Returned] | None).decode
_decode_list = msgspec.json.Decoder(wire.OrderListEnvelope).decode


_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError, OverflowError, OSError)
"""Not JSON or not an order; of figures, no exact amount (a ValueError) or a time beyond the calendar."""


class UnreadableAnswerError(ValueError):
    """The response differs from Rapyd's documentation."""


class Known(NamedTuple):
    """The known facts of an order that a response may leave out: the sent ones, and those of earlier responses."""

    lines: Sequence[ProviderLine] = ()
    coupon: str | None = None
    tax_percent: str | None = None
    provider_order_id: str | None = None


def known(order: ProviderOrder) -> Known:
    """Return the known facts of an order that was read before."""
    return Known(order.line_items, order.extensions.get("coupon"), order.tax_percent, order.provider_order_id)


def read_order(body: bytes, before: Known | None = None) -> ProviderOrder:
    """Read the order in an envelope.

    Args:
        body: The answer's bytes.
        before: The known facts.

    Raises:
        UnreadableAnswerError: There is none, it is another one, or an amount in it is not exact.
    """
    try:
        envelope = _decode_order(body)
        if envelope.status.status != "SUCCESS" or envelope.data is None:
            raise UnreadableAnswerError("the envelope holds no order")
        before = before or Known()
        if before.provider_order_id not in {None, envelope.data.id}:
            raise UnreadableAnswerError("the order in it is another one")
        return _provider_order(envelope.data, before)
    except _UNREADABLE as error:
        raise UnreadableAnswerError(str(error)) from None


def read_return(body: bytes) -> ProviderReturn:
    """Read the return in an envelope.

    Raises:
        UnreadableAnswerError: There is none, or its amount is not exact.
    """
    try:
        envelope = _decode_return(body)
        if envelope.status.status != "SUCCESS" or envelope.data is None:
            raise UnreadableAnswerError("the envelope holds no return")
        return _provider_return(envelope.data)
    except _UNREADABLE as error:
        raise UnreadableAnswerError(str(error)) from None


def read_returns(body: bytes, provider_order_id: str) -> list[ProviderReturn]:
    """Read the returns of one order from a list that may contain others', the newest first.

    Raises:
        UnreadableAnswerError: There is no list, or an amount in it is not exact.
    """
    try:
        envelope = _decode_returns(body)
        if envelope.status.status != "SUCCESS" or envelope.data is None:
            raise UnreadableAnswerError("the envelope holds no list")
        theirs = [made for made in envelope.data if made.order == provider_order_id]
        newest_first = sorted(theirs, key=lambda made: made.created, reverse=True)
        return [_provider_return(made) for made in newest_first]
    except _UNREADABLE as error:
        raise UnreadableAnswerError(str(error)) from None


def read_payments(body: bytes) -> list[wire.Payment]:
    """Read one page of payments, unchanged: a probe needs their marks, which no order contains.

    Raises:
        UnreadableAnswerError: There is no list.
    """
    try:
        envelope = _decode_payments(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswerError(str(error)) from None
    if envelope.status.status != "SUCCESS" or envelope.data is None:
        raise UnreadableAnswerError("the envelope holds no list")
    return envelope.data


def read_embedded_payment(body: bytes) -> wire.Payment | None:
    """Read the payment in an order; None if there is none, or only its id.

    Raises:
        UnreadableAnswerError: There is no order.
    """
    try:
        order = _decode_order(body).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswerError(str(error)) from None
    return _embedded(order) if order is not None else None


def read_list(body: bytes) -> list[ProviderOrder]:
    """Read one page of orders.

    Raises:
        UnreadableAnswerError: There is none, or an amount in it is not exact.
    """
    try:
        envelope = _decode_list(body)
        if envelope.status.status != "SUCCESS" or envelope.data is None:
            raise UnreadableAnswerError("the envelope holds no list")
        return [_provider_order(order, Known()) for order in envelope.data]
    except _UNREADABLE as error:
        raise UnreadableAnswerError(str(error)) from None


def with_coupon(order: ProviderOrder, coupon: str) -> ProviderOrder:
    """Return an order that is known to have a coupon: if no discount was seen beside its tax, both are unknown."""
    order = msgspec.structs.replace(order, extensions={**order.extensions, "coupon": coupon})
    apart = order.tax_percent is None or order.discount != 0
    return order if apart else msgspec.structs.replace(order, discount=None, tax=None)


def _provider_order(order: wire.Order, before: Known) -> ProviderOrder:
    digits = minor_unit_digits(order.currency)
    marks, metadata = split_marks(order.metadata or {})
    total = _minor(order.amount, digits)
    returned = _minor(order.amount_returned, digits)
    payment = _embedded(order)
    refunded = _minor(payment.refunded_amount, digits) if payment is not None else 0
    lines = _lines(order, digits, marks, before)
    coupon = order.coupon or before.coupon
    percent = (
        before.tax_percent if bytes(order.tax_percent) == wire.NULL_TEXT else _percent(order.tax_percent)
    )
    subtotal = sum(line.subtotal for line in lines if line.type == "product")
    shipping = sum(line.subtotal for line in lines if line.type == "shipping")
    discount, tax = None, None
    if lines:
        rest = total - subtotal - shipping
        discount, tax = _itemized(order, digits, rest) or _split(rest, subtotal + shipping, percent, coupon)
    transitions = order.status_transitions or {}
    pending = _in_flight(order, payment)
    failed = payment is not None and payment.status in FAILED_PAYMENTS
    return ProviderOrder(
        provider_order_id=order.id,
        provider_status=order.status,
        phase=_phase(order.status, failed=failed),
        billing_type="one_time",
        currency=order.currency,
        subtotal=subtotal,
        shipping=shipping,
        discount=discount,
        tax=tax,
        total=total,
        amount_paid=_amount_paid(order, payment, total, digits),
        amount_refunded=max(returned, refunded),
        paid_in_full=order.status in PAID_STATUSES,
        payment_pending=pending,
        payment_failed=failed,
        confirmation_due=order.status == "pending" and _closed_without_card(payment),
        fulfillment_status=_fulfillment(order, transitions, returned_all=0 < total <= returned),
        customer=order.customer or None,
        email=order.email or None,
        reference=order.upstream_id or None,
        line_items=lines,
        shipping_address=_address(order.shipping_address),
        metadata=metadata,
        marks=marks,
        notes=None,
        expires_at=None,
        tax_percent=percent,
        payments=[_payment(payment, digits)] if payment is not None else [],
        next_action=_next_action(payment),
        created_at=datetime.fromtimestamp(order.created, UTC),
        updated_at=datetime.fromtimestamp(order.updated, UTC),
        paid_at=_time(transitions.get("paid")),
        fulfilled_at=_time(transitions.get("fulfilled")),
        canceled_at=_time(transitions.get("canceled")) if order.status == "canceled" else None,
        refunded_at=_time(transitions.get("returned")) if returned else None,
        extensions={
            "coupon": coupon or None,
            "external_coupon_code": order.external_coupon_code or None,
        },
        returned=_returned(order.returns, digits),
    )


def _embedded(order: wire.Order) -> wire.Payment | None:
    return order.payment if isinstance(order.payment, wire.Payment) and order.payment.id else None


def _provider_return(made: wire.Return) -> ProviderReturn:
    return ProviderReturn(
        provider_return_id=made.id,
        amount=_minor(made.amount, minor_unit_digits(made.currency)),
        refund_id=made.refund or None,
        refund_status=None,
        created_at=_time(made.created),
    )


def _in_flight(order: wire.Order, payment: wire.Payment | None) -> bool:
    """Return whether a payment may still succeed: any payment without a known end counts, a bare id too."""
    if payment is None:
        return isinstance(order.payment, str) and bool(order.payment) and order.status not in PAID_STATUSES
    return payment.status != CLOSED_PAYMENT and payment.status not in FAILED_PAYMENTS


def _closed_without_card(payment: wire.Payment | None) -> bool:
    """Return whether Rapyd waits for a confirmation: card payments need none (docs, Update an Order)."""
    if payment is None or payment.status != CLOSED_PAYMENT or payment.paid is not True:
        return False
    return payment.payment_method_type_category != "card"


def _phase(status: str, *, failed: bool) -> Phase:
    """Return the phase: the status without money and goods; a failed payment leaves the order payable."""
    if status == "pending":
        return Phase.OPEN if failed else Phase.PENDING
    if status == "canceled":
        return Phase.CANCELED
    return Phase.OPEN if status == "created" or status in PAID_STATUSES else Phase.UNMAPPED


def _fulfillment(order: wire.Order, transitions: dict[str, int], *, returned_all: bool) -> FulfillmentStatus:
    """Return the fulfillment; ``status_transitions`` still contain it after a later status."""
    if order.status != "fulfilled" and not transitions.get("fulfilled"):
        return FulfillmentStatus.UNFULFILLED
    return FulfillmentStatus.RETURNED if returned_all else FulfillmentStatus.FULFILLED


def _amount_paid(order: wire.Order, payment: wire.Payment | None, total: int, digits: int) -> int:
    """Return the received amount: the closed payment's amount, or the total if only the status shows it."""
    if payment is not None and (payment.status == CLOSED_PAYMENT or payment.paid):
        return _minor(payment.amount, digits) or _minor(payment.original_amount, digits)
    return total if order.status in PAID_STATUSES else 0


def _lines(order: wire.Order, digits: int, marks: dict[str, Any], before: Known) -> list[ProviderLine]:
    if order.items is None:
        return list(before.lines)
    lines = [
        _line(item, digits, position)
        for position, item in enumerate(order.items)
        if item.type in {"sku", "shipping"}
    ]
    if marks.get(ADDED_SHIPPING_MARK) is True:
        return [line for line in lines if line.type == "product" or line.unit_amount > 0]
    return lines


def _line(item: wire.Item, digits: int, position: int) -> ProviderLine:
    shipping = item.type == "shipping"
    quantity = 1 if shipping else item.quantity or 1
    amount = _minor(item.amount, digits)
    return ProviderLine(
        provider_line_id=None,
        type="shipping" if shipping else "product",
        product=item.parent or None,
        description=item.description or "",
        quantity=quantity,
        unit_amount=amount,
        subtotal=amount * quantity,
        discount=None,
        tax=None,
        total=None,
        metadata={},
        position=position,
    )


def _itemized(order: wire.Order, digits: int, rest: int) -> tuple[int, int] | None:
    """Return discount and tax of the items; None without any, or if they do not explain the rest of the total.

    No sample shows an item of such a type, so that none is believed against the figures.
    """
    items = order.items or ()
    tax = sum(_minor(item.amount, digits) for item in items if item.type == "tax")
    discount = sum(abs(_minor(item.amount, digits)) for item in items if item.type in {"discount", "coupon"})
    return (discount, tax) if (tax or discount) and tax - discount == rest else None


def _split(
    rest: int, lines_total: int, percent: str | None, coupon: str | None
) -> tuple[int | None, int | None]:
    """Split the rest of the total into discount and tax; null, null if that is ambiguous.

    An answer need not name the order's coupon. Beside tax, the rest is all tax only if it is the percentage of the
    lines; the sums that fit that are those of the samples, which tax goods and shipping (docs, List Orders).
    """
    if percent is None:
        return (-rest, 0) if rest <= 0 else (None, None)
    return (0, rest) if coupon is None and rest in _shares(lines_total, percent) else (None, None)


def _shares(amount: int, percent: str) -> set[int]:
    """The percentage of an amount, rounded down and up: how Rapyd rounds is not documented."""
    try:
        scaled = to_minor_units(percent, _PERCENT_DIGITS) * amount
    except InexactAmountError:
        return set()
    hundred = 100 * 10**_PERCENT_DIGITS
    return {scaled // hundred, -(-scaled // hundred)}


def _payment(payment: wire.Payment, digits: int) -> CanonicalPayment:
    code = payment.failure_code or payment.error_code or None
    failed = payment.status in FAILED_PAYMENTS
    return CanonicalPayment(
        provider_payment_id=payment.id,
        method_type=payment.payment_method_type,
        amount=_minor(payment.original_amount, digits) or _minor(payment.amount, digits),
        status=payment.status or "",
        decline=Decline(code=DECLINES.get(code or "", "declined"), provider_code=code) if failed else None,
        created_at=_time(payment.created_at),
    )


def _returned(returns: msgspec.Raw, digits: int) -> tuple[ReturnedGoods, ...]:
    """Return all returns, including those outside the gateway; none in an undocumented form."""
    try:
        told = _decode_returned(returns) or []
        items = [item for entry in told for item in (entry.items if entry.items is not None else [entry])]
        return tuple(_returned_goods(item, digits) for item in items if item.type in {"sku", "shipping"})
    except _UNREADABLE:
        return ()


def _returned_goods(item: wire.Returned, digits: int) -> ReturnedGoods:
    quantity = int(item.quantity or 1)
    amount = _minor(item.amount, digits)
    if quantity < 1 or amount < 0:
        raise ValueError("the returned amount is negative")
    shipping = item.type == "shipping"
    return ReturnedGoods(
        type="shipping" if shipping else "product",
        product=None if shipping else item.parent or None,
        quantity=quantity,
        amount=amount * quantity,
    )


def _next_action(payment: wire.Payment | None) -> NextAction | None:
    if payment is None or payment.status in FAILED_PAYMENTS | {CLOSED_PAYMENT} or not payment.redirect_url:
        return None
    if payment.next_action != "3d_verification":
        return None
    began = _time(payment.created_at)
    return NextAction(
        type="redirect",
        url=payment.redirect_url,
        expires_at=began + AUTHENTICATION_TIME if began is not None else None,
    )


def _address(address: wire.Address | str | None) -> Address | None:
    if not isinstance(address, wire.Address):
        return None
    read = Address(
        name=address.name or None,
        line_1=address.line_1 or None,
        line_2=address.line_2 or None,
        line_3=address.line_3 or None,
        city=address.city or None,
        district=address.district or None,
        state=address.state or None,
        postal_code=address.zip or None,
        country=address.country or None,
        phone=address.phone_number or None,
    )
    return None if read == Address() else read


def _minor(amount: msgspec.Raw, digits: int) -> int:
    """Return the minor units of a number, quoted or not; absent and null are zero."""
    literal = bytes(amount).decode()
    return 0 if literal in {"null", '""'} else to_minor_units(literal.strip('"'), digits)


def _percent(percent: msgspec.Raw) -> str | None:
    """The percentage as a decimal string; None for none."""
    literal = bytes(percent).decode().strip('"')
    whole, _, fraction = literal.partition(".")
    fraction = fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return None if plain in {"0", "", "null"} else plain


def _time(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
