"""Rapyd's answers become outcomes: exact figures, tolerant of anything new, honest about what is unreadable."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from ordergate.domain.commands import Command, RetrieveOrder, ReturnGoods
from ordergate.domain.lifecycle import FulfillmentStatus, OrderStatus, PaymentFacts, Phase, payment_status
from ordergate.domain.lifecycle import order_status as canonical_status
from ordergate.domain.order import Address, Decline, NextAction
from ordergate.domain.outcome import Applied, NotApplied, OrderPage, Unknown
from ordergate.domain.provider_order import ProviderLine, ProviderOrder, ReturnedGoods
from ordergate.spi.paging import Cursor, read_cursor, write_cursor
from ordergate.spi.wire import WireResponse

from .commands import (
    CHAIR,
    CUSTOMER,
    OPERATION,
    ORDER_ID,
    WRITES,
    concluded,
    confirm,
    create,
    draft,
    fulfill,
    list_orders,
    pay,
    retrieve,
    return_goods,
    seen,
    update,
)
from .samples import answer, envelope, order, payment, respond, sample, transitions

CREATED = datetime(2025, 11, 18, 14, 53, 25, tzinfo=UTC)
LATER = 1_763_477_700


def read(**changes: Any) -> ProviderOrder:
    """Return the documented order, with changes, as a retrieve reads it."""
    outcome = concluded(retrieve(), respond(envelope(order(**changes))))
    assert isinstance(outcome, Applied), outcome
    return outcome.order


def status_of(told: ProviderOrder) -> OrderStatus:
    """Return the one word that a merchant would read."""
    facts = PaymentFacts(
        total=told.total,
        paid=told.amount_paid,
        refunded=told.amount_refunded,
        in_full=told.paid_in_full,
        pending=told.payment_pending,
        failed=told.payment_failed,
    )
    return canonical_status(
        payment=payment_status(facts), fulfillment=told.fulfillment_status, phase=told.phase
    )


def product(**changes: Any) -> ProviderLine:
    line = ProviderLine(
        provider_line_id=None,
        type="product",
        product=CHAIR,
        description="Deluxe Gamer's Chair",
        quantity=2,
        unit_amount=20_000,
        subtotal=40_000,
        discount=None,
        tax=None,
        total=None,
        metadata={},
        position=0,
    )
    return msgspec.structs.replace(line, **changes)


def test_documented_answer_is_read_whole() -> None:
    """The documented answer to a create, field by field."""
    outcome = concluded(create(), answer("create_order_ok.response"))

    assert outcome == Applied(
        order=ProviderOrder(
            provider_order_id=ORDER_ID,
            provider_status="created",
            phase=Phase.OPEN,
            billing_type="one_time",
            currency="USD",
            subtotal=40_000,
            shipping=1_000,
            discount=0,
            tax=0,
            total=41_000,
            amount_paid=0,
            amount_refunded=0,
            paid_in_full=False,
            payment_pending=False,
            payment_failed=False,
            confirmation_due=False,
            fulfillment_status=FulfillmentStatus.UNFULFILLED,
            customer=CUSTOMER,
            email="johndoe@rapyd.net",
            reference="2025-11-18a",
            line_items=[
                product(),
                product(
                    type="shipping",
                    product=None,
                    description="Shipping",
                    quantity=1,
                    unit_amount=1_000,
                    subtotal=1_000,
                    position=1,
                ),
            ],
            shipping_address=Address(
                name="John Doe",
                line_1="123 First Street",
                city="Anytown",
                state="NY",
                country="US",
                postal_code="12345",
                phone="12125559999",
            ),
            metadata={},
            marks={},
            notes=None,
            expires_at=None,
            tax_percent=None,
            payments=[],
            next_action=None,
            created_at=CREATED,
            updated_at=CREATED,
            paid_at=None,
            fulfilled_at=None,
            canceled_at=None,
            refunded_at=None,
            extensions={"coupon": None, "external_coupon_code": None},
        )
    )


def test_documented_paid_order_is_read() -> None:
    """The documented order of a closed card payment is paid in full, with its payment."""
    documented = sample("webhook.ORDER_UPDATED_partial")["data"]
    told = read(**documented)

    assert (
        told.total,
        told.amount_paid,
        told.paid_in_full,
        told.payment_pending,
    ) == (106_000, 106_000, True, False)
    assert OrderStatus.PAID is status_of(told)
    assert [(made.provider_payment_id, made.amount, made.status, made.decline) for made in told.payments] == [
        ("payment_7d24de62aaf783f08a328b0a0fecf3e4", 106_000, "CLO", None)
    ]
    assert [datetime(2022, 2, 1, 12, 30, 44, tzinfo=UTC)] == [made.created_at for made in told.payments]
    assert told.next_action is None


STATUSES = [
    # status, changes, phase, status that a merchant reads
    ("created", {}, Phase.OPEN, OrderStatus.OPEN),
    ("pending", {"payment": payment(status="ACT", amount=0, paid=False)}, Phase.PENDING, OrderStatus.PENDING),
    ("pending", {"payment": payment(status="CLO")}, Phase.PENDING, OrderStatus.PAID),
    ("pending", {"payment": payment(status="ERR", amount=0, paid=False)}, Phase.OPEN, OrderStatus.OPEN),
    ("pending", {"payment": "payment_3de65b9f0d0a639b17b9cec49eb71e33"}, Phase.PENDING, OrderStatus.PENDING),
    ("paid", {"payment": payment(status="CLO")}, Phase.OPEN, OrderStatus.PAID),
    ("paid", {"payment": None}, Phase.OPEN, OrderStatus.PAID),
    ("paid", {"payment": payment(status="ACT", amount=0, paid=False)}, Phase.OPEN, OrderStatus.PAID),
    (
        "fulfilled",
        {"status_transitions": transitions(paid=LATER, fulfilled=LATER)},
        Phase.OPEN,
        OrderStatus.FULFILLED,
    ),
    ("fulfilled", {"status_transitions": ...}, Phase.OPEN, OrderStatus.FULFILLED),
    ("returned", {"amount_returned": 10}, Phase.OPEN, OrderStatus.PARTIALLY_REFUNDED),
    ("canceled", {}, Phase.CANCELED, OrderStatus.CANCELED),
    ("canceled", {"amount_returned": 410, "payment": payment()}, Phase.CANCELED, OrderStatus.REFUNDED),
    ("partial", {}, Phase.UNMAPPED, OrderStatus.OPEN),
    ("brand_new", {}, Phase.UNMAPPED, OrderStatus.OPEN),
    ("", {}, Phase.UNMAPPED, OrderStatus.OPEN),
    ("CREATED", {}, Phase.UNMAPPED, OrderStatus.OPEN),
]


@pytest.mark.parametrize(("status", "changes", "phase", "word"), STATUSES)
def test_status_is_mapped(status: str, changes: dict[str, Any], phase: Phase, word: OrderStatus) -> None:
    """Each status has its phase; one that nobody documented is kept verbatim and marked as unmapped."""
    told = read(status=status, **changes)

    assert status == told.provider_status
    assert (phase, word) == (told.phase, status_of(told))


PAYMENTS = [
    # status, pending, failed
    ("ACT", True, False),
    ("NEW", True, False),
    ("CRE", True, False),
    ("CLO", False, False),
    ("CAN", False, True),
    ("ERR", False, True),
    ("EXP", False, True),
    ("REV", False, True),
    ("DLD", False, True),
    ("UND", True, False),
    ("XYZ", True, False),
    (None, True, False),
]


@pytest.mark.parametrize(("status", "pending", "failed"), PAYMENTS)
def test_payment_status_is_mapped(status: str | None, pending: bool, failed: bool) -> None:
    """A payment is under way, failed, or neither; a status that nobody documented is shown and breaks nothing."""
    told = read(status="created", payment=payment(status=status, paid=False, amount=0))

    assert (pending, failed) == (told.payment_pending, told.payment_failed)
    assert [status or ""] == [made.status for made in told.payments]
    assert [made.amount for made in told.payments] == [41_000]


@pytest.mark.parametrize(
    ("status", "changes", "due"),
    [
        ("pending", {"payment_method_type_category": "bank_redirect"}, True),
        ("pending", {"payment_method_type_category": "card"}, False),
        ("pending", {"payment_method_type_category": "bank_redirect", "paid": False}, False),
        ("pending", {"payment_method_type_category": "bank_redirect", "status": "ACT"}, False),
        ("paid", {"payment_method_type_category": "bank_redirect"}, False),
    ],
)
def test_only_a_closed_payment_without_a_card_waits_to_be_confirmed(
    status: str, changes: dict[str, Any], due: bool
) -> None:
    """Of a card Rapyd knows by itself that the order is paid; of any other method it has to be told."""
    closed = payment(**{"status": "CLO", "paid": True, "amount": 410, **changes})

    assert read(status=status, payment=closed).confirmation_due is due


@pytest.mark.parametrize(
    ("changes", "paid"),
    [
        ({"status": "CLO", "amount": 410}, 41_000),
        ({"status": "CLO", "amount": "410"}, 41_000),
        ({"status": "CLO", "amount": 0}, 41_000),
        ({"status": "CLO", "amount": ...}, 41_000),
        ({"status": "UND", "paid": True}, 41_000),
        ({"status": "CLO", "amount": 400.5}, 40_050),
        ({"status": "ACT", "amount": 0, "paid": False}, 0),
        ({"status": "ERR", "amount": 0, "paid": False}, 0),
    ],
)
def test_amount_paid_is_what_was_received(changes: dict[str, Any], paid: int) -> None:
    """A closed payment counts with what was received; an open or failed one counts nothing."""
    assert paid == read(status="pending", payment=payment(**changes)).amount_paid


DECLINES = [
    ("ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS", "insufficient_funds"),
    ("ERROR_CARD_EXPIRED", "expired_card"),
    ("ERROR_3DS_AUTHENTICATION_FAILURE", "authentication_failed"),
    ("ERROR_CARD_NOT_AUTHENTICATED", "authentication_failed"),
    ("ERROR_CARD_TRANSACTION_AMOUNT", "limit_exceeded"),
    ("ERROR_CARD_TRANSACTION_FREQUENCY", "limit_exceeded"),
    ("ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM", "limit_exceeded"),
    ("ERROR_BANK_IDENTIFIER_MISMATCH", "declined"),
    ("ERROR_NOBODY_KNOWS", "declined"),
]


@pytest.mark.parametrize("field", ["failure_code", "error_code"])
@pytest.mark.parametrize(("code", "word"), DECLINES)
def test_decline_has_a_word(code: str, word: str, field: str) -> None:
    """A failed payment says why in a word that means the same everywhere, and in Rapyd's own."""
    told = read(status="pending", payment=payment(status="ERR", paid=False, amount=0, **{field: code}))

    assert [Decline(code=word, provider_code=code)] == [made.decline for made in told.payments]


def test_decline_without_a_code_is_one() -> None:
    """A payment that failed and does not say why was declined all the same."""
    told = read(payment=payment(status="EXP", paid=False, failure_code="", error_code=""))

    assert [(made.decline.code, made.decline.provider_code) for made in told.payments if made.decline] == [
        ("declined", None)
    ]


CHALLENGE = {
    "status": "ACT",
    "amount": 0,
    "paid": False,
    "next_action": "3d_verification",
    "redirect_url": "https://sandboxcheckout.rapyd.net/3ds-payment?token=payment_1",
    "created_at": LATER,
}


@pytest.mark.parametrize(
    ("created_at", "until"),
    [(LATER, datetime.fromtimestamp(LATER + 15 * 60, UTC)), (None, None), (0, None), (..., None)],
)
def test_challenge_is_an_action(created_at: Any, until: datetime | None) -> None:
    """A card payment that waits for 3-D Secure says where to send the shopper, for fifteen minutes."""
    told = read(status="pending", payment=payment(**{**CHALLENGE, "created_at": created_at}))

    assert told.next_action == NextAction(
        type="redirect",
        url="https://sandboxcheckout.rapyd.net/3ds-payment?token=payment_1",
        expires_at=until,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"status": "CLO", "next_action": "not_applicable"},
        {"status": "CLO"},
        {"status": "ERR"},
        {"status": "EXP"},
        {"next_action": "not_applicable"},
        {"next_action": None},
        {"redirect_url": ""},
        {"redirect_url": None},
    ],
)
def test_nothing_is_left_to_do(change: dict[str, Any]) -> None:
    """An action is shown only while it can still be done."""
    assert read(status="pending", payment=payment(**{**CHALLENGE, **change})).next_action is None


ITEMS = order()["items"]
TAX = {"type": "tax", "amount": 61.5, "currency": "USD", "quantity": 1, "parent": "", "description": "Tax"}
DISCOUNT = {**TAX, "type": "discount", "amount": -40}
SPLITS = [
    # changes, discount, tax
    ({}, 0, 0),
    ({"amount": 471.5, "tax_percent": 15}, 0, 6_150),
    ({"amount": 471.5, "tax_percent": 15, "items": [*ITEMS, TAX]}, 0, 6_150),
    ({"amount": 370, "coupon": "coupon_1"}, 4_000, 0),
    ({"amount": 370}, 4_000, 0),
    ({"amount": 370, "coupon": "coupon_1", "items": [*ITEMS, DISCOUNT]}, 4_000, 0),
    ({"amount": 370, "items": [*ITEMS, {**DISCOUNT, "amount": 40, "type": "coupon"}]}, 4_000, 0),
    ({"amount": 431.5, "tax_percent": 15, "items": [*ITEMS, DISCOUNT, TAX]}, 4_000, 6_150),
    ({"amount": 431.5, "tax_percent": 15, "coupon": "coupon_1"}, None, None),
    ({"amount": 410, "tax_percent": 15, "coupon": "coupon_1"}, None, None),
    ({"amount": 370, "tax_percent": 15}, None, None),
    ({"amount": 500, "coupon": "coupon_1"}, None, None),
    ({"amount": 471.5, "tax_percent": 15, "items": [*ITEMS, {**TAX, "amount": 1}]}, 0, 6_150),
    ({"amount": 431.5, "tax_percent": 15, "coupon": "coupon_1", "items": [*ITEMS, TAX]}, None, None),
    ({"amount": 500}, None, None),
    ({"amount": 417.1, "tax_percent": 19}, None, None),
    ({"amount": 470, "tax_percent": 15}, None, None),
    ({"amount": 471.5, "tax_percent": "15.00"}, 0, 6_150),
    ({"amount": 410.01, "tax_percent": 0.0001}, 0, 1),
    ({"amount": 410, "tax_percent": 0.0001}, 0, 0),
    ({"amount": 471.5, "tax_percent": "fifteen"}, None, None),
    ({"items": ...}, None, None),
]


@pytest.mark.parametrize(("changes", "discount", "tax"), SPLITS)
def test_tax_and_discount_are_told_apart_or_null(
    changes: dict[str, Any], discount: int | None, tax: int | None
) -> None:
    """What the total holds beyond the lines is split only where the figures leave no doubt."""
    told = read(**changes)

    assert (discount, tax) == (told.discount, told.tax)
    if discount is not None and tax is not None:
        assert told.total == told.subtotal + told.shipping - discount + tax


@pytest.mark.parametrize("itemized", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_coupon_and_tax_that_were_sent_are_not_asked_of_the_answer(itemized: bool, named: bool) -> None:
    """Coupon and tax are known from what was sent; without items that tell them apart, neither is guessed."""
    told: dict[str, Any] = {"amount": 439.11, "tax_percent": 19}
    if itemized:
        told["items"] = [*ITEMS, {**DISCOUNT, "amount": -41}, {**TAX, "amount": 70.11}]
    if named:
        told["coupon"] = "coupon_1"
    ordered = draft(tax_percent="19")
    split = (4_100, 7_011) if itemized else (None, None)

    for command in (
        create(ordered, extension={"coupon": "coupon_1"}),
        update(metadata=UNSET, extension={"coupon": "coupon_1"}),
    ):
        outcome = concluded(command, respond(envelope(order(**told))))
        assert isinstance(outcome, Applied)
        assert (outcome.order.discount, outcome.order.tax) == split
        assert outcome.order.extensions["coupon"] == "coupon_1"

        again = RetrieveOrder(provider_order_id=ORDER_ID, before=outcome.order)
        later = concluded(again, respond(envelope(order(**told))))
        assert isinstance(later, Applied)
        assert (later.order.discount, later.order.tax) == split
        assert later.order.extensions["coupon"] == "coupon_1"


def test_tax_percent_that_an_answer_leaves_out_is_remembered() -> None:
    """An answer without the percentage is read with the one that was sent; one that states none has none."""
    taxed = create(draft(tax_percent="15"))
    for stated, percent in ((..., "15"), (None, "15"), (0, None)):
        outcome = concluded(taxed, respond(envelope(order(tax_percent=stated, amount=410))))
        assert isinstance(outcome, Applied)
        assert outcome.order.tax_percent == percent
        assert outcome.order.discount == outcome.order.tax == (None if percent else 0)


RETURNED_SHIPPING = {"type": "shipping", "amount": 10, "currency": "USD", "quantity": 1, "parent": ""}
RETURNED_CHAIRS = {"type": "sku", "amount": "199.5", "currency": "USD", "quantity": "2", "parent": CHAIR}


@pytest.mark.parametrize(
    "told",
    [
        [RETURNED_CHAIRS, TAX, RETURNED_SHIPPING],
        [{"id": "orre_1", "amount": 399, "items": [RETURNED_CHAIRS]}, {"items": [RETURNED_SHIPPING, TAX]}],
    ],
)
def test_returns_are_read_in_either_form(told: list[Any]) -> None:
    """What came back is told by items, or by returns that hold items (docs contradict each other)."""
    assert read(returns=told).returned == (
        ReturnedGoods(type="product", product=CHAIR, quantity=2, amount=39_900),
        ReturnedGoods(type="shipping", product=None, quantity=1, amount=1_000),
    )


@pytest.mark.parametrize(
    "told",
    [
        None,
        ...,
        [],
        ["orre_1"],
        "orre_1",
        [{**RETURNED_CHAIRS, "quantity": -2}],
        [{**RETURNED_CHAIRS, "amount": -1}],
        [{**RETURNED_CHAIRS, "amount": 0.001}],
        [{**RETURNED_CHAIRS, "quantity": "two"}],
        [{"items": [{"items": 1}]}],
        [{"id": "orre_1"}],
    ],
)
def test_returns_in_no_known_form_tell_nothing(told: Any) -> None:
    """A form that is not documented is no reason not to read the order, and no goods are made up from it."""
    assert read(returns=told).returned == ()


def test_tax_and_discount_are_no_lines() -> None:
    """Items that Rapyd computed, of whatever type, are not among the merchant's lines."""
    unknown = {**TAX, "type": "surcharge", "amount": 1}
    told = read(amount=431.5, tax_percent=15, items=[*ITEMS, DISCOUNT, TAX, unknown])

    assert [line.type for line in told.line_items] == ["product", "shipping"]


def test_added_shipping_is_hidden() -> None:
    """The free shipping that the adapter added does not show; its mark is kept apart from the metadata."""
    free = {**ITEMS[1], "amount": 0}
    metadata = {"ordergate_added_shipping": True, "ordergate_operation": OPERATION, "gift": True}
    told = read(amount=400, items=[ITEMS[0], free], metadata=metadata)

    assert [line.type for line in told.line_items] == ["product"]
    assert (told.metadata, told.marks["ordergate_operation"]) == ({"gift": True}, OPERATION)


@pytest.mark.parametrize(
    "metadata", [{}, {"ordergate_added_shipping": False}, {"ordergate_added_shipping": 1}]
)
def test_own_free_shipping_shows(metadata: dict[str, Any]) -> None:
    """A free shipping line without our mark is the merchant's own."""
    told = read(amount=400, items=[ITEMS[0], {**ITEMS[1], "amount": 0}], metadata=metadata)

    assert [line.type for line in told.line_items] == ["product", "shipping"]
    assert told.shipping == 0


def test_shipping_that_came_to_cost_shows() -> None:
    """The added shipping is hidden only while it is free: money is never hidden."""
    told = read(metadata={"ordergate_added_shipping": True})

    assert [line.type for line in told.line_items] == ["product", "shipping"]
    assert told.shipping == 1_000


NUMBERS = [
    # currency, as it stands in the answer, minor units
    ("USD", b"410", 41_000),
    ("USD", b"471.5", 47_150),
    ("USD", b"0.07", 7),
    ("USD", b"410.00", 41_000),
    ("USD", b"4.1e2", 41_000),
    ("USD", b"4.1E+2", 41_000),
    ("USD", b'"410"', 41_000),
    ("USD", b'"471.50"', 47_150),
    ("USD", b"9999999999999.99", 10**15 - 1),
    ("USD", b"90071992547409.93", 9_007_199_254_740_993),
    ("JPY", b"410", 410),
    ("JPY", b"410.0", 410),
    ("BHD", b"0.001", 1),
    ("CLF", b"1.2345", 12_345),
]


@pytest.mark.parametrize(("currency", "literal", "minor"), NUMBERS)
def test_amount_is_read_from_its_text(currency: str, literal: bytes, minor: int) -> None:
    """A number is read digit by digit, quoted or not, in any notation, beyond what a double can hold."""
    told = read(amount=msgspec.Raw(literal), currency=currency, items=[])

    assert minor == told.total


def test_amounts_of_items_may_be_strings() -> None:
    """The schema calls an item's amount a string, the samples show numbers: both are read."""
    told = read(items=[{**ITEMS[0], "amount": "200.00"}, {**ITEMS[1], "amount": "10"}])

    assert (told.subtotal, told.shipping) == (40_000, 1_000)


@pytest.mark.parametrize(
    "literal",
    [b"410.005", b'"410.005"', b'"four hundred"', b"true", b"[410]", b"{}", b'"4 10"', b'"NaN"', b'"--1"'],
)
def test_amount_that_is_not_exact_is_unreadable(literal: bytes) -> None:
    """An amount with more decimals than the currency, or none at all, is never rounded or guessed."""
    response = respond(envelope(order(amount=msgspec.Raw(literal))))

    assert isinstance(concluded(create(), response), Unknown)
    assert _code(concluded(retrieve(), response)) == "provider_protocol_error"


NOTHING = [
    ("payment", [None, "", {}, ...]),
    ("shipping_address", [None, "", {}, ..., {"name": "", "line_1": "", "id": "address_1", "metadata": {}}]),
    ("metadata", [None, {}, ...]),
    ("email", [None, "", ...]),
    ("customer", [None, "", ...]),
    ("upstream_id", [None, "", ...]),
    ("coupon", [None, "", ...]),
    ("external_coupon_code", [None, "", ...]),
    ("tax_percent", [None, "", 0, "0", "0.00", ...]),
    ("amount_returned", [None, "", 0, ...]),
    ("status_transitions", [None, {}, ..., {"paid": 0}]),
    ("returns", [None, [], {}, "", ...]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NOTHING for value in values])
def test_nothing_has_many_forms(name: str, value: Any) -> None:
    """Absent, null, blank, empty and zero all mean that there is nothing."""
    blank = {
        "payment": None,
        "shipping_address": {},
        "email": "",
        "customer": "",
        "upstream_id": "",
        "status_transitions": {},
    }

    assert read(**{**blank, name: value}) == read(**blank)


def test_lines_that_an_answer_leaves_out_are_remembered() -> None:
    """An answer to a write without items keeps those that Rapyd told before."""
    for command in (pay(), fulfill(), update(), confirm()):
        outcome = concluded(command, respond(envelope(order(items=...))))

        assert isinstance(outcome, Applied)
        assert seen().line_items == outcome.order.line_items
        assert (
            outcome.order.subtotal,
            outcome.order.shipping,
            outcome.order.discount,
            outcome.order.tax,
        ) == (40_000, 1_000, 0, 0)


def test_times_are_read() -> None:
    """Each transition's time is the canonical one; a cancellation or return is told only where it holds."""
    stamps = transitions(paid=LATER, fulfilled=LATER + 1, canceled=LATER + 2, returned=LATER + 3)
    fulfilled = read(status="fulfilled", status_transitions=stamps)
    canceled = read(status="canceled", status_transitions=stamps, amount_returned=410)

    assert tuple(time and time.timestamp() for time in (fulfilled.paid_at, fulfilled.fulfilled_at)) == (
        LATER,
        LATER + 1,
    )
    assert (fulfilled.canceled_at, fulfilled.refunded_at) == (None, None)
    assert tuple(time and time.timestamp() for time in (canceled.canceled_at, canceled.refunded_at)) == (
        LATER + 2,
        LATER + 3,
    )
    assert FulfillmentStatus.RETURNED is canceled.fulfillment_status


def test_unknown_fields_are_ignored() -> None:
    """Fields that nobody documented, at any depth, change nothing."""
    extra = {"new": {"nested": [1, None, {}]}, "another": "text"}
    plain = order(payment=payment())
    extended = {
        **plain,
        **extra,
        "payment": {**plain["payment"], **extra},
        "items": [{**item, **extra} for item in plain["items"]],
        "shipping_address": {**plain["shipping_address"], **extra},
    }
    body = {**envelope(extended), **extra}

    assert concluded(create(), respond(envelope(plain))) == concluded(create(), respond(body))


def test_envelope_may_be_bare() -> None:
    """Of the envelope's verdict only the word is needed."""
    assert concluded(create(), respond({"status": {"status": "SUCCESS"}, "data": order()})) == concluded(
        create(), answer("create_order_ok.response")
    )


def test_list_is_a_page() -> None:
    """A full page may have a successor; a short one is the last. The last row's id leads on."""
    rows = [order(id=f"order_{number}") for number in range(3)]
    full = concluded(list_orders(3), respond(envelope(rows)))
    short = concluded(list_orders(4), respond(envelope(rows)))

    assert isinstance(full, OrderPage)
    assert isinstance(short, OrderPage)
    assert [row.provider_order_id for row in full.orders] == ["order_0", "order_1", "order_2"]
    assert (True, Cursor("after", "order_2"), None) == (
        full.has_more,
        read_cursor(full.next_cursor),
        full.previous_cursor,
    )
    assert (short.has_more, short.next_cursor) == (False, None)


def test_list_pages_backwards() -> None:
    """A page that was reached backwards leads on to where it came from, and further back while it is full."""
    rows = [order(id=f"order_{number}") for number in range(2)]
    cursor = write_cursor(Cursor("before", "order_9"))
    page = concluded(list_orders(2, cursor), respond(envelope(rows)))

    assert isinstance(page, OrderPage)
    assert (Cursor("after", "order_1"), Cursor("before", "order_0")) == (
        read_cursor(page.next_cursor),
        read_cursor(page.previous_cursor),
    )


def test_empty_list_ends() -> None:
    """A page without rows has no neighbours."""
    page = concluded(list_orders(2, write_cursor(Cursor("after", "order_9"))), respond(envelope([])))

    assert OrderPage(orders=(), has_more=False, next_cursor=None, previous_cursor=None) == page


def _code(outcome: object) -> str:
    assert isinstance(outcome, NotApplied), outcome
    return outcome.code


WHOLE = answer("create_order_ok.response").body
BROKEN = {
    "nothing": b"",
    "blank": b" \r\n",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "without its last byte": WHOLE[:-1],
    "with a byte too many": WHOLE + b"}",
    "a page": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "not text": b"\xff\xfe\x00\x01",
    "text that is not UTF-8": WHOLE.replace(b"John", b"Jo\xffn"),
    "null": b"null",
    "a number": b"42",
    "a list": b"[]",
    "an empty object": b"{}",
    "no verdict": msgspec.json.encode({"data": order()}),
    "no data": msgspec.json.encode({"status": {"status": "SUCCESS"}}),
    "null data": msgspec.json.encode({"status": {"status": "SUCCESS"}, "data": None}),
    "data of another shape": msgspec.json.encode({"status": {"status": "SUCCESS"}, "data": "order_1"}),
    "a verdict nobody knows": msgspec.json.encode({"status": {"status": "MAYBE"}, "data": order()}),
    "an error without a code": msgspec.json.encode({"status": {"status": "ERROR"}}),
    "a success that names an error": msgspec.json.encode(
        {"status": {"status": "SUCCESS", "error_code": "ERROR_X"}, "data": 5}
    ),
    "a code without a verdict": msgspec.json.encode({"status": {"error_code": "ERROR_X"}}),
    "no id": msgspec.json.encode(envelope(order(id=...))),
    "a number for an id": msgspec.json.encode(envelope(order(id=5))),
    "no amount": msgspec.json.encode(envelope(order(amount=...))),
    "no currency": msgspec.json.encode(envelope(order(currency=...))),
    "a currency nobody knows": msgspec.json.encode(envelope(order(currency="ZZZ"))),
    "gold": msgspec.json.encode(envelope(order(currency="XAU"))),
    "a number for a status": msgspec.json.encode(envelope(order(status=1))),
    "a list for metadata": msgspec.json.encode(envelope(order(metadata=[1]))),
    "an item without a type": msgspec.json.encode(envelope(order(items=[{"amount": 1}]))),
    "a text for a time": msgspec.json.encode(envelope(order(created="yesterday"))),
    "a time beyond all calendars": msgspec.json.encode(envelope(order(created=10**12))),
    "a time beyond the clock": msgspec.json.encode(envelope(order(updated=10**17))),
    "a time beyond all numbers": msgspec.json.encode(envelope(order(status_transitions={"paid": 10**30}))),
    "a time before all calendars": msgspec.json.encode(
        envelope(order(payment=payment(created_at=-(10**12))))
    ),
    "too deep": b'{"status":{"status":"SUCCESS"},"data":' + b"[" * 100_000,
    "metadata too deep": WHOLE.replace(b'"metadata":{}', b'"metadata":{"a":' + b"[" * 100_000, 1),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_unreadable_answer_to_a_write_is_unknown(body: bytes) -> None:
    """A 200 that cannot be read never says that nothing happened."""
    for command in WRITES:
        if isinstance(command, ReturnGoods):
            continue  # answered with a return, below
        outcome = concluded(command, WireResponse(status=200, body=body))

        assert isinstance(outcome, Unknown)
        assert outcome.reason
        assert outcome.provider is not None
        assert outcome.provider.http_status == 200


RETURN = msgspec.json.encode(envelope({"id": "orre_1", "amount": 200, "currency": "USD", "refund": "re_1"}))
BROKEN_RETURNS = {
    "empty": b"",
    "html": b"<html></html>",
    "cut": RETURN[:-10],
    "no data": b'{"status":{"status":"SUCCESS"}}',
    "no id": RETURN.replace(b'"id"', b'"no"'),
    "no amount": RETURN.replace(b'"amount"', b'"no"'),
    "no such currency": RETURN.replace(b"USD", b"ZZZ"),
    "no exact amount": RETURN.replace(b"200", b"0.001"),
    "a list for an amount": RETURN.replace(b"200", b"[200]"),
    "a word for an amount": RETURN.replace(b"200", b"true"),
    "an object for an amount": RETURN.replace(b"200", b"{}"),
    "text that is not UTF-8": RETURN.replace(b"200", b'"\xff"'),
    "a number for a refund": RETURN.replace(b'"re_1"', b"5"),
    "a list": b"[]",
}


@pytest.mark.parametrize("body", BROKEN_RETURNS.values(), ids=BROKEN_RETURNS)
def test_unreadable_return_is_unknown(body: bytes) -> None:
    """A 200 that is no return leaves open whether the goods were taken back."""
    outcome = concluded(return_goods(), WireResponse(status=200, body=body))

    assert isinstance(outcome, Unknown)
    assert outcome.provider is not None
    assert outcome.provider.http_status == 200


@settings(deadline=None, max_examples=75)
@given(st.data())
def test_mutated_return_raises_nothing(data: st.DataObject) -> None:
    """Whatever bytes come back, a return comes to an outcome, and a 200 is never "not applied"."""
    body = data.draw(mutations(RETURN))

    assert isinstance(concluded(return_goods(), WireResponse(status=200, body=body)), Applied | Unknown)


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_unreadable_answer_to_a_read_is_the_providers_fault(body: bytes) -> None:
    """A read of what cannot be read says so, and nothing else."""
    rows = body.replace(b'"data":{', b'"data":[{')
    rows = rows[:-1] + b"]}" if rows != body and rows.endswith(b"}}") else rows

    assert _code(concluded(retrieve(), WireResponse(status=200, body=body))) == "provider_protocol_error"
    assert _code(concluded(list_orders(), WireResponse(status=200, body=rows))) == "provider_protocol_error"


LISTED = msgspec.json.encode(envelope([order(payment=payment()), order(status="paid", id="order_2")]))
ONE = msgspec.json.encode(envelope(order(payment=payment(**CHALLENGE), status="pending")))


@st.composite
def mutations(draw: st.DrawFn, whole: bytes) -> bytes:
    """Cut, overwrite, insert, remove and double parts of a good answer."""
    body = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 12)))
        piece = draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [b"", b"null", b"{}", b"[]", b'""', b"-1", b"1e999", b"9" * 30, b'"', b"}", b","]
            )
        )
        body[start:end] = piece
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


@settings(deadline=None, max_examples=75)
@given(mutations(ONE), st.sampled_from([200, 200, 200, 201, 204, 301, 400, 500]), st.sampled_from(WRITES))
def test_mutated_answer_to_a_write_raises_nothing(body: bytes, status: int, command: Command) -> None:
    """Whatever bytes come back, a write comes to an outcome, and a 200 is never "not applied"."""
    outcome = concluded(command, WireResponse(status=status, body=body))

    assert isinstance(outcome, Applied | Unknown if status != 400 else NotApplied)


@settings(deadline=None, max_examples=75)
@given(mutations(ONE), mutations(LISTED))
def test_mutated_answer_to_a_read_raises_nothing(one: bytes, many: bytes) -> None:
    """Whatever bytes come back, a read finds orders or says that the answer cannot be read."""
    for command, body in ((retrieve(), one), (list_orders(), many)):
        outcome = concluded(command, WireResponse(status=200, body=body))

        assert isinstance(outcome, Applied | OrderPage) or _code(outcome) == "provider_protocol_error"
