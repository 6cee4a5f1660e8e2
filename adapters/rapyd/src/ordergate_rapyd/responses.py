"""Rapyd's answers to the gateway's terms. Pure; unknown fields are ignored, unknown statuses reviewed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.money import (
    InexactAmountError,
    UnknownCurrencyError,
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
)
from ordergate.spi.marks import split_marks
from ordergate_rapyd import wire

PAID_STATUSES = frozenset({"paid", "fulfilled", "returned"})
"""Rapyd's statuses that an order reaches only when it has been paid in full."""

FAILED_PAYMENTS = frozenset({"CAN", "ERR", "EXP", "REV", "DLD"})
CLOSED_PAYMENT = "CLO"

AUTHENTICATION_TIME = timedelta(minutes=15)
"""How long the shopper has for 3-D Secure (docs, Pay an Order); the payment's own expiration is days away."""

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
_decode_list = msgspec.json.Decoder(wire.OrderListEnvelope).decode


_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError, OverflowError, OSError)
"""Not JSON or not an order; of figures, no exact amount (a ValueError) or a time beyond the calendar."""


_AMOUNT_ERRORS = (InexactAmountError, UnknownCurrencyError, OverflowError)


class UnreadableAnswerError(ValueError):
    """The bytes are not what Rapyd documents."""


def read_order(body: bytes, before: ProviderOrder | None = None) -> ProviderOrder:
    """Read the order in an envelope.

    Args:
        body: The answer's bytes.
        before: What Rapyd said earlier: an answer may leave its items out.

    Raises:
        UnreadableAnswerError: There is none, it is another one, or an amount in it is not exact.
    """
    try:
        envelope = _decode_order(body)
        if envelope.status.status != "SUCCESS" or envelope.data is None:
            raise UnreadableAnswerError("the envelope holds no order")
        if before is not None and envelope.data.id != before.provider_order_id:
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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, *_AMOUNT_ERRORS) as error:
        raise UnreadableAnswerError(str(error)) from None


def read_returns(body: bytes, provider_order_id: str) -> list[ProviderReturn]:
    """Read the returns of one order in a list that may hold others', the newest first.

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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, *_AMOUNT_ERRORS) as error:
        raise UnreadableAnswerError(str(error)) from None


def read_payments(body: bytes) -> list[wire.Payment]:
    """Read one page of payments, as they are: a probe wants their marks, which no order tells.

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
    """Read the payment inside an order; None where there is none, or its id alone.

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
        return [_provider_order(order, None) for order in envelope.data]
    except _UNREADABLE as error:
        raise UnreadableAnswerError(str(error)) from None


def _provider_order(order: wire.Order, before: ProviderOrder | None) -> ProviderOrder:
    digits = minor_unit_digits(order.currency)
    marks, metadata = split_marks(order.metadata or {})
    total = _minor(order.amount, digits)
    returned = _minor(order.amount_returned, digits)
    payment = _embedded(order)
    refunded = _minor(payment.refunded_amount, digits) if payment is not None else 0
    lines = _lines(order, digits, marks, before)
    subtotal = sum(line.subtotal for line in lines if line.type == "product")
    shipping = sum(line.subtotal for line in lines if line.type == "shipping")
    discount, tax = _discount_and_tax(order, digits, total - subtotal - shipping) if lines else (None, None)
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
        tax_percent=_percent(order.tax_percent),
        payments=[_payment(payment, digits)] if payment is not None else [],
        next_action=_next_action(payment),
        created_at=datetime.fromtimestamp(order.created, UTC),
        updated_at=datetime.fromtimestamp(order.updated, UTC),
        paid_at=_time(transitions.get("paid")),
        fulfilled_at=_time(transitions.get("fulfilled")),
        canceled_at=_time(transitions.get("canceled")) if order.status == "canceled" else None,
        refunded_at=_time(transitions.get("returned")) if returned else None,
        extensions={
            "coupon": order.coupon or None,
            "external_coupon_code": order.external_coupon_code or None,
        },
    )


def _embedded(order: wire.Order) -> wire.Payment | None:
    return order.payment if isinstance(order.payment, wire.Payment) and order.payment.id else None


def _provider_return(made: wire.Return) -> ProviderReturn:
    return ProviderReturn(
        provider_return_id=made.id,
        amount=_minor(made.amount, minor_unit_digits(made.currency)),
        refund_id=made.refund or None,
        refund_status=None,
    )


def _in_flight(order: wire.Order, payment: wire.Payment | None) -> bool:
    """Whether a payment may still come in: one that is not known to have ended counts, a bare id too."""
    if payment is None:
        return isinstance(order.payment, str) and bool(order.payment) and order.status not in PAID_STATUSES
    return payment.status != CLOSED_PAYMENT and payment.status not in FAILED_PAYMENTS


def _closed_without_card(payment: wire.Payment | None) -> bool:
    """Whether Rapyd waits to be told: of cards it knows by itself (docs, Update an Order)."""
    if payment is None or payment.status != CLOSED_PAYMENT or payment.paid is not True:
        return False
    return payment.payment_method_type_category != "card"


def _phase(status: str, *, failed: bool) -> Phase:
    """What is left of the status without money and goods; a failed payment leaves the order payable."""
    if status == "pending":
        return Phase.OPEN if failed else Phase.PENDING
    if status == "canceled":
        return Phase.CANCELED
    return Phase.OPEN if status == "created" or status in PAID_STATUSES else Phase.UNMAPPED


def _fulfillment(order: wire.Order, transitions: dict[str, int], *, returned_all: bool) -> FulfillmentStatus:
    """Goods that were handed over stay so whatever the status becomes; the transitions remember."""
    if order.status != "fulfilled" and not transitions.get("fulfilled"):
        return FulfillmentStatus.UNFULFILLED
    return FulfillmentStatus.RETURNED if returned_all else FulfillmentStatus.FULFILLED


def _amount_paid(order: wire.Order, payment: wire.Payment | None, total: int, digits: int) -> int:
    """What was received: the closed payment's amount, or the total where only the status tells."""
    if payment is not None and (payment.status == CLOSED_PAYMENT or payment.paid):
        return _minor(payment.amount, digits) or _minor(payment.original_amount, digits)
    return total if order.status in PAID_STATUSES else 0


def _lines(
    order: wire.Order, digits: int, marks: dict[str, Any], before: ProviderOrder | None
) -> list[ProviderLine]:
    if order.items is None:
        return before.line_items if before is not None else []
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


def _discount_and_tax(order: wire.Order, digits: int, rest: int) -> tuple[int | None, int | None]:
    """Split what the total holds beyond the lines; null, null where that cannot be told.

    Rapyd's formula for the total leaves coupons out, and no sample shows a tax or discount item, so an item
    of such a type is believed only if the figures then agree.
    """
    items = order.items or ()
    tax = sum(_minor(item.amount, digits) for item in items if item.type == "tax")
    discount = sum(abs(_minor(item.amount, digits)) for item in items if item.type in {"discount", "coupon"})
    if (tax or discount) and tax - discount == rest:
        return discount, tax
    taxed = _percent(order.tax_percent) is not None
    discounted = bool(order.coupon)
    if taxed and discounted:
        return None, None
    if rest == 0 or (rest > 0 and not discounted):
        return 0, rest
    return (-rest, 0) if rest < 0 and not taxed else (None, None)


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
    """Minor units of a number as it stands in the answer, quoted or not; absent and null are zero."""
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
