"""The canonical order, put together from a record and from what the provider said."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import NOON, provider_line, provider_order
from tests.unit.conftest import draft, order_record, ordered_line

from ordergate.domain.assembly import (
    expected_total,
    last_known,
    order_from_provider,
    order_from_record,
    review_reasons,
    settled_status,
    with_shown_total,
    with_snapshot,
)
from ordergate.domain.lifecycle import FulfillmentStatus, OrderStatus, PaymentStatus, Phase, ReviewReason
from ordergate.domain.order import Address, Customer, Fulfillment, Notice, Order


def test_the_merchants_words_win_over_the_providers() -> None:
    """Reference, customer, metadata, notes and address are the merchant's; money and ids are the provider's."""
    seen = provider_order(
        reference="provider-1", email="provider@example.com", metadata={"theirs": 1}, notes="theirs"
    )
    record = order_record(
        seen=seen,
        reference="mine-1",
        customer=Customer(id="cust-42"),
        metadata={"mine": True},
        notes="mine",
        shipping_address=Address(city="Oslo"),
        notices=[Notice(pointer="/notes", kind="kept", detail="Kept here.")],
    )

    order = order_from_record(record)

    assert (order.id, order.account, order.provider) == ("ord_1", "rapyd", "rapyd")
    assert (order.provider_order_id, order.provider_status) == ("order_1", "created")
    assert ("mine-1", Customer(id="cust-42"), {"mine": True}, "mine") == (
        order.reference,
        order.customer,
        order.metadata,
        order.notes,
    )
    assert Address(city="Oslo") == order.shipping_address
    assert record.notices == order.notices
    assert (order.currency, order.total, order.amount_due) == ("USD", 20000, 20000)
    assert order.extensions == {"rapyd": {}}


def test_every_documented_key_is_in_the_answer() -> None:
    """An order as JSON carries every field, null where there is nothing."""
    document = msgspec.to_builtins(order_from_record(order_record()))

    assert set(Order.__struct_fields__) == document.keys()
    assert {
        "id",
        "type",
        "sku",
        "description",
        "quantity",
        "unit_amount",
        "subtotal",
        "discount",
        "tax",
        "total",
        "metadata",
        "position",
    } == document["line_items"][0].keys()


@pytest.mark.parametrize(
    ("total", "paid", "due"), [(20000, 0, 20000), (20000, 5000, 15000), (20000, 20000, 0), (20000, 25000, 0)]
)
def test_the_amount_due_is_what_is_missing(total: int, paid: int, due: int) -> None:
    """What is due is the total less what was paid, and never below nothing."""
    record = order_record(seen=provider_order(total=total, amount_paid=paid))

    assert due == order_from_record(record).amount_due


@pytest.mark.parametrize(
    ("order", "line", "told"),
    [
        ({"discount": 0, "tax": 0}, {}, (0, 0, 20000)),
        ({"discount": None, "tax": 0}, {}, (None, None, None)),
        ({"discount": 0, "tax": None}, {}, (None, None, None)),
        ({"discount": 100, "tax": 0}, {}, (None, None, None)),
        ({"discount": 0, "tax": 2700}, {}, (None, None, None)),
        ({"discount": 0, "tax": 2700}, {"discount": 0, "tax": 2700, "total": 22700}, (0, 2700, 22700)),
        ({"discount": None, "tax": None}, {"total": 19000}, (None, None, 19000)),
    ],
)
def test_a_lines_own_figures(
    order: dict[str, Any], line: dict[str, Any], told: tuple[int | None, int | None, int | None]
) -> None:
    """A line's discount, tax and total are the provider's, or follow where there is neither, else are null."""
    seen = provider_order(line_items=[provider_line(**line)], **order)

    (item,) = order_from_record(order_record(seen=seen)).line_items

    assert told == (item.discount, item.tax, item.total)
    assert item.subtotal == 20000


def test_lines_that_do_not_match_stay_the_merchants() -> None:
    """Where the provider merged or added lines, the merchant's stand as ordered, without the provider's figures."""
    seen = provider_order(
        discount=0, tax=1000, line_items=[provider_line(quantity=2, discount=0, tax=1000, total=41000)]
    )
    lines = [ordered_line(id="li_a"), ordered_line(id="li_b", metadata={"engraving": "B"})]

    items = order_from_record(order_record(seen=seen, lines=lines)).line_items

    assert [(item.id, item.position, item.metadata) for item in items] == [
        ("li_a", 0, {}),
        ("li_b", 1, {"engraving": "B"}),
    ]
    assert [(item.subtotal, item.discount, item.tax, item.total) for item in items] == [
        (20000, None, None, None)
    ] * 2


@pytest.mark.parametrize(
    ("seen", "record", "reasons"),
    [
        ({}, {}, []),
        ({"total": 21000}, {}, [ReviewReason.AMOUNT_MISMATCH]),
        ({"total": 19999}, {}, [ReviewReason.AMOUNT_MISMATCH]),
        ({"total": 21000}, {"expected_total": None}, []),
        ({"total": 21000}, {"expected_total": 21000}, []),
        ({"total": 21000}, {"expected_total": 0}, [ReviewReason.AMOUNT_MISMATCH]),
        ({"phase": Phase.UNMAPPED}, {}, [ReviewReason.UNMAPPED_STATUS]),
        ({"phase": Phase.CANCELED}, {}, []),
        ({"phase": Phase.CANCELED, "amount_paid": 1}, {}, [ReviewReason.CANCELED_WITH_MONEY_HELD]),
        ({"phase": Phase.CANCELED, "amount_paid": 500, "amount_refunded": 500}, {}, []),
        ({"amount_paid": 500}, {"canceled_here": NOON}, [ReviewReason.CANCELED_WITH_MONEY_HELD]),
        (
            {"amount_paid": 500, "amount_refunded": 499},
            {"canceled_here": NOON},
            [ReviewReason.CANCELED_WITH_MONEY_HELD],
        ),
        ({"confirmation_due": True, "amount_paid": 20000}, {}, []),
        ({"confirmation_due": True, "amount_paid": 19999}, {}, [ReviewReason.PAYMENT_MISMATCH]),
        ({"confirmation_due": True, "amount_paid": 20001}, {}, [ReviewReason.PAYMENT_MISMATCH]),
        ({"amount_paid": 19999}, {}, []),
        (
            {},
            {"concerns": [ReviewReason.PAYMENT_NOT_RECORDED, ReviewReason.UPDATE_MISMATCH]},
            [ReviewReason.PAYMENT_NOT_RECORDED, ReviewReason.UPDATE_MISMATCH],
        ),
        (
            {"phase": Phase.UNMAPPED, "total": 1, "amount_paid": 1},
            {"canceled_here": NOON},
            [ReviewReason.UNMAPPED_STATUS, ReviewReason.CANCELED_WITH_MONEY_HELD],
        ),
        (
            {"phase": Phase.UNMAPPED, "total": 1, "amount_paid": 2, "amount_refunded": 1},
            {},
            [ReviewReason.UNMAPPED_STATUS, ReviewReason.AMOUNT_MISMATCH],
        ),
        ({"total": 21000}, {"canceled_here": NOON}, []),
        ({"total": 21000, "phase": Phase.CANCELED}, {}, []),
        ({"total": 21000, "amount_paid": 500, "amount_refunded": 500}, {}, []),
        ({"currency": "EUR"}, {"expected_total": None}, [ReviewReason.AMOUNT_MISMATCH]),
        ({"confirmation_due": True, "amount_paid": 20001, "amount_refunded": 1}, {}, []),
        ({"confirmation_due": True, "amount_paid": 19999, "amount_refunded": 19999}, {}, []),
        (
            {"confirmation_due": True, "amount_paid": 20000, "amount_refunded": 1},
            {},
            [ReviewReason.PAYMENT_MISMATCH],
        ),
    ],
)
def test_why_a_person_must_look(
    seen: dict[str, Any], record: dict[str, Any], reasons: list[ReviewReason]
) -> None:
    """Another total, an unknown status, and money held for a canceled order put an order in review."""
    kept = order_record(seen=provider_order(**seen), **record)

    assert reasons == review_reasons(kept)
    assert reasons == order_from_record(kept).review_reasons
    assert (order_from_record(kept).status == OrderStatus.REVIEW) is bool(reasons)


def test_an_order_canceled_here_is_canceled_whatever_the_provider_says() -> None:
    """Where the gateway canceled an order that the provider cannot, the order says so, and since when."""
    later = NOON + timedelta(hours=1)

    order = order_from_record(order_record(canceled_here=later))

    assert (OrderStatus.CANCELED, "created", later) == (
        order.status,
        order.provider_status,
        order.canceled_at,
    )


def test_the_settled_status_leaves_the_reasons_aside() -> None:
    """What decides which operations are possible is the status below the review."""
    record = order_record(seen=provider_order(total=1, paid_in_full=True))

    assert order_from_record(record).status == OrderStatus.REVIEW
    assert settled_status(record) == OrderStatus.PAID
    assert settled_status(order_record(canceled_here=NOON)) == OrderStatus.CANCELED


def test_the_total_that_was_told_is_kept_until_another_is_told() -> None:
    """Readings leave the total that the merchant was told; it is gone once he is told the present one."""
    record = order_record(expected_total=None)
    later, latest = provider_order(total=25000), provider_order(total=26000)

    changed = with_snapshot(record, later, NOON)
    assert changed.shown_total == 20000
    assert with_snapshot(changed, latest, NOON).shown_total == 20000
    assert with_snapshot(changed, record.seen, NOON).shown_total is None
    assert with_shown_total(changed, 20000) is changed
    assert with_shown_total(changed, 25000).shown_total is None
    assert with_shown_total(record, 20000) is record


def test_what_was_sent_stands_where_answers_leave_it_out() -> None:
    """A provider-only field is as the provider has it, or as it was sent; the last is what an adapter is told."""
    seen = provider_order(extensions={"coupon": None, "label": "theirs"})
    record = order_record(seen=seen, extensions={"coupon": "coupon_1", "label": "mine", "other": None})

    assert order_from_record(record).extensions == {"rapyd": {"coupon": "coupon_1", "label": "theirs"}}
    assert last_known(record).extensions == {"coupon": "coupon_1", "label": "mine"}


@pytest.mark.parametrize(
    ("seen", "handed_over", "status", "payment", "fulfillment"),
    [
        ({"total": 0}, [], "paid", "paid", "unfulfilled"),
        ({"total": 0}, ["li_1"], "fulfilled", "fulfilled_paid", "fulfilled"),
        ({"total": 0}, ["li_other"], "paid", "paid", "partial"),
        ({"total": 500}, [], "open", "unpaid", "unfulfilled"),
        ({"total": 0, "phase": Phase.CANCELED}, [], "canceled", "paid", "unfulfilled"),
        (
            {"total": 0, "fulfillment_status": FulfillmentStatus.PARTIAL},
            ["li_1"],
            "paid",
            "paid",
            "partial",
        ),
    ],
)
def test_an_order_paid_here_is_paid_while_it_costs_nothing(
    seen: dict[str, Any], handed_over: list[str], status: str, payment: str, fulfillment: str
) -> None:
    """The gateway's word counts only of an order without price; what is handed over of it is kept here."""
    later = NOON + timedelta(hours=1)
    given = [
        Fulfillment(line_item_ids=handed_over, tracking_number=None, carrier=None, created_at=later)
    ] * bool(handed_over)
    record = order_record(
        seen=provider_order(**seen),
        lines=[ordered_line(id="li_1")],
        expected_total=None,
        paid_here=NOON,
        fulfillments=given,
    )

    order = order_from_record(record)

    assert (order.status, order.fulfillment_status) == (status, fulfillment)
    assert order.payment_status == payment.removeprefix("fulfilled_")
    assert order.fulfilled_at == (later if status == "fulfilled" else None)
    assert settled_status(record) == status


def test_an_unmapped_status_is_carried_not_guessed() -> None:
    """A status word that nobody mapped comes through verbatim, in review, and no figure is lost."""
    seen = provider_order(phase=Phase.UNMAPPED, provider_status="frobnicated", amount_paid=20000)

    order = order_from_record(order_record(seen=seen))

    assert (
        order.provider_status,
        order.status,
        order.payment_status,
    ) == ("frobnicated", OrderStatus.REVIEW, PaymentStatus.PAID)


def test_an_order_that_is_not_adopted_has_no_ids_of_ours() -> None:
    """A row of the provider's own list has its words, and null for the ids that only the gateway gives."""
    seen = provider_order(
        email="anna@example.com", notes="theirs", line_items=[provider_line(total=20000, discount=0, tax=0)]
    )

    order = order_from_provider(seen, account="rapyd-eu", adapter="rapyd", synced_at=NOON)

    assert (order.id, order.line_items[0].id) == (None, None)
    assert (
        order.account,
        order.provider,
        order.reference,
        order.notes,
    ) == ("rapyd-eu", "rapyd", "A-1", "theirs")
    assert Customer(email="anna@example.com") == order.customer
    assert (order.line_items[0].total, order.review_reasons) == (20000, [])


@pytest.mark.parametrize(
    ("changes", "coupon", "total"),
    [
        ({}, False, 20000),
        ({}, True, None),
        ({"tax_percent": "0"}, False, 20000),
        ({"tax_percent": "13.5"}, False, None),
        ({"expected_total": 5}, False, 5),
        ({"expected_total": 0}, False, 0),
        ({"expected_total": 5, "tax_percent": "13.5"}, True, 5),
    ],
)
def test_what_an_order_should_cost(changes: dict[str, Any], coupon: bool, total: int | None) -> None:
    """It is what the merchant said, else the sum of the lines, else unknown with a tax or a coupon."""
    assert total == expected_total(draft(**changes), coupon=coupon)


@given(
    total=st.integers(0, 10**15),
    paid=st.integers(0, 10**15),
    refunded=st.integers(0, 10**15),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    phase=st.sampled_from(Phase),
    fulfillment=st.sampled_from(FulfillmentStatus),
    canceled=st.booleans(),
)
def test_no_provider_order_breaks_the_assembly(
    total: int,
    paid: int,
    refunded: int,
    flags: tuple[bool, bool, bool],
    phase: Phase,
    fulfillment: FulfillmentStatus,
    canceled: bool,
) -> None:
    """Whatever a provider says, an order comes of it, with its figures untouched."""
    seen = provider_order(
        total=total,
        amount_paid=paid,
        amount_refunded=refunded,
        paid_in_full=flags[0],
        payment_pending=flags[1],
        payment_failed=flags[2],
        confirmation_due=False,
        phase=phase,
        fulfillment_status=fulfillment,
    )

    order = order_from_record(order_record(seen=seen, canceled_here=NOON if canceled else None))

    assert (total, paid, refunded) == (order.total, order.amount_paid, order.amount_refunded)
    assert order.amount_due >= 0
    assert (order.status is OrderStatus.REVIEW) == bool(order.review_reasons)
