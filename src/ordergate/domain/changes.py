"""The changes of a write to the gateway's own record, after the provider has applied it.

A change is data, because another process than the sender may settle the operation.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from ordergate.domain.assembly import (
    OrderedLine,
    OrderRecord,
    expected_total,
    with_shown_total,
    with_snapshot,
)
from ordergate.domain.commands import CreateOrder
from ordergate.domain.draft import Draft
from ordergate.domain.erasure import redacted
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.order import Address, Customer, Fulfillment, Notice, Return, ReturnedLine
from ordergate.domain.outcome import Applied


class OrderMade(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The order was created; the command contains the draft. `comparison` is the comparison that created it."""

    order: str
    world: Literal["test", "live"]
    account: str
    adapter: str
    comparison: str | None = None


class PaymentMade(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A payment was made, or nothing was due; a total that the caller confirmed is the expected one from now on."""

    expected_total: int | None


class CanceledHere(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The gateway canceled the order itself, at a provider that cannot."""

    at: datetime


class HandedOver(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Goods were handed over, and how they travel: providers forget it. None for all the lines that are left."""

    line_item_ids: list[str] | None
    tracking_number: str | None
    carrier: str | None


class FieldsSet(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Fields were changed; unset ones stay.

    Attributes:
        metadata: The whole of it, as the provider was asked to have it.
        agreed: The total was the expected one before.
        total: The total before the change, in minor units.
    """

    metadata: dict[str, Any] | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET
    tax_percent: str | UnsetType | None = UNSET
    customer: Customer | UnsetType | None = UNSET
    extension: dict[str, Any]
    agreed: bool
    total: int


class GoodsReturned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Goods were returned; `amount` in minor units includes their shipping."""

    lines: list[ReturnedLine]
    shipping: bool
    amount: int


class NothingElse(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No change of the gateway's own: the snapshot contains everything. For a cancel, and for a confirmed payment."""


Change = OrderMade | PaymentMade | CanceledHere | HandedOver | FieldsSet | GoodsReturned | NothingElse


def changed(
    record: OrderRecord, change: Change, notices: Sequence[Notice], outcome: Applied, now: datetime
) -> OrderRecord:
    """Return the record of an existing order after a change; `record` is as it was before.

    Return the change without personal data, for a redacted order.
    """
    after = _changed(record, change, notices, outcome, now)
    return after if record.redacted_at is None else redacted(after, record.redacted_at)


def _changed(
    record: OrderRecord, change: Change, notices: Sequence[Notice], outcome: Applied, now: datetime
) -> OrderRecord:
    if isinstance(change, CanceledHere):
        return msgspec.structs.replace(record, canceled_here=change.at)
    record = _with_review_reasons(with_snapshot(record, outcome.order, now), outcome.concerns)
    match change:
        case PaymentMade():
            return _paid(record, change, now)
        case HandedOver():
            return msgspec.structs.replace(
                record, fulfillments=[*record.fulfillments, _fulfillment(record, change, outcome, now)]
            )
        case FieldsSet():
            told = _notices(record, change, notices)
            return msgspec.structs.replace(record, **_fields(record, change, outcome), notices=told)
        case GoodsReturned():
            return msgspec.structs.replace(record, returns=[*record.returns, _return(change, outcome)])
        case _:
            return record


def made(
    command: CreateOrder, change: OrderMade, notices: Sequence[Notice], outcome: Applied, now: datetime
) -> OrderRecord:
    """Return the record of a new order, from the draft and the snapshot."""
    draft = command.draft
    record = OrderRecord(
        id=change.order,
        merchant=command.merchant,
        world=change.world,
        account=change.account,
        adapter=change.adapter,
        reference=draft.reference,
        lines=[
            OrderedLine(
                id=new_id("li"),
                type=line.type,
                sku=line.sku,
                product=product,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                metadata=dict(line.metadata or {}),
            )
            for line, product in zip(draft.line_items, command.products, strict=True)
        ],
        customer=_customer(draft),
        shipping_address=_address(draft),
        metadata=dict(draft.metadata or {}),
        notes=draft.notes,
        tax_percent=draft.tax_percent,
        expires_at=draft.expires_at,
        currency=draft.currency,
        expected_total=expected_total(draft, coupon=command.extension.get("coupon") is not None),
        extensions=command.extension,
        notices=list(notices),
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None if change.comparison is None else "comparison",
        seen=outcome.order,
        synced_at=now,
        comparison=change.comparison,
    )
    return _with_review_reasons(record, outcome.concerns)


def _with_review_reasons(record: OrderRecord, concerns: Sequence[ReviewReason]) -> OrderRecord:
    new = [concern for concern in concerns if concern not in record.concerns]
    return msgspec.structs.replace(record, concerns=record.concerns + new) if new else record


def _customer(draft: Draft) -> Customer | None:
    return None if draft.customer is None else Customer(**msgspec.structs.asdict(draft.customer))


def _address(draft: Draft) -> Address | None:
    given = draft.shipping_address
    return None if given is None else Address(**msgspec.structs.asdict(given))


def _paid(record: OrderRecord, change: PaymentMade, now: datetime) -> OrderRecord:
    """Return the record of a paid order. An order that costs nothing counts as paid without the provider's report."""
    seen = record.seen
    if seen.total == 0 and not (seen.paid_in_full or seen.payment_pending or seen.amount_paid):
        record = msgspec.structs.replace(record, paid_here=now)
    if change.expected_total is None:
        return record
    return msgspec.structs.replace(
        with_shown_total(record, change.expected_total), expected_total=change.expected_total
    )


def _fulfillment(record: OrderRecord, change: HandedOver, outcome: Applied, now: datetime) -> Fulfillment:
    done = {name for fulfillment in record.fulfillments for name in fulfillment.line_item_ids}
    left = [line.id for line in record.lines if line.id and line.id not in done]
    return Fulfillment(
        line_item_ids=change.line_item_ids or left,
        tracking_number=change.tracking_number,
        carrier=change.carrier,
        created_at=outcome.order.fulfilled_at or now,
    )


def _fields(record: OrderRecord, change: FieldsSet, outcome: Applied) -> dict[str, Any]:
    """Return the record with the changed fields; the provider's metadata is compared."""
    fields: dict[str, Any] = {
        name: value
        for name in ("metadata", "notes", "tax_percent", "customer")
        if (value := getattr(change, name)) is not UNSET
    }
    if not isinstance(change.metadata, UnsetType):
        concerns = [concern for concern in record.concerns if concern != ReviewReason.UPDATE_MISMATCH]
        kept = outcome.order.metadata == change.metadata
        fields["concerns"] = concerns if kept else [*concerns, ReviewReason.UPDATE_MISMATCH]
    if change.extension:
        fields["extensions"] = {**record.extensions, **change.extension}
    if change.agreed and outcome.order.total != change.total:
        fields["expected_total"] = None  # the total was changed on purpose; nobody has said to what
    return fields


def _notices(record: OrderRecord, change: FieldsSet, new: Sequence[Notice]) -> list[Notice]:
    """Return the present reasons: for a changed field, only the change itself decides."""
    over = {f"/{name}" for name in ("metadata", "notes", "tax_percent") if getattr(change, name) is not UNSET}
    if not isinstance(change.customer, UnsetType) and _email(change.customer) != _email(record.customer):
        over.add("/customer/email")
    over |= {notice.pointer for notice in new}
    return [*(notice for notice in record.notices if notice.pointer not in over), *new]


def _email(customer: Customer | None) -> str | None:
    return None if customer is None else customer.email


def _return(change: GoodsReturned, outcome: Applied) -> Return:
    told = outcome.returned
    return Return(
        id=new_id("ret"),
        lines=change.lines,
        shipping=change.shipping,
        amount=told.amount if told else change.amount,
        provider_return_id=told.provider_return_id if told else None,
        refund_id=told.refund_id if told else None,
        refund_status=told.refund_status if told else None,
    )
