"""Which events a change is: each real change once, and nothing for none."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON, provider_order
from tests.contract.conftest import order as order_record

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.erasure import redacted, without_persons
from ordergate.domain.event_type import EventType
from ordergate.domain.events import events_between
from ordergate.domain.lifecycle import FulfillmentStatus, PaymentStatus, Phase, ReviewReason
from ordergate.domain.order import Address, Customer, Decline, Fulfillment, Payment, Return

TOTAL = 20_000
LATER = NOON + timedelta(hours=1)


def record(*, kept: dict[str, Any] | None = None, **seen: Any) -> OrderRecord:
    """An order of 20000 whose provider says this of it."""
    return order_record("ord_1", seen=provider_order(**seen), **(kept or {}))


def payment(number: int, *, declined: bool = False) -> Payment:
    """One payment of the whole order."""
    decline = Decline(code="declined", provider_code=None) if declined else None
    return Payment(
        provider_payment_id=f"pay_{number}",
        method_type="card",
        amount=TOTAL,
        status="any",
        decline=decline,
        created_at=NOON,
    )


def goods(identifier: str, refund_status: str | None = None) -> Return:
    """A return."""
    return Return(
        id=identifier,
        lines=[],
        shipping=False,
        amount=100,
        provider_return_id=None,
        refund_id=None,
        refund_status=refund_status,
    )


OPEN = record()
PAID = record(amount_paid=TOTAL, paid_at=LATER)
HANDED_OVER = record(amount_paid=TOTAL, paid_at=LATER, fulfillment_status=FulfillmentStatus.FULFILLED)
HALF = record(amount_paid=5_000)
FAILED = record(payment_failed=True, payments=[payment(1, declined=True)])

CHANGES = [
    (OPEN, record(payment_pending=True), "order.payment_pending"),
    (OPEN, record(amount_paid=5_000), "order.partially_paid"),
    (record(amount_paid=5_000), record(amount_paid=9_000), "order.partially_paid"),
    (record(payment_pending=True), PAID, "order.paid"),
    (OPEN, record(paid_in_full=True), "order.paid"),
    (OPEN, FAILED, "order.payment_failed"),
    (
        FAILED,
        record(payment_failed=True, payments=[payment(1, declined=True), payment(2, declined=True)]),
        "order.payment_failed",
    ),
    (FAILED, record(payment_failed=True, payments=[payment(2, declined=True)]), "order.payment_failed"),
    (HALF, record(amount_paid=5_000, payments=[payment(1, declined=True)]), "order.payment_failed"),
    (record(amount_paid=5_000, payment_pending=True), HALF, "order.updated"),
    (record(amount_paid=9_000), HALF, "order.updated"),
    (PAID, record(amount_paid=TOTAL + 1, total=TOTAL + 5), "order.updated"),
    (PAID, HANDED_OVER, "order.fulfilled"),
    (OPEN, HANDED_OVER, "order.paid order.fulfilled"),
    (OPEN, record(phase=Phase.CANCELED), "order.canceled"),
    (OPEN, record(kept={"canceled_here": NOON}), "order.canceled"),
    (record(kept={"canceled_here": NOON}), record(kept={"canceled_here": NOON}, phase=Phase.CANCELED), ""),
    (PAID, record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=100), "order.partially_refunded"),
    (
        record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=100),
        record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=200),
        "order.partially_refunded",
    ),
    (PAID, record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=TOTAL), "order.refunded"),
    (OPEN, record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=TOTAL), "order.paid order.refunded"),
    (
        record(amount_paid=TOTAL, paid_at=LATER, amount_refunded=100),
        PAID,
        "order.updated",
    ),
    (PAID, record(amount_paid=TOTAL, paid_at=LATER, kept={"returns": [goods("ret_1")]}), "return.created"),
    (
        record(kept={"returns": [goods("ret_1")]}),
        record(kept={"returns": [goods("ret_1", "FAILED")]}),
        "return.failed",
    ),
    (OPEN, record(kept={"concerns": [ReviewReason.LATE_WRITE]}), "order.review"),
    (record(kept={"concerns": [ReviewReason.LATE_WRITE]}), OPEN, "order.updated"),
    (OPEN, record(phase=Phase.UNMAPPED, provider_status="odd"), "order.review"),
    (OPEN, record(kept={"notes": "Ring twice"}), "order.updated"),
    (OPEN, record(kept={"notes": "Ring twice"}, amount_paid=TOTAL), "order.updated order.paid"),
    (OPEN, record(extensions={"invoice_id": "inv_1"}), "order.updated"),
    (OPEN, record(extensions={"invoice_id": "inv_1"}, amount_paid=TOTAL), "order.paid"),
    (OPEN, record(provider_status="draft"), "order.updated"),
    (OPEN, record(updated_at=LATER, kept={"synced_at": LATER}), ""),
    (
        PAID,
        record(amount_paid=TOTAL, paid_at=LATER, fulfillment_status=FulfillmentStatus.PARTIAL),
        "order.updated",
    ),
]


@pytest.mark.parametrize(("before", "after", "events"), CHANGES)
def test_what_a_change_is(before: OrderRecord, after: OrderRecord, events: str) -> None:
    """Each change is told by its own event, in the order in which it happened."""
    assert " ".join(events_between(before, after)) == events


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (OPEN, PAID, "order.updated"),
        (OPEN, HANDED_OVER, "order.fulfilled"),
        (OPEN, HALF, "order.partially_paid"),
    ],
)
def test_what_was_told_once_is_not_told_again(before: OrderRecord, after: OrderRecord, events: str) -> None:
    """A provider that takes a payment back and says it again changes the order, and pays it no second time."""
    assert " ".join(events_between(before, after, {"order.created", "order.paid"})) == events


@pytest.mark.parametrize(
    ("first", "events"),
    [
        (OPEN, "order.created"),
        (HANDED_OVER, "order.created order.paid order.fulfilled"),
        (record(total=TOTAL, kept={"expected_total": 1}), "order.created order.review"),
    ],
)
def test_what_a_new_order_is(first: OrderRecord, events: str) -> None:
    """A new order is created, whatever else it is already."""
    assert " ".join(events_between(None, first)) == events


records = st.builds(
    lambda kept, phase, **seen: record(kept=kept, phase=phase, provider_status=phase.value, **seen),
    kept=st.fixed_dictionaries(
        {
            "notes": st.sampled_from([None, "a"]),
            "canceled_here": st.sampled_from([None, NOON]),
            "returns": st.sampled_from([[], [goods("ret_1")], [goods("ret_1", "failed"), goods("ret_2")]]),
            "concerns": st.sampled_from([[], [ReviewReason.LATE_WRITE]]),
        }
    ),
    amount_paid=st.sampled_from([0, 5_000, TOTAL]),
    amount_refunded=st.sampled_from([0, 5_000, TOTAL]),
    payment_pending=st.booleans(),
    payment_failed=st.booleans(),
    phase=st.sampled_from(list(Phase)),
    fulfillment_status=st.sampled_from(list(FulfillmentStatus)),
)


@given(records, st.integers(0, 10_000))
def test_nothing_is_told_of_no_change(one: OrderRecord, seconds: int) -> None:
    """An order that is read again and is the same tells nothing, however much later."""
    later = NOON + timedelta(seconds=seconds)
    again = msgspec.structs.replace(
        one, synced_at=later, seen=msgspec.structs.replace(one.seen, updated_at=later)
    )

    assert events_between(one, again) == ()


@given(records, records)
def test_something_is_told_of_every_change(before: OrderRecord, after: OrderRecord) -> None:
    """What a merchant can see differ, an event tells; created is told of new orders alone, and first."""
    told = events_between(before, after)
    anew = events_between(None, after)

    same = _visible(before) == _visible(after)
    assert (told == ()) == same
    assert EventType.ORDER_CREATED not in told
    assert anew[0] is EventType.ORDER_CREATED
    assert EventType.ORDER_UPDATED not in anew


@given(records, records)
def test_events_say_what_holds(before: OrderRecord, after: OrderRecord) -> None:
    """No event claims what the order that comes with it does not show; none but returns' comes twice."""
    told, order = events_between(before, after), order_from_record(after)
    shown: dict[EventType, Callable[[], bool]] = {
        EventType.ORDER_PAYMENT_PENDING: lambda: order.payment_status is PaymentStatus.PENDING,
        EventType.ORDER_PAYMENT_FAILED: lambda: (
            order.payment_status is PaymentStatus.FAILED or any(each.decline for each in order.payments)
        ),
        EventType.ORDER_PARTIALLY_PAID: lambda: order.payment_status is PaymentStatus.PARTIALLY_PAID,
        EventType.ORDER_PAID: lambda: order.amount_paid >= order.total,
        EventType.ORDER_REFUNDED: lambda: order.payment_status is PaymentStatus.REFUNDED,
        EventType.ORDER_PARTIALLY_REFUNDED: (
            lambda: order.payment_status is PaymentStatus.PARTIALLY_REFUNDED
        ),
        EventType.ORDER_REVIEW: lambda: bool(order.review_reasons),
    }

    assert all(shown[kind]() for kind in told if kind in shown)
    once = [kind for kind in told if not kind.startswith("return.")]
    assert len(once) == len(set(once))


@given(st.lists(records, min_size=1, max_size=6))
def test_milestones_are_not_told_again_while_they_hold(life: list[OrderRecord]) -> None:
    """Fulfilled is told exactly as often as the order becomes so."""
    told = [kind for before, after in pairwise(life) for kind in events_between(before, after)]
    fulfilled = [order_from_record(each).fulfillment_status in {"fulfilled", "returned"} for each in life]
    becomes = sum(now and not was for was, now in pairwise(fulfilled))

    assert told.count(EventType.ORDER_FULFILLED) == becomes


def test_a_told_order_loses_its_personal_data() -> None:
    """Erasing what was told leaves what erasing the record leaves."""
    address = Address(name="Ada", line_1="Lovelace Street 1")
    handed = Fulfillment(line_item_ids=[], tracking_number="1Z999", carrier="ups", created_at=NOON)
    kept = {
        "customer": Customer(id="cust-42", email="ada@example.com"),
        "shipping_address": address,
        "metadata": {"gift": "for-charles"},
        "notes": "Ring twice",
        "fulfillments": [handed],
    }
    full = record(kept=kept, email="ada@example.com", shipping_address=address)

    told = without_persons(msgspec.to_builtins(order_from_record(full)) | {"later": {"release": 1}})

    assert told == msgspec.to_builtins(order_from_record(redacted(full, LATER))) | {"later": {"release": 1}}


def _visible(one: OrderRecord) -> Any:
    order = order_from_record(one)
    return msgspec.structs.replace(order, synced_at=None, updated_at=NOON)
