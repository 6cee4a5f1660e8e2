"""Canonical commands become RevKeen's requests, byte for byte, or are refused by name."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from ordergate.domain.commands import Command
from ordergate.domain.draft import AddressBody, CustomerBody, Draft
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.outcome import Applied
from ordergate.spi.paging import Cursor, write_cursor
from ordergate_revkeen import adapter

from .commands import (
    CUSTOMER,
    METHOD,
    OPERATION,
    PRODUCT,
    READS,
    SETTINGS,
    WRITES,
    asked,
    cancel,
    create,
    draft,
    fulfill,
    line,
    list_orders,
    pay,
    retrieve,
    seen,
    shipping,
    update,
)
from .samples import LINE_ID, ORDER_ID, OTHER_LINE_ID
from .samples import line as told_line

MARKS = {"ordergate_operation": OPERATION, "ordergate_merchant": "acme"}
LARGEST = 2**31 - 1


def body_of(command: Command) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(asked(command).body)
    return body


def refused(command: Command) -> Problem:
    with pytest.raises(Problem) as caught:
        asked(command)
    return caught.value


def pointers(problem: Problem) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in problem.errors]


def test_create_is_one_exact_post() -> None:
    """A guest's order is one POST: cents, lower-case currency, nothing null and nothing that was not given."""
    request = asked(create())
    expected = (
        '{"currency":"usd","line_items":[{"description":"Blue mug","quantity":2,"unit_price":1250}],'
        f'"metadata":{{"ordergate_operation":"{OPERATION}","ordergate_merchant":"acme"}}}}'
    )

    assert (request.method, request.path) == ("POST", "/orders")
    assert request.body.decode() == expected


@pytest.mark.parametrize(
    ("changes", "member", "value"),
    [
        ({"currency": "EUR"}, "currency", "eur"),
        ({"billing_type": "one_time"}, "billing_type", "one_time"),
        ({"billing_type": "recurring"}, "billing_type", "recurring"),
        ({"notes": "leave at the door"}, "notes", "leave at the door"),
        ({"expires_at": datetime(2026, 5, 2, 10, tzinfo=UTC)}, "expires_at", "2026-05-02T10:00:00Z"),
        ({"reference": "A-1001"}, "metadata", {**MARKS, "ordergate_reference": "A-1001"}),
        (
            {"metadata": {"colour": "red", "count": 3, "gift": True}},
            "metadata",
            {"colour": "red", "count": 3, "gift": True, **MARKS},
        ),
    ],
)
def test_field_has_its_place(changes: dict[str, Any], member: str, value: Any) -> None:
    """Each field of a draft stands where RevKeen looks for it."""
    assert body_of(create(draft(**changes)))[member] == value


def test_expiry_keeps_its_moment() -> None:
    """An expiry in another zone is the same moment at RevKeen."""
    moment = datetime(2026, 5, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    sent = body_of(create(draft(expires_at=moment)))["expires_at"]

    assert datetime.fromisoformat(sent) == moment


def test_linked_ids_are_sent() -> None:
    """The provider's customer and products stand where RevKeen looks for them."""
    body = body_of(create(draft(line(sku="MUG"), line()), customer=CUSTOMER, products=(PRODUCT, None)))

    assert body["customer_id"] == CUSTOMER
    assert [item.get("product_id") for item in body["line_items"]] == [PRODUCT, None]


def test_lines_are_sent_as_ordered() -> None:
    """RevKeen takes equal lines, so nothing is merged; the shipping line is marked, for RevKeen has no types."""
    wanted = draft(line(), shipping(metadata={"speed": "slow"}), line(metadata={"gift": True}), line())
    lines = body_of(create(wanted))["line_items"]

    assert [item["unit_price"] for item in lines] == [1250, 500, 1250, 1250]
    assert [item.get("metadata") for item in lines] == [
        None,
        {"speed": "slow", "ordergate_type": "shipping"},
        {"gift": True},
        None,
    ]


@pytest.mark.parametrize(
    "changes", [{}, {"tax_percent": "0"}, {"tax_percent": "0.00"}, {"expected_total": 2500}]
)
def test_neutral_values_send_nothing(changes: dict[str, Any]) -> None:
    """Values without effect leave the body as it is."""
    assert asked(create(draft(**changes))).body == asked(create()).body


def test_what_revkeen_has_no_place_for_is_kept() -> None:
    """Email and address are inert at RevKeen: the answer says that they are kept."""
    request = asked(
        create(
            draft(
                customer=CustomerBody(id="cust-42", email="ada@example.com"),
                shipping_address=AddressBody(name="Ada", line_1="1 Main Street"),
            )
        )
    )

    assert {(notice.pointer, notice.kind) for notice in request.notices} == {
        ("/customer/email", "kept"),
        ("/shipping_address", "kept"),
    }
    assert b"ada@example.com" not in request.body
    assert b"Main" not in request.body


def test_sku_without_a_link_is_a_plain_line() -> None:
    """A sku that is not linked is sent as a plain line, and the answer says so; a linked one needs no word."""
    request = asked(create(draft(line(sku="MUG"), line(sku="CUP"), line()), products=(PRODUCT, None, None)))

    assert [(notice.pointer, notice.kind) for notice in request.notices] == [
        ("/line_items/1/sku", "unlinked")
    ]


@pytest.mark.parametrize("lines", [[line(unit_amount=0)], [line(unit_amount=LARGEST, quantity=1)]])
def test_smallest_and_largest_amounts_pass(lines: list[Any]) -> None:
    """Free lines and the largest 32-bit amount are carried."""
    assert body_of(create(draft(*lines)))["line_items"][0]["unit_price"] == lines[0].unit_amount


UNSUPPORTED = [
    (draft(currency="JPY"), ["/currency"]),
    (draft(currency="BHD"), ["/currency"]),
    (draft(currency="CLF"), ["/currency"]),
    (draft(tax_percent="13.5"), ["/tax_percent"]),
    (draft(line(unit_amount=LARGEST + 1, quantity=1)), ["/line_items/0/unit_amount"]),
    (draft(line(), line(unit_amount=2**30, quantity=2)), ["/line_items/1/unit_amount"]),
    (draft(line(unit_amount=0, quantity=LARGEST + 1)), ["/line_items/0/quantity"]),
    (draft(line(unit_amount=LARGEST, quantity=1), line(unit_amount=1, quantity=1)), ["/line_items"]),
]


@pytest.mark.parametrize(("wanted", "fields"), UNSUPPORTED)
def test_what_revkeen_cannot_carry_is_refused(wanted: Draft, fields: list[str]) -> None:
    """A currency, a tax or an amount that RevKeen cannot carry exactly is refused by name."""
    problem = refused(create(wanted))

    assert (problem.code, problem.sent) == ("unsupported_field", "no")
    assert pointers(problem) == [(field, "unsupported_field") for field in fields]


def test_links_go_through_the_extension() -> None:
    """The extension's two fields stand in the body under RevKeen's names."""
    body = body_of(create(extension={"invoice_id": PRODUCT, "subscription_id": METHOD}))

    assert (body["invoice_id"], body["subscription_id"]) == (PRODUCT, METHOD)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (create(extension={"invoice": "x"}), [("/extensions/revkeen/invoice", "unknown_field")]),
        (create(extension={"invoice_id": 5}), [("/extensions/revkeen/invoice_id", "wrong_type")]),
        (create(extension={"payment_token": "x"}), [("/extensions/revkeen/payment_token", "unknown_field")]),
        (pay(extension={"invoice_id": "x"}), [("/extensions/revkeen/invoice_id", "unknown_field")]),
        (update(extension={"invoice_id": "x"}), [("/extensions/revkeen/invoice_id", "unknown_field")]),
        (pay(extension={"payment_token": True}), [("/extensions/revkeen/payment_token", "wrong_type")]),
    ],
)
def test_extension_is_read_strictly(command: Command, expected: list[tuple[str, str]]) -> None:
    """Anything in RevKeen's block that RevKeen's adapter does not know is refused, with its pointer."""
    problem = refused(command)

    assert problem.code == "invalid_request"
    assert pointers(problem) == expected


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (pay(), b'{"amount":2500}'),
        (pay(amount=1), b'{"amount":1}'),
        (pay(payment_method=METHOD), f'{{"payment_method_id":"{METHOD}","amount":2500}}'.encode()),
        (pay(extension={"payment_token": "tok_1"}), b'{"payment_token":"tok_1","amount":2500}'),
    ],
)
def test_pay_always_states_the_amount(command: Command, body: bytes) -> None:
    """Nothing but what was meant can be charged: the amount stands in every pay."""
    request = asked(command)

    assert (request.method, request.path) == ("POST", f"/orders/{ORDER_ID}/pay")
    assert request.body == body


def test_token_makes_the_request_confidential() -> None:
    """A one-time token must not be kept in the clear or sent by another process."""
    assert asked(pay(extension={"payment_token": "tok_1"})).confidential
    assert not asked(pay(payment_method=METHOD)).confidential


def test_pay_of_nothing_is_refused() -> None:
    """RevKeen takes no payment of zero for an order that costs something."""
    assert refused(pay(amount=0)).code == "invalid_state"


def test_pay_of_an_order_that_costs_nothing_states_no_amount() -> None:
    """RevKeen documents no amount below 1: whether it settles such an order is for RevKeen to say."""
    assert asked(pay(order=seen(total=0, subtotal=0), amount=0)).body == b"{}"


def test_two_ways_to_pay_are_refused() -> None:
    """A method and a token together leave open which would be charged."""
    problem = refused(pay(payment_method=METHOD, extension={"payment_token": "tok_1"}))

    assert pointers(problem) == [("/extensions/revkeen/payment_token", "conflicting_fields")]


@pytest.mark.parametrize(
    ("reason", "body"),
    [(None, b"{}"), ("changed mind", b'{"reason":"changed mind"}'), ("", b'{"reason":""}')],
)
def test_cancel_says_why(reason: str | None, body: bytes) -> None:
    """A cancellation is a POST with an object, empty where there is no reason."""
    request = asked(cancel(reason=reason))

    assert (request.method, request.path, request.body) == ("POST", f"/orders/{ORDER_ID}/cancel", body)


TWO_LINES = seen(line_items=[told_line(), told_line(id=OTHER_LINE_ID, position=1)])


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (fulfill(), {"notify_customer": False}),
        (fulfill(notify_customer=True), {"notify_customer": True}),
        (
            fulfill(tracking_number="1Z999", carrier="ups"),
            {"notify_customer": False, "tracking_number": "1Z999", "carrier": "ups"},
        ),
        (fulfill(order=TWO_LINES, lines=(1,)), {"notify_customer": False, "line_item_ids": [OTHER_LINE_ID]}),
        (
            fulfill(order=TWO_LINES, lines=(0, 1)),
            {"notify_customer": False, "line_item_ids": [LINE_ID, OTHER_LINE_ID]},
        ),
    ],
)
def test_fulfill_always_says_whether_to_tell(command: Command, body: dict[str, Any]) -> None:
    """RevKeen mails the customer unless told not to; lines are named only where not all are meant."""
    request = asked(command)

    assert (request.method, request.path) == ("POST", f"/orders/{ORDER_ID}/fulfill")
    assert msgspec.json.decode(request.body) == body


MARKED = seen(metadata={"colour": "blue", **MARKS, "ordergate_reference": "A-1"})


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"metadata": {"colour": "red"}}, {"metadata": {"colour": "red"}}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"metadata": {}, "order": MARKED}, {"metadata": {**MARKS, "ordergate_reference": "A-1"}}),
        (
            {"metadata": {"colour": "red"}, "order": MARKED},
            {"metadata": {"colour": "red", **MARKS, "ordergate_reference": "A-1"}},
        ),
        ({"metadata": UNSET, "order": MARKED, "notes": "ring twice"}, {"notes": "ring twice"}),
        ({"metadata": UNSET, "notes": None}, {"notes": None}),
        ({"metadata": UNSET, "notes": ""}, {"notes": ""}),
        ({"metadata": UNSET, "customer": CUSTOMER}, {"customer_id": CUSTOMER}),
        ({"metadata": UNSET, "customer": None}, {"customer_id": None}),
        (
            {"notes": None, "customer": CUSTOMER, "tax_percent": "0"},
            {"customer_id": CUSTOMER, "metadata": {"colour": "red"}, "notes": None},
        ),
    ],
)
def test_update_sends_what_changes(changes: dict[str, Any], body: dict[str, Any]) -> None:
    """What is unset is left out and null clears; metadata is sent whole, always with the gateway's marks."""
    request = asked(update(**changes))

    assert (request.method, request.path) == ("PATCH", f"/orders/{ORDER_ID}")
    assert msgspec.json.decode(request.body) == body


@pytest.mark.parametrize("percent", [UNSET, None, "0", "0.00"])
def test_update_of_nothing_there_is_no_request(percent: Any) -> None:
    """A change of what RevKeen does not keep ends its plan at once, with the order as it was."""
    command = update(metadata=UNSET, tax_percent=percent)
    with pytest.raises(StopIteration) as ended:
        next(adapter.plan(command, SETTINGS))

    assert ended.value.value == Applied(order=command.order)


@pytest.mark.parametrize("percent", ["13.5", "0.0001", "100"])
def test_update_of_tax_is_refused(percent: str) -> None:
    """RevKeen takes no tax, in a change as in a create."""
    problem = refused(update(tax_percent=percent))

    assert problem.code == "unsupported_field"
    assert pointers(problem) == [("/tax_percent", "unsupported_field")]


def test_retrieve_is_a_get() -> None:
    """Reading names the order in the path and nothing else."""
    request = asked(retrieve())

    assert (request.method, request.path, request.body) == ("GET", f"/orders/{ORDER_ID}", b"")


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        ("1/pay", "/orders/1%2Fpay"),
        ("1?a=b#c", "/orders/1%3Fa%3Db%23c"),
        ("../customers", "/orders/..%2Fcustomers"),
        ("é %", "/orders/%C3%A9%20%25"),
    ],
)
def test_odd_id_stays_one_segment(identifier: str, path: str) -> None:
    """An id cannot leave its place in the path, whatever it holds."""
    order = msgspec.structs.replace(seen(), provider_order_id=identifier)

    assert asked(retrieve(identifier)).path == path
    assert asked(pay(order=order)).path == f"{path}/pay"
    assert asked(cancel(order=order)).path == f"{path}/cancel"
    assert asked(fulfill(order=order)).path == f"{path}/fulfill"
    assert asked(update(order=order)).path == path


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_id_that_would_change_the_path_is_refused(identifier: str) -> None:
    """An id that no path can carry is refused before anything is sent."""
    assert pointers(refused(retrieve(identifier))) == [("/provider_order_id", "invalid_value")]


NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)
LISTS = [
    (list_orders(), "limit=10"),
    (list_orders(100, write_cursor(Cursor("after", ORDER_ID))), f"limit=100&starting_after={ORDER_ID}"),
    (list_orders(1, write_cursor(Cursor("before", ORDER_ID))), f"limit=1&ending_before={ORDER_ID}"),
    (list_orders(customer=CUSTOMER), f"limit=10&customer_id={CUSTOMER}"),
    (list_orders(customer="a&b=c"), "limit=10&customer_id=a%26b%3Dc"),
    (list_orders(billing_type="recurring"), "limit=10&billing_type=recurring"),
    (
        list_orders(created_gte=NOON, created_lte=NOON),
        "limit=10&created_gte=1777723200&created_lte=1777723200",
    ),
    (
        list_orders(
            created_gte=NOON + timedelta(milliseconds=1), created_lte=NOON + timedelta(milliseconds=999)
        ),
        "limit=10&created_gte=1777723201&created_lte=1777723200",
    ),
    (list_orders(status=OrderStatus.OPEN), "limit=10&status=draft"),
    (list_orders(status=OrderStatus.PENDING), "limit=10&status=pending"),
    (list_orders(status=OrderStatus.PARTIALLY_PAID), "limit=10&status=partially_paid"),
    (list_orders(status=OrderStatus.PAID), "limit=10&status=paid"),
    (list_orders(status=OrderStatus.FULFILLED), "limit=10&status=fulfilled"),
    (list_orders(status=OrderStatus.CANCELED), "limit=10&status=canceled"),
    (list_orders(status=OrderStatus.REFUNDED), "limit=10&status=refunded"),
]


@pytest.mark.parametrize(("command", "query"), LISTS)
def test_list_states_limit_cursor_and_filters(command: Command, query: str) -> None:
    """The limit is always stated; times are whole Unix seconds inside the bounds that were asked for."""
    request = asked(command)

    assert (request.method, request.path, request.body) == ("GET", f"/orders?{query}", b"")


@pytest.mark.parametrize("status", [OrderStatus.REVIEW, OrderStatus.PARTIALLY_REFUNDED])
def test_status_that_revkeen_lacks_is_refused(status: OrderStatus) -> None:
    """A status by which RevKeen cannot filter is refused rather than ignored."""
    assert pointers(refused(list_orders(status=status))) == [("/status", "invalid_value")]


@pytest.mark.parametrize("text", ["", "x", ORDER_ID, "é", "WyJzaWRld2F5cyIsImEiXQ"])
def test_foreign_cursor_is_refused(text: str) -> None:
    """A cursor that no page of ours has answered is refused before anything is sent."""
    assert pointers(refused(list_orders(10, text))) == [("/cursor", "invalid_cursor")]


@pytest.mark.parametrize("command", READS, ids=lambda command: type(command).__name__)
def test_reads_have_no_effect(command: Command) -> None:
    """A read says that it is one, and has no body to name a type of."""
    request = asked(command)

    assert not request.acts
    assert request.headers == ()


@pytest.mark.parametrize("command", WRITES, ids=lambda command: type(command).__name__)
def test_writes_carry_the_operation_as_their_key(command: Command) -> None:
    """A write says that it acts, and that its idempotency key is the operation's id."""
    request = asked(command)

    assert request.acts
    assert request.headers == (("content-type", "application/json"), ("idempotency-key", OPERATION))


@pytest.mark.parametrize("command", [*READS, *WRITES], ids=lambda command: type(command).__name__)
def test_signing_adds_key_and_version(command: Command) -> None:
    """Each request names the key and pins the API's version; its bytes stay as they are."""
    request = asked(command)
    sent = adapter.sign(request, SETTINGS, 1_777_723_200, "00ff")

    assert (sent.method, sent.path, sent.body) == (request.method, request.path, request.body)
    assert sent.headers == (
        *request.headers,
        ("accept", "application/json"),
        ("revkeen-version", "2026-05-01"),
        ("x-api-key", SETTINGS.api_key.reveal()),
    )
