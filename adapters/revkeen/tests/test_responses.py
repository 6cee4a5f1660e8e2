"""RevKeen's answers become outcomes: exact figures, tolerant of anything new, honest about what is unreadable."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.domain.commands import Command
from ordergate.domain.lifecycle import (
    FulfillmentStatus,
    OrderStatus,
    PaymentFacts,
    Phase,
    order_status,
    payment_status,
)
from ordergate.domain.outcome import Applied, NotApplied, OrderPage, Unknown
from ordergate.domain.provider_order import ProviderLine, ProviderOrder
from ordergate.spi.paging import Cursor, read_cursor, write_cursor
from ordergate.spi.wire import WireResponse

from .commands import (
    CUSTOMER,
    METHOD,
    OPERATION,
    PRODUCT,
    WRITES,
    concluded,
    create,
    list_orders,
    retrieve,
    seen,
)
from .samples import LINE_ID, NULLABLE, ORDER_ID, OTHER_LINE_ID, line, order, respond, rows

CREATED = datetime(2026, 5, 2, 10, tzinfo=UTC)
LATER = "2026-05-03T10:00:00Z"


def read(**changes: Any) -> ProviderOrder:
    """Return the documented order, with changes, as a retrieve reads it."""
    outcome = concluded(retrieve(), respond(order(**changes)))
    assert isinstance(outcome, Applied), outcome
    return outcome.order


def code_of(outcome: object) -> str:
    assert isinstance(outcome, NotApplied), outcome
    return outcome.code


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
    return order_status(payment=payment_status(facts), fulfillment=told.fulfillment_status, phase=told.phase)


def test_documented_order_is_read_whole() -> None:
    """The documented order, field by field."""
    assert read() == ProviderOrder(
        provider_order_id=ORDER_ID,
        provider_status="draft",
        phase=Phase.OPEN,
        billing_type="one_time",
        currency="USD",
        subtotal=2_500,
        shipping=0,
        discount=0,
        tax=0,
        total=2_500,
        amount_paid=0,
        amount_refunded=0,
        paid_in_full=False,
        payment_pending=False,
        payment_failed=False,
        confirmation_due=False,
        fulfillment_status=FulfillmentStatus.UNFULFILLED,
        customer=None,
        email=None,
        reference=None,
        line_items=[
            ProviderLine(
                provider_line_id=LINE_ID,
                type="product",
                product=None,
                description="Blue mug",
                quantity=2,
                unit_amount=1_250,
                subtotal=2_500,
                discount=0,
                tax=0,
                total=2_500,
                metadata={},
                position=0,
            )
        ],
        shipping_address=None,
        metadata={"merchant_ref": "A-1001"},
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
        extensions={"public_id": "ord_x", "invoice_id": None, "subscription_id": None},
    )


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"customer_id": CUSTOMER}, "customer", CUSTOMER),
        ({"notes": "leave at the door"}, "notes", "leave at the door"),
        ({"currency": "EUR"}, "currency", "EUR"),
        ({"currency": "eur"}, "currency", "EUR"),
        ({"billing_type": "recurring"}, "billing_type", "recurring"),
        ({"paid_at": LATER}, "paid_at", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ({"fulfilled_at": LATER}, "fulfilled_at", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ({"canceled_at": LATER}, "canceled_at", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ({"expires_at": LATER}, "expires_at", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        (
            {"updated_at": "2026-05-03T12:00:00.25+02:00"},
            "updated_at",
            datetime(2026, 5, 3, 10, 0, 0, 250_000, UTC),
        ),
        ({"updated_at": "2026-05-03T10:00:00"}, "updated_at", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ({"metadata": None}, "metadata", {}),
        ({"metadata": ...}, "metadata", {}),
        ({"metadata": {"deep": [1, {"a": None}]}}, "metadata", {"deep": [1, {"a": None}]}),
        (
            {"invoice_id": PRODUCT, "subscription_id": METHOD},
            "extensions",
            {"public_id": "ord_x", "invoice_id": PRODUCT, "subscription_id": METHOD},
        ),
    ],
)
def test_field_is_read(changes: dict[str, Any], field: str, value: Any) -> None:
    """Each field of the answer stands in its canonical place; times are in UTC."""
    told = getattr(read(**changes), field)

    assert told == value
    assert not isinstance(told, datetime) or told.tzinfo is UTC


STATUSES = [
    # changes, phase, status that a merchant reads
    ({"status": "draft"}, Phase.OPEN, OrderStatus.OPEN),
    ({"status": "pending"}, Phase.PENDING, OrderStatus.PENDING),
    ({"status": "partially_paid", "amount_paid": 1}, Phase.OPEN, OrderStatus.PARTIALLY_PAID),
    ({"status": "paid", "amount_paid": 2500}, Phase.OPEN, OrderStatus.PAID),
    ({"status": "paid"}, Phase.OPEN, OrderStatus.PAID),
    (
        {"status": "paid", "amount_paid": 2500, "fulfillment_status": "partial"},
        Phase.OPEN,
        OrderStatus.PAID,
    ),
    (
        {"status": "fulfilled", "amount_paid": 2500, "fulfillment_status": "fulfilled"},
        Phase.OPEN,
        OrderStatus.FULFILLED,
    ),
    ({"status": "fulfilled", "fulfillment_status": None}, Phase.OPEN, OrderStatus.FULFILLED),
    ({"status": "fulfilled", "fulfillment_status": ...}, Phase.OPEN, OrderStatus.FULFILLED),
    (
        {"status": "fulfilled", "amount_paid": 2500, "amount_refunded": 1, "fulfillment_status": "fulfilled"},
        Phase.OPEN,
        OrderStatus.PARTIALLY_REFUNDED,
    ),
    ({"status": "refunded", "amount_paid": 2500, "amount_refunded": 2500}, Phase.OPEN, OrderStatus.REFUNDED),
    ({"status": "canceled"}, Phase.CANCELED, OrderStatus.CANCELED),
    ({"status": "brand_new"}, Phase.UNMAPPED, OrderStatus.OPEN),
    ({"status": "partially_fulfilled"}, Phase.UNMAPPED, OrderStatus.OPEN),
    ({"status": "DRAFT"}, Phase.UNMAPPED, OrderStatus.OPEN),
    ({"status": ""}, Phase.UNMAPPED, OrderStatus.OPEN),
    ({"fulfillment_status": "teleported"}, Phase.UNMAPPED, OrderStatus.OPEN),
]


@pytest.mark.parametrize(("changes", "phase", "word"), STATUSES)
def test_status_is_mapped(changes: dict[str, Any], phase: Phase, word: OrderStatus) -> None:
    """Each status has its phase; one that nobody documented is kept verbatim and marked as unmapped."""
    told = read(**changes)

    assert (told.phase, status_of(told)) == (phase, word)
    assert told.provider_status == changes.get("status", "draft")


@pytest.mark.parametrize("word", ["unfulfilled", "partial", "fulfilled", "returned"])
def test_fulfillment_status_is_the_same_word(word: str) -> None:
    """RevKeen's four words for fulfilment are the canonical ones."""
    assert read(status="paid", fulfillment_status=word).fulfillment_status == FulfillmentStatus(word)


def test_shipping_line_is_known_by_its_mark() -> None:
    """A line that was marked when it was sent is shipping again, and the mark does not show."""
    marked = line(
        id=OTHER_LINE_ID, unit_price=500, quantity=1, subtotal=500, total=500, position=1,
        metadata={"ordergate_type": "shipping", "speed": "slow"},
    )  # fmt: skip
    told = read(line_items=[line(), marked], subtotal=3000, total=3000)

    assert [item.type for item in told.line_items] == ["product", "shipping"]
    assert told.line_items[1].metadata == {"speed": "slow"}
    assert (told.subtotal, told.shipping, told.total) == (2500, 500, 3000)


def test_marks_are_kept_apart() -> None:
    """What the gateway wrote into the metadata is not the merchant's; the reference is found there."""
    metadata = {
        "ordergate_operation": OPERATION,
        "ordergate_merchant": "acme",
        "ordergate_reference": "A-1001",
        "gift": True,
    }
    told = read(metadata=metadata)

    assert (told.metadata, told.reference) == ({"gift": True}, "A-1001")
    assert told.marks == {name: value for name, value in metadata.items() if name != "gift"}


def test_mark_of_another_type_is_no_reference() -> None:
    """Metadata can be edited by anyone at RevKeen: a reference that is no text is none."""
    assert read(metadata={"ordergate_reference": 5}).reference is None


def test_lines_are_in_their_order() -> None:
    """Lines come in the order of their positions, however they are answered; without any, as they come."""
    first, second = line(id=LINE_ID, position=0), line(id=OTHER_LINE_ID, position=1)
    turned = read(line_items=[second, first])
    unnumbered = read(line_items=[line(id=OTHER_LINE_ID, position=...), line(position=...)])

    assert [item.provider_line_id for item in turned.line_items] == [LINE_ID, OTHER_LINE_ID]
    assert [item.provider_line_id for item in unnumbered.line_items] == [OTHER_LINE_ID, LINE_ID]


def test_tax_and_discount_are_told_per_line() -> None:
    """What RevKeen adds to a line is told with it; the order's figures are RevKeen's own."""
    taxed = line(discount=100, tax=240, total=2640)
    told = read(line_items=[taxed], discount=100, tax=240, total=2640, amount_due=2640)

    assert (told.discount, told.tax, told.total) == (100, 240, 2640)
    assert [(item.discount, item.tax, item.total) for item in told.line_items] == [(100, 240, 2640)]


@pytest.mark.parametrize("name", NULLABLE)
def test_absent_and_null_are_the_same(name: str) -> None:
    """A field that may be null may also be left out."""
    assert read(**{name: None}) == read(**{name: ...})


@pytest.mark.parametrize("name", ["product_id", "discount", "tax", "metadata", "position"])
def test_line_may_leave_out_what_is_nothing(name: str) -> None:
    """Optional fields of a line have the documented defaults."""
    assert read(line_items=[line(**{name: ...})]) == read()


@pytest.mark.parametrize("absent", [..., None])
def test_lines_that_an_answer_leaves_out_are_remembered(absent: Any) -> None:
    """An answer to a write without lines keeps those that RevKeen told before; a first answer has none."""
    for command in WRITES[1:]:
        outcome = concluded(command, respond(order(line_items=absent)))

        assert isinstance(outcome, Applied)
        assert outcome.order.line_items == seen().line_items
    assert read(line_items=absent).line_items == []


def test_unknown_fields_are_ignored() -> None:
    """Fields that nobody documented, at any depth, change nothing."""
    extra = {"new": {"nested": [1, None, {}]}, "another": "text"}
    extended = {**order(line_items=[{**line(), **extra}]), **extra}

    assert concluded(create(), respond(extended)) == concluded(create(), respond(order()))


@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_any_success_is_one(status: int) -> None:
    """No page states the number of a success, so every 2xx with an order is one."""
    for command in WRITES:
        assert isinstance(concluded(command, respond(order(), status)), Applied)


def test_success_is_not_payment() -> None:
    """A 2xx from pay with a pending or unpaid order is applied, and not paid."""
    (_, paying, *_) = WRITES
    for status in ("pending", "draft"):
        outcome = concluded(paying, respond(order(status=status)))

        assert isinstance(outcome, Applied)
        assert status_of(outcome.order) in {OrderStatus.PENDING, OrderStatus.OPEN}


def test_list_is_a_page() -> None:
    """RevKeen says whether there are more; the last row's id leads on."""
    page = concluded(list_orders(2), respond(rows(order(id="1"), order(id="2"), has_more=True)))
    last = concluded(list_orders(2), respond(rows(order(id="1"), order(id="2"))))

    assert isinstance(page, OrderPage)
    assert isinstance(last, OrderPage)
    assert [row.provider_order_id for row in page.orders] == ["1", "2"]
    assert (page.has_more, read_cursor(page.next_cursor), page.previous_cursor) == (
        True,
        Cursor("after", "2"),
        None,
    )
    assert (last.has_more, last.next_cursor) == (False, None)


def test_list_pages_backwards() -> None:
    """A page that was reached backwards leads on to where it came from."""
    cursor = write_cursor(Cursor("before", "9"))
    page = concluded(list_orders(2, cursor), respond(rows(order(id="1"), order(id="2"))))

    assert isinstance(page, OrderPage)
    assert (read_cursor(page.next_cursor), page.previous_cursor) == (Cursor("after", "2"), None)


def test_list_needs_no_count() -> None:
    """The count of all rows is optional and never read."""
    body = {"object": "list", "data": [], "has_more": False}

    assert concluded(list_orders(), respond(body)) == OrderPage(
        orders=(), has_more=False, next_cursor=None, previous_cursor=None
    )


WHOLE = msgspec.json.encode(order())
REQUIRED = (
    "id", "public_id", "status", "billing_type", "currency", "subtotal", "discount", "tax", "total",
    "amount_paid", "amount_refunded", "amount_due", "created_at", "updated_at",
)  # fmt: skip
SLIM = {"id": ORDER_ID, "public_id": "ord_x", "status": "paid", "total_minor": 2500, "currency": "usd"}
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \r\n",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "without its last byte": WHOLE[:-1],
    "with a byte too many": WHOLE + b"}",
    "a page": b"<html><head><title>502 Bad Gateway</title></head></html>",
    "not text": b"\xff\xfe\x00\x01",
    "text that is not UTF-8": WHOLE.replace(b"Blue", b"Bl\xffe"),
    "null": b"null",
    "a number": b"42",
    "a list": b"[]",
    "an empty object": b"{}",
    "an order in an envelope": msgspec.json.encode({"data": order()}),
    "a customer's slim row": msgspec.json.encode(SLIM),
    "an amount as text": msgspec.json.encode(order(total="2500")),
    "an amount in major units": msgspec.json.encode(order(total=25.5)),
    "a number for an id": msgspec.json.encode(order(id=5)),
    "a number for a status": msgspec.json.encode(order(status=1)),
    "a list for metadata": msgspec.json.encode(order(metadata=[1])),
    "an object for lines": msgspec.json.encode(order(line_items={})),
    "a line without a price": msgspec.json.encode(order(line_items=[line(unit_price=...)])),
    "a text for a time": msgspec.json.encode(order(created_at="yesterday")),
    "a number for a time": msgspec.json.encode(order(created_at="1777716000")),
    "a time before all calendars": msgspec.json.encode(order(updated_at="0001-01-01T00:00:00+23:59")),
    "a time beyond all calendars": msgspec.json.encode(order(paid_at="9999-12-31T23:59:59-23:59")),
    "too deep": b'{"metadata":' + b"[" * 100_000,
    **{f"no {name}": msgspec.json.encode(order(**{name: ...})) for name in REQUIRED},
    **{f"null {name}": msgspec.json.encode(order(**{name: None})) for name in REQUIRED},
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_unreadable_answer_to_a_write_is_unknown(body: bytes) -> None:
    """A success that cannot be read never says that nothing happened."""
    for command in WRITES:
        outcome = concluded(command, WireResponse(status=201, body=body))

        assert isinstance(outcome, Unknown)
        assert outcome.reason
        assert outcome.provider is not None
        assert outcome.provider.http_status == 201


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_unreadable_answer_to_a_read_is_the_providers_fault(body: bytes) -> None:
    """A read of what cannot be read says so, and nothing else."""
    page = b'{"object":"list","data":[' + body + b'],"has_more":false}' if body.strip() else body

    assert code_of(concluded(retrieve(), WireResponse(status=200, body=body))) == "provider_protocol_error"
    assert code_of(concluded(list_orders(), WireResponse(status=200, body=page))) == "provider_protocol_error"


@pytest.mark.parametrize(
    "body", [{"data": [order()]}, {"has_more": False}, {"data": None, "has_more": False}, {"data": {}}]
)
def test_page_of_another_shape_is_unreadable(body: dict[str, Any]) -> None:
    """Without its rows, or the word whether there are more, a page cannot be walked."""
    assert code_of(concluded(list_orders(), respond(body))) == "provider_protocol_error"


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


FULL = msgspec.json.encode(order(paid_at=LATER, expires_at=LATER, line_items=[line(), line(position=1)]))
LISTED = msgspec.json.encode(rows(order(paid_at=LATER), order(id=OTHER_LINE_ID), has_more=True))


@settings(deadline=None, max_examples=75)
@given(mutations(FULL), st.sampled_from([200, 201, 204, 301, 400, 422, 500]), st.sampled_from(WRITES))
def test_mutated_answer_to_a_write_raises_nothing(body: bytes, status: int, command: Command) -> None:
    """Whatever bytes come back, a write comes to an outcome, and a success is never "not applied"."""
    outcome = concluded(command, WireResponse(status=status, body=body))

    assert isinstance(outcome, NotApplied if 400 <= status < 500 else Applied | Unknown)


@settings(deadline=None, max_examples=75)
@given(mutations(FULL), mutations(LISTED))
def test_mutated_answer_to_a_read_raises_nothing(one: bytes, many: bytes) -> None:
    """Whatever bytes come back, a read finds orders or says that the answer cannot be read."""
    for command, body in ((retrieve(), one), (list_orders(), many)):
        outcome = concluded(command, WireResponse(status=200, body=body))

        assert isinstance(outcome, Applied | OrderPage) or code_of(outcome) == "provider_protocol_error"
