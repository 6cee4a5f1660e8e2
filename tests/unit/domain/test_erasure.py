"""What is erased of an order, and what stays."""

from datetime import timedelta

import msgspec
import pytest
from tests.builders import NOON, provider_line, provider_order
from tests.unit.conftest import order_record, ordered_line

from ordergate.domain.assembly import OrderRecord, order_from_record, with_snapshot
from ordergate.domain.changes import HandedOver, NothingElse, changed
from ordergate.domain.erasure import redacted
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.order import Address, Customer, Fulfillment, NextAction
from ordergate.domain.outcome import Applied
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder

WORD = "Lovelace"
LATER = NOON + timedelta(days=1)


def _seen() -> ProviderOrder:
    return provider_order(
        email=f"{WORD}@example.com",
        shipping_address=Address(name=WORD),
        notes=WORD,
        metadata={WORD: WORD},
        marks={OPERATION_MARK: "op_1"},
        next_action=NextAction(type="redirect", url=f"https://3ds.test/{WORD}", expires_at=None),
        line_items=[provider_line(metadata={"for": WORD})],
        amount_paid=5000,
    )


def _record() -> OrderRecord:
    handed = Fulfillment(line_item_ids=["li_1"], tracking_number=WORD, carrier="UPS", created_at=NOON)
    return order_record(
        customer=Customer(id="cust-42", email=f"{WORD}@example.com"),
        shipping_address=Address(city=WORD),
        notes=WORD,
        metadata={"for": WORD},
        lines=[ordered_line(metadata={"for": WORD})],
        fulfillments=[handed],
        concerns=[ReviewReason.LATE_WRITE],
        seen=_seen(),
    )


def test_nothing_personal_is_left_and_the_rest_is_as_it_was() -> None:
    """Email, address, notes, metadata, tracking numbers and the shopper's page go; money, goods, ids, times stay."""
    before, after = _record(), redacted(_record(), LATER)

    assert WORD.encode() in msgspec.json.encode(before)
    assert WORD.encode() not in msgspec.json.encode(after)
    assert after.redacted_at == LATER
    assert after.customer == Customer(id="cust-42")
    assert after.seen.marks == before.seen.marks
    shown, now = order_from_record(before), order_from_record(after)
    for name in ("id", "reference", "status", "total", "amount_paid", "provider_order_id", "created_at"):
        assert getattr(now, name) == getattr(shown, name), name
    assert [(line.id, line.description, line.total) for line in now.line_items] == [
        (line.id, line.description, line.total) for line in shown.line_items
    ]
    assert now.fulfillments[0].carrier == "UPS"
    assert now.review_reasons == shown.review_reasons


@pytest.mark.parametrize("customer", [None, Customer(email=f"{WORD}@example.com")])
def test_a_customer_without_an_id_is_gone(customer: Customer | None) -> None:
    """Of a customer who was only an email nothing is left."""
    assert redacted(order_record(customer=customer), LATER).customer is None


def test_what_the_provider_says_later_brings_nothing_back() -> None:
    """A redacted order that is read again has the new figures, and no personal data."""
    after = with_snapshot(redacted(_record(), LATER), _seen(), LATER)

    assert WORD.encode() not in msgspec.json.encode(after)
    assert (after.seen.amount_paid, after.redacted_at) == (5000, LATER)
    assert WORD.encode() in msgspec.json.encode(with_snapshot(_record(), _seen(), LATER))


@pytest.mark.parametrize(
    "change", [NothingElse(), HandedOver(line_item_ids=None, tracking_number=WORD, carrier="UPS")]
)
def test_changes_bring_nothing_back(change: NothingElse | HandedOver) -> None:
    """Neither a write on a redacted order nor what the provider answers to it is kept with personal data."""
    after = changed(redacted(_record(), LATER), change, (), Applied(order=_seen()), LATER)

    assert WORD.encode() not in msgspec.json.encode(after)
    assert after.seen.amount_paid == 5000


def test_redacting_twice_keeps_the_first_time() -> None:
    """The mark says when the data were erased first."""
    once = redacted(_record(), NOON)

    assert redacted(once, LATER) == once
