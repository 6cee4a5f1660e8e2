"""Canonical commands become Rapyd's requests, byte for byte, or are refused by name."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from ordergate.domain.commands import Command, CreateOrder
from ordergate.domain.draft import AddressBody, CustomerBody, Draft
from ordergate.domain.errors import Problem
from ordergate.domain.outcome import Applied, NotApplied
from ordergate.spi.paging import Cursor, write_cursor
from ordergate.spi.wire import WireResponse
from ordergate_rapyd import adapter

from .commands import (
    CHAIR,
    CUSTOMER,
    OPERATION,
    ORDER_ID,
    READS,
    SETTINGS,
    WRITES,
    asked,
    concluded,
    confirm,
    create,
    draft,
    fulfill,
    line,
    list_orders,
    pay,
    retrieve,
    return_goods,
    returned,
    seen,
    shipping,
    update,
)
from .samples import envelope, order, payment, refusal, respond

MARKS = {"ordergate_operation": OPERATION, "ordergate_merchant": "acme"}


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
    """The documented order is one POST whose bytes are compact JSON with amounts in major units."""
    request = asked(create())
    expected = (
        f'{{"customer":"{CUSTOMER}","currency":"USD","items":['
        f'{{"type":"sku","currency":"USD","amount":200,"quantity":2,"parent":"{CHAIR}",'
        f'"description":"Deluxe Gamer\'s Chair"}},'
        f'{{"type":"shipping","currency":"USD","amount":10,"description":"Shipping"}}],'
        f'"metadata":{{"ordergate_operation":"{OPERATION}","ordergate_merchant":"acme"}}}}'
    )

    assert (request.method, request.path) == ("POST", "/v1/orders")
    assert expected == request.body.decode()


@pytest.mark.parametrize(
    ("changes", "member", "value"),
    [
        ({"currency": "EUR"}, "currency", "EUR"),
        ({"customer": CustomerBody(id="cust-42", email="ada@example.com")}, "email", "ada@example.com"),
        ({"reference": "2025-11-18a"}, "upstream_id", "2025-11-18a"),
        ({"tax_percent": "13.5"}, "tax_percent", 13.5),
        ({"tax_percent": "7.50"}, "tax_percent", 7.5),
        ({"tax_percent": "07"}, "tax_percent", 7),
        ({"tax_percent": "100.0000"}, "tax_percent", 100),
        ({"tax_percent": "0.0001"}, "tax_percent", 0.0001),
        (
            {"metadata": {"colour": "red", "count": 3, "gift": True}},
            "metadata",
            {"colour": "red", "count": 3, "gift": True, **MARKS},
        ),
        (
            {"shipping_address": AddressBody(name="John Doe", line_1="123 First Street")},
            "shipping_address",
            {"name": "John Doe", "line_1": "123 First Street"},
        ),
        (
            {
                "shipping_address": AddressBody(
                    name="John Doe",
                    line_1="123 First Street",
                    line_2="Apt. 34",
                    line_3="Back door",
                    city="Anytown",
                    district="Old Town",
                    state="NY",
                    postal_code="12345",
                    country="US",
                    phone="+12125559999",
                )
            },
            "shipping_address",
            {
                "name": "John Doe",
                "line_1": "123 First Street",
                "line_2": "Apt. 34",
                "line_3": "Back door",
                "city": "Anytown",
                "district": "Old Town",
                "state": "NY",
                "country": "US",
                "zip": "12345",
                "phone_number": "+12125559999",
            },
        ),
    ],
)
def test_field_has_its_place(changes: dict[str, Any], member: str, value: Any) -> None:
    """Each field of a draft stands where Rapyd looks for it."""
    assert value == body_of(create(draft(**changes)))[member]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tax_percent": "0"},
        {"tax_percent": "0.000"},
        {"billing_type": "one_time"},
        {"expected_total": 41_000},
        {"account": "rapyd-eu"},
        {"notes": "leave at the door"},
        {"extensions": {"rapyd": {}, "revkeen": {"invoice_id": "x"}}},
    ],
)
def test_neutral_and_foreign_values_send_nothing(changes: dict[str, Any]) -> None:
    """Values without effect, and those that are for the gateway alone, leave the body as it is."""
    assert asked(create()).body == asked(create(draft(**changes))).body


@pytest.mark.parametrize(
    ("currency", "amount", "literal"),
    [
        ("JPY", 1, b"1"),
        ("JPY", 20_000, b"20000"),
        ("JPY", 10**15 - 1, b"999999999999999"),
        ("USD", 1, b"0.01"),
        ("USD", 10, b"0.1"),
        ("USD", 100, b"1"),
        ("USD", 1_050, b"10.5"),
        ("USD", 1_999, b"19.99"),
        ("USD", 20_000, b"200"),
        ("USD", 2 * 10**14, b"2000000000000"),
        ("USD", 10**15 - 1, b"9999999999999.99"),
        ("BHD", 1, b"0.001"),
        ("BHD", 100, b"0.1"),
        ("BHD", 12_345, b"12.345"),
        ("BHD", 12_000, b"12"),
        ("CLF", 1, b"0.0001"),
        ("CLF", 10, b"0.001"),
        ("CLF", 12_340, b"1.234"),
        ("CLF", 10_000, b"1"),
    ],
)
def test_amount_is_plain_and_unpadded(currency: str, amount: int, literal: bytes) -> None:
    """An amount is a number of major units without exponent, padding or trailing zeros."""
    request = asked(create(draft(line(unit_amount=amount, quantity=1), currency=currency)))

    assert b'"amount":' + literal + b"," in request.body


def test_each_item_names_the_currency() -> None:
    """Rapyd does not take an item's currency from the order, so it stands on each, shipping included."""
    items = body_of(create(draft(line(), line(sku="LAMP-1"), currency="GBP")))["items"]

    assert [item["currency"] for item in items] == ["GBP", "GBP", "GBP"]


def test_lines_of_one_sku_are_merged() -> None:
    """Lines with one SKU, price and description become one item, at the place of the first."""
    lamp = line(sku="LAMP-1", description="Desk Lamp", unit_amount=4_999, quantity=1)
    items = body_of(create(draft(line(quantity=2), lamp, line(quantity=3), shipping(), line(quantity=1))))[
        "items"
    ]

    assert [(item.get("parent"), item.get("quantity")) for item in items] == [
        (CHAIR, 6),
        ("sku_LAMP-1", 1),
        (None, None),
    ]


def test_skus_linked_to_one_product_are_merged() -> None:
    """It is Rapyd's SKU that counts, not the merchant's: two names for one thing are one item."""
    products = (CHAIR, CHAIR)
    items = body_of(create(draft(line(), line(sku="CHAIR-OLD")), products=products))["items"]

    assert [(item.get("parent"), item.get("quantity")) for item in items] == [(CHAIR, 4), (None, None)]


@pytest.mark.parametrize("difference", [{"unit_amount": 19_999}, {"description": "Chair, blue"}])
def test_lines_of_one_sku_that_differ_are_refused(difference: dict[str, Any]) -> None:
    """Two lines of one SKU with another price or description cannot be one item."""
    problem = refused(create(draft(line(sku="LAMP-1"), line(), line(**difference))))

    assert problem.code == "unsupported_field"
    assert pointers(problem) == [("/line_items/2/sku", "unsupported_field")]


def test_missing_shipping_is_added_and_marked() -> None:
    """Without a shipping line a free one is sent, with a mark that hides it again and a notice."""
    request = asked(create(draft(line())))
    body = msgspec.json.decode(request.body)

    assert body["items"][-1] == {
        "type": "shipping",
        "currency": "USD",
        "amount": 0,
        "description": "Shipping",
    }
    assert body["metadata"] == {**MARKS, "ordergate_added_shipping": True}
    assert [(notice.pointer, notice.kind) for notice in request.notices] == [("/line_items", "added")]


def test_own_free_shipping_is_not_marked() -> None:
    """A merchant's own shipping line for nothing is an ordinary line."""
    request = asked(create(draft(line(), shipping(unit_amount=0, description="Pick-up"))))
    body = msgspec.json.decode(request.body)

    assert body["items"][1:] == [
        {"type": "shipping", "currency": "USD", "amount": 0, "description": "Pick-up"}
    ]
    assert body["metadata"] == MARKS
    assert request.notices == ()


def test_shipping_may_come_first() -> None:
    """Items are sent in the merchant's order."""
    items = body_of(create(draft(shipping(), line())))["items"]

    assert [item["type"] for item in items] == ["shipping", "sku"]


def test_what_rapyd_has_no_place_for_is_kept() -> None:
    """Notes, metadata of lines, and a SKU of shipping are inert at Rapyd: the answer says that they are kept."""
    request = asked(
        create(
            draft(
                line(metadata={"engraving": "A"}),
                shipping(sku="SHIP-1"),
                notes="leave at the door",
            )
        )
    )

    assert {
        ("/line_items/0/metadata", "kept"),
        ("/line_items/1/sku", "kept"),
        ("/notes", "kept"),
    } == {(notice.pointer, notice.kind) for notice in request.notices}
    assert b"engraving" not in request.body
    assert b"door" not in request.body


REQUIRED = [
    (create(draft(customer=None), customer=None), ["/customer/id"]),
    (create(draft(customer=CustomerBody(email="ada@example.com")), customer=None), ["/customer/id"]),
    (create(draft(shipping())), ["/line_items"]),
    (create(draft(line(sku=None), line(sku="LAMP-1"))), ["/line_items/0/sku"]),
    (
        create(draft(line(), line(sku=None, unit_amount=0))),
        ["/line_items/1/sku", "/line_items/1/unit_amount"],
    ),
    (
        create(draft(shipping_address=AddressBody(city="Anytown"))),
        ["/shipping_address/name", "/shipping_address/line_1"],
    ),
    (create(draft(shipping_address=AddressBody(name="", line_1="1 A St"))), ["/shipping_address/name"]),
    (
        create(draft(line(sku=None, unit_amount=0), shipping_address=AddressBody(name="A")), customer=None),
        ["/customer/id", "/line_items/0/sku", "/line_items/0/unit_amount", "/shipping_address/line_1"],
    ),
]


@pytest.mark.parametrize(("command", "missing"), REQUIRED)
def test_what_rapyd_demands_is_asked_for(command: CreateOrder, missing: list[str]) -> None:
    """Everything that Rapyd demands beyond the contract is named at once, each with its pointer."""
    problem = refused(command)

    assert problem.code == "invalid_request"
    assert problem.sent == "no"
    assert [(pointer, "required_by_provider") for pointer in missing] == pointers(problem)


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        (draft(billing_type="recurring"), "/billing_type"),
        (draft(expires_at=datetime(2026, 5, 2, tzinfo=UTC)), "/expires_at"),
    ],
)
def test_effect_that_rapyd_lacks_is_refused(wanted: Draft, pointer: str) -> None:
    """A field that would have an effect and cannot have it at Rapyd is refused by name."""
    problem = refused(create(wanted))

    assert problem.code == "unsupported_field"
    assert [(pointer, "unsupported_field")] == pointers(problem)


def test_coupons_go_through_the_extension() -> None:
    """The extension's two fields stand in the body under Rapyd's names."""
    body = body_of(create(extension={"coupon": "coupon_1", "external_coupon_code": "squeee"}))

    assert (body["coupon"], body["external_coupon_code"]) == ("coupon_1", "squeee")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (create(extension={"cupon": "x"}), [("/extensions/rapyd/cupon", "unknown_field")]),
        (create(extension={"coupon": 5}), [("/extensions/rapyd/coupon", "wrong_type")]),
        (
            create(extension={"coupon": ["a"], "external_coupon_code": {}, "amount": 1}),
            [
                ("/extensions/rapyd/coupon", "wrong_type"),
                ("/extensions/rapyd/external_coupon_code", "wrong_type"),
                ("/extensions/rapyd/amount", "unknown_field"),
            ],
        ),
        (update(extension={"cupon": "x"}), [("/extensions/rapyd/cupon", "unknown_field")]),
        (
            update(extension={"external_coupon_code": "x"}),
            [("/extensions/rapyd/external_coupon_code", "unknown_field")],
        ),
        (update(extension={"coupon": 5}), [("/extensions/rapyd/coupon", "wrong_type")]),
        (pay(extension={"coupon": "coupon_1"}), [("/extensions/rapyd/coupon", "unknown_field")]),
    ],
)
def test_extension_is_read_strictly(command: Command, expected: list[tuple[str, str]]) -> None:
    """Anything in Rapyd's block that Rapyd's adapter does not know is refused, with its pointer."""
    problem = refused(command)

    assert problem.code == "invalid_request"
    assert expected == pointers(problem)


def test_pay_names_no_amount() -> None:
    """Rapyd pays in full by itself: the request holds the method, if any, and the operation's mark."""
    default, chosen = asked(pay()), asked(pay(payment_method="card_1"))
    mark = f'"metadata":{{"ordergate_operation":"{OPERATION}"}}'

    assert ("POST", f"/v1/orders/{ORDER_ID}/pay") == (default.method, default.path)
    assert f"{{{mark}}}" == default.body.decode()
    assert f'{{"payment_method":"card_1",{mark}}}' == chosen.body.decode()


@pytest.mark.parametrize("amount", [1, 40_999, 41_001])
def test_pay_of_another_amount_is_refused(amount: int) -> None:
    """Less or more than what is due cannot be paid at Rapyd."""
    problem = refused(pay(amount=amount))

    assert problem.code == "unsupported_field"
    assert pointers(problem) == [("/amount", "unsupported_field")]


def test_fulfill_is_a_status() -> None:
    """Rapyd is told by an update, which is a POST; tracking stays with the gateway."""
    request = asked(fulfill(tracking_number="1Z999", carrier="ups"))

    assert ("POST", f"/v1/orders/{ORDER_ID}") == (request.method, request.path)
    assert request.body == b'{"status":"fulfilled"}'


@pytest.mark.parametrize("lines", [(0,), (1,), (0, 1)])
def test_fulfill_of_named_lines_is_refused(lines: tuple[int, ...]) -> None:
    """Named lines are fewer than the merchant's, however few items Rapyd made of them."""
    problem = refused(fulfill(lines=lines))

    assert problem.code == "unsupported_field"
    assert pointers(problem) == [("/line_item_ids", "unsupported_field")]


def test_fulfill_that_tells_the_customer_is_refused() -> None:
    """Rapyd mails nobody, so nobody is led to believe it does."""
    problem = refused(fulfill(notify_customer=True))

    assert pointers(problem) == [("/notify_customer", "unsupported_field")]


MARKED = seen(metadata={"colour": "blue", **MARKS, "ordergate_added_shipping": True})


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, '{"metadata":{"colour":"red"}}'),
        ({"metadata": {}}, '{"metadata":{}}'),
        (
            {"metadata": {"colour": "red"}, "order": MARKED},
            (
                f'{{"metadata":{{"colour":"red","ordergate_operation":"{OPERATION}",'
                '"ordergate_merchant":"acme","ordergate_added_shipping":true}}'
            ),
        ),
        ({"metadata": UNSET, "order": MARKED, "tax_percent": "7.50"}, '{"tax_percent":7.5}'),
        ({"metadata": UNSET, "tax_percent": None}, '{"tax_percent":0}'),
        ({"metadata": UNSET, "tax_percent": "0.00"}, '{"tax_percent":0}'),
        ({"metadata": UNSET, "extension": {"coupon": "coupon_1"}}, '{"coupon":"coupon_1"}'),
        (
            {"notes": "ring twice", "tax_percent": "13.5", "extension": {"coupon": "coupon_1"}},
            '{"metadata":{"colour":"red"},"coupon":"coupon_1","tax_percent":13.5}',
        ),
    ],
)
def test_update_sends_what_changes(changes: dict[str, Any], body: str) -> None:
    """What is unset is left out; metadata is sent whole, always with the gateway's marks; no tax is zero."""
    request = asked(update(**changes))

    assert (request.method, request.path) == ("POST", f"/v1/orders/{ORDER_ID}")
    assert request.body.decode() == body


@pytest.mark.parametrize("notes", [UNSET, None, "ring twice"])
def test_update_of_what_is_only_kept_is_no_request(notes: Any) -> None:
    """A change of what Rapyd has no place for ends its plan at once, with the order as it was."""
    command = update(metadata=UNSET, notes=notes)
    with pytest.raises(StopIteration) as ended:
        next(adapter.plan(command, SETTINGS))

    assert ended.value.value.order == command.order
    told = [(each.pointer, each.kind) for each in ended.value.value.notices]
    assert told == ([("/notes", "kept")] if isinstance(notes, str) else [])


@pytest.mark.parametrize("customer", [None, CUSTOMER])
def test_update_of_the_customer_is_refused(customer: str | None) -> None:
    """Rapyd's orders keep their customer."""
    problem = refused(update(customer=customer))

    assert problem.code == "unsupported_field"
    assert pointers(problem) == [("/customer/id", "unsupported_field")]


def test_confirmation_is_a_status() -> None:
    """That a payment of another method than a card has come is told by an update to paid."""
    request = asked(confirm())

    assert ("POST", f"/v1/orders/{ORDER_ID}") == (request.method, request.path)
    assert request.body == b'{"status":"paid"}'


def item(amount: str, quantity: int, parent: str = CHAIR, currency: str = "USD") -> str:
    return f'{{"type":"sku","parent":"{parent}","amount":{amount},"quantity":{quantity},"currency":"{currency}"}}'


SHIPPED = '{"type":"shipping","amount":10,"quantity":1,"currency":"USD"}'
RETURNED = [
    (return_goods(), [item("200", 1)]),
    (return_goods(returned(quantity=2)), [item("200", 2)]),
    (return_goods(returned(unit_amount=1)), [item("0.01", 1)]),
    (return_goods(returned(unit_amount=1_990)), [item("19.9", 1)]),
    (return_goods(returned(), returned(quantity=2)), [item("200", 3)]),
    (
        return_goods(returned(), returned(product="sku_LAMP-1", unit_amount=4_999), returned()),
        [item("200", 2), item("49.99", 1, "sku_LAMP-1")],
    ),
    (return_goods(shipping=1_000), [item("200", 1), SHIPPED]),
    (return_goods(order=seen(currency="JPY")), [item("20000", 1, currency="JPY")]),
    (return_goods(order=seen(currency="BHD")), [item("20", 1, currency="BHD")]),
]


@pytest.mark.parametrize(("command", "items"), RETURNED)
def test_return_names_each_sku_once(command: Command, items: list[str]) -> None:
    """Lines of one SKU are one item, each at one unit's exact price; shipping is an item of its own."""
    request = asked(command)

    assert ("POST", f"/v1/orders/{ORDER_ID}/returns") == (request.method, request.path)
    assert request.body.decode() == f'{{"items":[{",".join(items)}]}}'


MADE = {"id": "orre_1", "amount": 200, "currency": "USD", "refund": "refund_1", "items": []}


def test_order_is_read_after_a_return() -> None:
    """Rapyd answers a return with the return alone, so the order is read once it is made."""
    plan = adapter.plan(return_goods(), SETTINGS)
    next(plan)
    look = plan.send(respond(envelope(MADE)))
    assert (look.method, look.path, look.acts) == ("GET", f"/v1/orders/{ORDER_ID}", False)
    with pytest.raises(StopIteration) as ended:
        plan.send(respond(envelope(order(status="returned", amount_returned=200))))

    outcome = ended.value.value
    assert isinstance(outcome, Applied)
    assert (outcome.order.provider_status, outcome.order.amount_refunded) == ("returned", 20_000)
    made = outcome.returned
    assert made is not None
    assert (made.provider_return_id, made.amount, made.refund_id) == ("orre_1", 20_000, "refund_1")


@pytest.mark.parametrize(
    "look", [[], [refusal("ERROR_GET_ORDER")], [WireResponse(status=503)], [WireResponse(status=200)]]
)
def test_return_stands_without_the_reading_afterwards(look: list[WireResponse]) -> None:
    """A return that is made is applied, whatever becomes of the look: what is known of the order then counts."""
    before = seen(status="returned", amount_returned=10)
    outcome = concluded(return_goods(order=before), respond(envelope(MADE)), *look)

    assert isinstance(outcome, Applied)
    assert outcome.returned is not None
    assert outcome.order == msgspec.structs.replace(before, amount_refunded=21_000)


def test_refused_return_is_not_looked_after() -> None:
    """A refusal ends the conversation."""
    plan = adapter.plan(return_goods(), SETTINGS)
    next(plan)
    with pytest.raises(StopIteration) as ended:
        plan.send(refusal("ERROR_RETURN_ORDER_RETURN_ITEM"))

    assert isinstance(ended.value.value, NotApplied)


def test_retrieve_is_a_get() -> None:
    """Reading names the order in the path and nothing else."""
    request = asked(retrieve())

    assert ("GET", f"/v1/orders/{ORDER_ID}", b"") == (request.method, request.path, request.body)


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        ("order_1/pay", "/v1/orders/order_1%2Fpay"),
        ("order_1?a=b#c", "/v1/orders/order_1%3Fa%3Db%23c"),
        ("../customers", "/v1/orders/..%2Fcustomers"),
        ("é %", "/v1/orders/%C3%A9%20%25"),
    ],
)
def test_odd_id_stays_one_segment(identifier: str, path: str) -> None:
    """An id cannot leave its place in the path, whatever it holds."""
    order = msgspec.structs.replace(seen(), provider_order_id=identifier)

    assert path == asked(retrieve(identifier)).path
    assert f"{path}/pay" == asked(pay(order=order)).path
    assert path == asked(fulfill(order=order)).path
    assert path == asked(update(order=order)).path
    assert path == asked(confirm(order=order)).path
    assert f"{path}/returns" == asked(return_goods(order=order)).path


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_id_that_would_change_the_path_is_refused(identifier: str) -> None:
    """An id that no path can carry is refused before anything is sent."""
    assert pointers(refused(retrieve(identifier))) == [("/provider_order_id", "invalid_value")]


@pytest.mark.parametrize(
    ("cursor", "query"),
    [
        (None, "limit=10"),
        (Cursor("after", ORDER_ID), f"limit=10&starting_after={ORDER_ID}"),
        (Cursor("before", ORDER_ID), f"limit=10&ending_before={ORDER_ID}"),
        (Cursor("after", "a&b=c é"), "limit=10&starting_after=a%26b%3Dc+%C3%A9"),
    ],
)
def test_list_pages_by_order_id(cursor: Cursor | None, query: str) -> None:
    """The limit is always stated; a cursor is an order's id and a direction."""
    request = asked(list_orders(10, cursor and write_cursor(cursor)))

    assert ("GET", f"/v1/orders?{query}", b"") == (request.method, request.path, request.body)


@pytest.mark.parametrize("text", ["", "x", "order_1", "é", "WyJzaWRld2F5cyIsImEiXQ"])
def test_foreign_cursor_is_refused(text: str) -> None:
    """A cursor that no page of ours has answered is refused before anything is sent."""
    assert pointers(refused(list_orders(10, text))) == [("/cursor", "invalid_cursor")]


@pytest.mark.parametrize("command", READS, ids=lambda command: type(command).__name__)
def test_reads_have_no_effect(command: Command) -> None:
    """A read says that it is one, and carries the content type that Rapyd asks for even here."""
    request = asked(command)

    assert not request.acts
    assert request.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize("command", WRITES, ids=lambda command: type(command).__name__)
def test_writes_carry_the_operation_as_idempotency(command: Command) -> None:
    """A write says that it acts, and that its key is the operation's id, under Rapyd's bare header name."""
    request = asked(command)

    assert request.acts
    assert not request.confidential
    assert request.headers == (("content-type", "application/json"), ("idempotency", OPERATION))


def test_what_is_due_counts_what_was_received() -> None:
    """Where something was received already, the rest is what a pay in full amounts to."""
    received = seen(payment=payment(status="CLO", amount=10, original_amount=410))

    assert asked(pay(order=received, amount=40_000)).acts
    assert refused(pay(order=received, amount=41_000)).code == "unsupported_field"
