"""Assembles the canonical order from the gateway's record and the provider's snapshot.

The merchant's lines, ids, reference and fields that the provider does not support come from the record. Money, status
and times come from the provider. All functions are pure.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from ordergate.domain.draft import AddressBody, CustomerBody, Draft, DraftLine, LineType
from ordergate.domain.lifecycle import (
    FulfillmentStatus,
    OrderStatus,
    PaymentFacts,
    PaymentStatus,
    Phase,
    ReviewReason,
    order_status,
    payment_status,
)
from ordergate.domain.order import (
    Address,
    Customer,
    Fulfillment,
    LineItem,
    Notice,
    Order,
    Return,
)
from ordergate.domain.provider_order import ProviderLine, ProviderOrder, without_personal_data


class OrderedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line as the merchant ordered it; `unit_amount` in minor units.

    Attributes:
        id: The gateway's id; None for an order that is not imported.
        product: The provider's product id at the time of the order; later changes of links do not affect it.
    """

    id: str | None
    type: LineType
    sku: str | None
    product: str | None
    description: str
    quantity: int
    unit_amount: int
    metadata: dict[str, Any]


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that the gateway keeps of one order.

    Attributes:
        id: The gateway's id.
        merchant: The merchant.
        world: Which keys may see it.
        account: The account of the order; it never changes.
        adapter: The adapter's name.
        lines: The merchant's lines, as ordered.
        customer: The customer as the merchant named it.
        currency: The currency of the draft.
        expected_total: Expected total in minor units; None without an expectation.
        seen: The provider's last snapshot.
        synced_at: Time of the snapshot.
        canceled_here: When the gateway itself canceled it, at a provider that cannot.
        concerns: Review reasons that the provider's snapshot does not show.
        redacted_at: When its personal data were erased: from then on none are taken in again.
        comparison: Id of the comparison that it was made for.
        shown_total: The total that the merchant was last shown; None if it is the total of `seen`.
        paid_here: Time at which the gateway itself marked the order as paid: it costs nothing, and its provider does
            not report it as paid.
    """

    id: str
    merchant: str
    world: Literal["test", "live"]
    account: str
    adapter: str
    reference: str | None
    lines: list[OrderedLine]
    customer: Customer | None
    shipping_address: Address | None
    metadata: dict[str, Any]
    notes: str | None
    tax_percent: str | None
    expires_at: datetime | None
    currency: str
    expected_total: int | None
    extensions: dict[str, Any]
    notices: list[Notice]
    fulfillments: list[Fulfillment]
    returns: list[Return]
    canceled_here: datetime | None
    concerns: list[ReviewReason]
    purpose: Literal["comparison"] | None
    seen: ProviderOrder
    synced_at: datetime
    redacted_at: datetime | None = None
    comparison: str | None = None
    shown_total: int | None = None
    paid_here: datetime | None = None


def expected_total(draft: Draft, *, coupon: bool) -> int | None:
    """Return the expected total of a new order in minor units; None if the merchant cannot know it.

    Args:
        draft: The order as the merchant means it.
        coupon: A coupon will change the total.
    """
    if draft.expected_total is not None:
        return draft.expected_total
    return None if coupon or draft.taxed else draft.lines_total


def review_reasons(record: OrderRecord) -> list[ReviewReason]:
    """Return the review reasons of the order; usually none.

    Figures that differ matter no more once the order is over: canceled, or all of its money given back.
    """
    seen = record.seen
    canceled = seen.phase is Phase.CANCELED or record.canceled_here is not None
    over = canceled or 0 < seen.amount_paid <= seen.amount_refunded
    reasons = []
    if seen.phase is Phase.UNMAPPED:
        reasons.append(ReviewReason.UNMAPPED_STATUS)
    if not over and (currency_differs(record) or record.expected_total not in (None, seen.total)):
        reasons.append(ReviewReason.AMOUNT_MISMATCH)
    if canceled and seen.amount_kept > 0:
        reasons.append(ReviewReason.CANCELED_WITH_MONEY_HELD)
    if not over and seen.confirmation_due and seen.amount_kept != seen.total:
        reasons.append(ReviewReason.PAYMENT_MISMATCH)
    return [*reasons, *record.concerns]


def currency_differs(record: OrderRecord) -> bool:
    """Whether the provider made the order in another currency than it was ordered in."""
    return record.currency != record.seen.currency


def with_snapshot(record: OrderRecord, seen: ProviderOrder, now: datetime) -> OrderRecord:
    """Return the record with a new snapshot; review reasons that the snapshot resolves are removed.

    A new total that the merchant has not been shown is stored beside the shown one. A redacted order takes no personal
    data from the snapshot.
    """
    answered = {
        ReviewReason.PAYMENT_NOT_RECORDED: seen.paid_in_full or 0 < seen.total <= seen.amount_paid,
        ReviewReason.UPDATE_MISMATCH: seen.metadata == record.metadata and record.redacted_at is None,
    }
    concerns = [concern for concern in record.concerns if not answered.get(concern, False)]
    if record.redacted_at is not None:
        seen = without_personal_data(seen)
    told = record.seen.total if record.shown_total is None else record.shown_total
    return msgspec.structs.replace(
        record,
        seen=seen,
        synced_at=now,
        concerns=concerns,
        shown_total=None if told == seen.total else told,
    )


def with_shown_total(record: OrderRecord, total: int) -> OrderRecord:
    """Return the record after the merchant was shown this total; the same record if nothing changes."""
    if record.shown_total is None or total != record.seen.total:
        return record
    return msgspec.structs.replace(record, shown_total=None)


def last_known(record: OrderRecord) -> ProviderOrder:
    """Return the snapshot, completed with the sent values of fields that responses leave out."""
    sent = {name: value for name, value in record.extensions.items() if value is not None}
    return msgspec.structs.replace(record.seen, extensions={**record.seen.extensions, **sent})


def order_from_record(record: OrderRecord) -> Order:
    """Return the canonical order of a record."""
    seen = record.seen
    reasons = review_reasons(record)
    paid, fulfilled = _payment_status(record), _fulfillment_status(record)
    canceled_here = record.canceled_here is not None
    return Order(
        id=record.id,
        reference=record.reference,
        account=record.account,
        provider=record.adapter,
        provider_order_id=seen.provider_order_id,
        provider_status=seen.provider_status,
        status=order_status(
            payment=paid,
            fulfillment=fulfilled,
            phase=Phase.CANCELED if canceled_here else seen.phase,
            review=reasons,
        ),
        payment_status=paid,
        fulfillment_status=fulfilled,
        review_reasons=reasons,
        billing_type=seen.billing_type,
        currency=seen.currency,
        subtotal=seen.subtotal,
        shipping=seen.shipping,
        discount=seen.discount,
        tax=seen.tax,
        total=seen.total,
        amount_paid=seen.amount_paid,
        amount_refunded=seen.amount_refunded,
        amount_due=max(seen.total - seen.amount_paid, 0),
        customer=record.customer,
        line_items=_ordered_lines(record),
        shipping_address=record.shipping_address,
        metadata=record.metadata,
        notes=record.notes,
        expires_at=record.expires_at
        and record.expires_at.astimezone(UTC),  # the merchant's may have an offset
        tax_percent=record.tax_percent,
        payments=seen.payments,
        fulfillments=record.fulfillments,
        returns=record.returns,
        next_action=seen.next_action,
        created_at=seen.created_at,
        updated_at=seen.updated_at,
        paid_at=seen.paid_at or record.paid_here,
        fulfilled_at=seen.fulfilled_at or _fulfilled_here_at(record),
        canceled_at=record.canceled_here or seen.canceled_at,
        refunded_at=seen.refunded_at,
        synced_at=record.synced_at,
        purpose=record.purpose,
        extensions={record.adapter: _extension(record)},
        notices=record.notices,
    )


def order_from_provider(seen: ProviderOrder, *, account: str, adapter: str, synced_at: datetime) -> Order:
    """Return the canonical row of an order that the gateway has not adopted: its `id` is null."""
    record = OrderRecord(
        id="",
        merchant="",
        world="test",
        account=account,
        adapter=adapter,
        reference=seen.reference,
        lines=[_line_of_provider(line) for line in seen.line_items],
        customer=Customer(email=seen.email) if seen.email else None,
        shipping_address=seen.shipping_address,
        metadata=seen.metadata,
        notes=seen.notes,
        tax_percent=seen.tax_percent,
        expires_at=seen.expires_at,
        currency=seen.currency,
        expected_total=None,
        extensions={},
        notices=[],
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=seen,
        synced_at=synced_at,
    )
    return msgspec.structs.replace(order_from_record(record), id=None)


def draft_of(record: OrderRecord) -> Draft:
    """Return a draft that would create this order once more, without the extensions of one provider."""
    return Draft(
        reference=record.reference,
        currency=record.currency,
        customer=None if record.customer is None else CustomerBody(**msgspec.structs.asdict(record.customer)),
        line_items=[
            DraftLine(
                type=line.type,
                sku=line.sku,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                metadata=line.metadata or None,
            )
            for line in record.lines
        ],
        shipping_address=(
            None
            if record.shipping_address is None
            else AddressBody(**msgspec.structs.asdict(record.shipping_address))
        ),
        tax_percent=record.tax_percent,
        billing_type=record.seen.billing_type,
        metadata=record.metadata or None,
        notes=record.notes,
        expires_at=record.expires_at,
    )


def settled_status(record: OrderRecord) -> OrderStatus:
    """Return the status without the review reasons; it decides which operations are possible."""
    seen = record.seen
    return order_status(
        payment=_payment_status(record),
        fulfillment=_fulfillment_status(record),
        phase=Phase.CANCELED if record.canceled_here else seen.phase,
    )


def _extension(record: OrderRecord) -> dict[str, Any]:
    """Return the provider-specific fields, completed with the sent values."""
    return {
        name: record.extensions.get(name) if told is None else told
        for name, told in record.seen.extensions.items()
    }


def _fulfillment_status(record: OrderRecord) -> FulfillmentStatus:
    """Return the fulfillment status.

    The provider of an order that only the gateway marked as paid may refuse a fulfillment.
    """
    told = record.seen.fulfillment_status
    if record.paid_here is None or told is not FulfillmentStatus.UNFULFILLED or not record.fulfillments:
        return told
    done = {name for each in record.fulfillments for name in each.line_item_ids}
    whole = all(line.id in done for line in record.lines)
    return FulfillmentStatus.FULFILLED if whole else FulfillmentStatus.PARTIAL


def _fulfilled_here_at(record: OrderRecord) -> datetime | None:
    handed_over = _fulfillment_status(record) is FulfillmentStatus.FULFILLED and record.paid_here is not None
    return record.fulfillments[-1].created_at if handed_over and record.fulfillments else None


def _payment_status(record: OrderRecord) -> PaymentStatus:
    seen = record.seen
    return payment_status(
        PaymentFacts(
            total=seen.total,
            paid=seen.amount_paid,
            refunded=seen.amount_refunded,
            in_full=seen.paid_in_full or (record.paid_here is not None and seen.total == 0),
            pending=seen.payment_pending,
            failed=seen.payment_failed,
        )
    )


def _ordered_lines(record: OrderRecord) -> list[LineItem]:
    """Return the merchant's lines, each with its discount, tax and total if the provider returns them."""
    at_provider = record.seen.line_items
    matched = len(at_provider) == len(record.lines)
    untouched = record.seen.discount == 0 and record.seen.tax == 0
    return [
        _ordered_line(line, at_provider[position] if matched else None, position, untouched=untouched)
        for position, line in enumerate(record.lines)
    ]


def _ordered_line(
    line: OrderedLine, told: ProviderLine | None, position: int, *, untouched: bool
) -> LineItem:
    subtotal = line.quantity * line.unit_amount
    discount, tax, total = (0, 0, subtotal) if untouched else (None, None, None)
    if told is not None and told.total is not None:
        discount, tax, total = told.discount, told.tax, told.total
    return LineItem(
        id=line.id,
        type=line.type,
        sku=line.sku,
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        subtotal=subtotal,
        discount=discount,
        tax=tax,
        total=total,
        metadata=line.metadata,
        position=position,
    )


def _line_of_provider(line: ProviderLine) -> OrderedLine:
    return OrderedLine(
        id=None,
        type=line.type,
        sku=None,
        product=line.product,
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        metadata=line.metadata,
    )
