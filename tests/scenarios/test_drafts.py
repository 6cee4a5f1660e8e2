"""What becomes of a draft at each provider: the same order, or a refusal that names the field."""

from datetime import datetime
from typing import Any

import pytest
from tests.scenarios.shop import (
    CUSTOMER,
    Emulator,
    Shop,
    body_of,
    chairs,
    pointers,
    problem_of,
    product,
    shipping,
    verdict,
)

from ordergate.gateway.accounts.registry import installed_adapters

OWN_FIELDS = {
    "account": "the configured name of where it went",
    "provider": "the adapter's name",
    "provider_order_id": "each provider's own id",
    "provider_status": "each provider's own word, verbatim",
    "id": "each order has one of its own",
    "created_at": "each provider's own clock",
    "updated_at": "each provider's own clock",
    "synced_at": "when each was read",
    "extensions": "fields that only one provider knows",
}
"""Fields in which one draft's orders may differ from provider to provider, and why."""

OWN_WHEN_PAID = OWN_FIELDS | {
    "payments": "only some providers say in the order how it was paid",
    "paid_at": "each provider's own clock",
}

LINE = {"metadata": {}, "discount": 0, "tax": 0}
CHAIRS_ORDERED = {
    "reference": "order-1001",
    "status": "open",
    "payment_status": "unpaid",
    "fulfillment_status": "unfulfilled",
    "review_reasons": [],
    "billing_type": "one_time",
    "currency": "USD",
    "subtotal": 40000,
    "shipping": 1000,
    "discount": 0,
    "tax": 0,
    "total": 41000,
    "amount_paid": 0,
    "amount_refunded": 0,
    "amount_due": 41000,
    "customer": {"id": CUSTOMER, "email": None},
    "line_items": [
        {
            **LINE,
            "type": "product",
            "sku": "CHAIR-1",
            "description": "Deluxe Gamer's Chair",
            "quantity": 2,
            "unit_amount": 20000,
            "subtotal": 40000,
            "total": 40000,
            "position": 0,
        },
        {
            **LINE,
            "type": "shipping",
            "sku": None,
            "description": "Shipping",
            "quantity": 1,
            "unit_amount": 1000,
            "subtotal": 1000,
            "total": 1000,
            "position": 1,
        },
    ],
    "shipping_address": None,
    "metadata": {},
    "notes": None,
    "expires_at": None,
    "tax_percent": None,
    "payments": [],
    "fulfillments": [],
    "returns": [],
    "next_action": None,
    "paid_at": None,
    "fulfilled_at": None,
    "canceled_at": None,
    "refunded_at": None,
    "purpose": None,
    "notices": [],
}
"""Every documented field of the chair order that is no provider's own."""

STATUS_WORDS = {"revkeen": "draft", "rapyd": "created"}

ADDRESS = {
    "name": "Ada Lovelace",
    "line_1": "12 St James Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
    "phone": "+442079460000",
}

at_revkeen = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)
anywhere = pytest.mark.parametrize("provider", sorted(installed_adapters())[:1], indirect=True)


def without_line_ids(order: dict[str, Any]) -> dict[str, Any]:
    """The order without the ids of its lines, which are the gateway's own."""
    lines = [{name: value for name, value in line.items() if name != "id"} for line in order["line_items"]]
    return {**order, "line_items": lines}


async def test_chair_order_is_what_the_draft_says(shop: Shop) -> None:
    """Two chairs and shipping become an open order of 410.00 with every documented field."""
    order = await shop.order(reference="order-1001")

    assert order.keys() == CHAIRS_ORDERED.keys() | OWN_FIELDS.keys()
    shown = without_line_ids(order)
    assert {name: shown[name] for name in CHAIRS_ORDERED} == CHAIRS_ORDERED
    ids = [line["id"] for line in order["line_items"]]
    assert all(len(name) == 35 and name.startswith("li_") for name in ids)
    assert len(set(ids)) == 2
    assert len(order["id"]) == 36
    assert order["id"].startswith("ord_")
    assert (order["account"], order["provider"]) == (shop.account, shop.account)
    assert order["provider_status"] == STATUS_WORDS[shop.account]
    assert order["provider_order_id"] == shop.emulator.orders[0]["id"]
    assert list(order["extensions"]) == [shop.account]


async def test_times_are_utc(shop: Shop) -> None:
    """Times are RFC 3339 in UTC, with Z, and near each other."""
    order = await shop.order()

    times = [order[name] for name in ("created_at", "updated_at", "synced_at")]
    assert all(time.endswith("Z") for time in times)
    created, _, synced = (datetime.fromisoformat(time) for time in times)
    assert abs((synced - created).total_seconds()) < 30


@anywhere
async def test_providers_make_the_same_order(shop: Shop) -> None:
    """One draft's orders differ between providers in the held set of fields and nowhere else."""
    orders = [
        without_line_ids(await shop.order(account=name, customer={"id": CUSTOMER}, metadata={"cart": "c-7"}))
        for name in sorted(installed_adapters())
    ]

    differing = {name for name in orders[0] for order in orders if order[name] != orders[0][name]}
    assert differing <= OWN_FIELDS.keys()
    assert {"provider_order_id", "id", "account", "provider", "provider_status"} <= differing


@anywhere
async def test_paid_orders_are_the_same(shop: Shop) -> None:
    """Once paid, the orders still differ in the held set of fields and nowhere else."""
    orders = [without_line_ids(await shop.paid_order(account=name)) for name in sorted(installed_adapters())]

    differing = {name for name in orders[0] for order in orders if order[name] != orders[0][name]}
    # Both providers say "paid", so not even provider_status must differ.
    assert differing <= OWN_WHEN_PAID.keys()


async def test_read_back_is_what_was_created(shop: Shop) -> None:
    """Reading the order at the provider gives what the create answered, but for when it was read."""
    order = await shop.order(reference="order-1001", metadata={"cart": "c-7"})

    again = await shop.read(order, refresh=True)
    assert again["synced_at"] > order["synced_at"]
    assert {**again, "synced_at": None} == {**order, "synced_at": None}


async def test_order_without_shipping(shop: Shop) -> None:
    """A draft without shipping shows none; where the provider demands an item, the added one stays hidden."""
    order = await shop.order(line_items=[product(quantity=2)])

    assert [line["type"] for line in order["line_items"]] == ["product"]
    assert (order["shipping"], order["total"]) == (0, 40000)
    added = [(notice["kind"], notice["pointer"]) for notice in order["notices"]]
    items = shop.emulator.orders[0].get("items", [])
    if shop.account == "rapyd":
        assert added == [("added", "/line_items")]
        assert [(item["type"], item["amount"]) for item in items if item["type"] == "shipping"] == [
            ("shipping", 0)
        ]
    else:
        assert added == []
    again = await shop.read(order, refresh=True)
    assert again["line_items"] == order["line_items"]


async def test_free_shipping_line_of_the_merchant_stays(shop: Shop) -> None:
    """A shipping line of zero that the merchant gave is shown, and none is added beside it."""
    order = await shop.order(line_items=[product(), shipping(unit_amount=0, description="Free shipping")])

    assert [(line["type"], line["unit_amount"]) for line in order["line_items"]] == [
        ("product", 20000),
        ("shipping", 0),
    ]
    assert order["notices"] == []
    assert (order["shipping"], order["total"]) == (0, 20000)
    assert (await shop.read(order, refresh=True))["line_items"] == order["line_items"]


async def test_two_lines_of_one_sku(shop: Shop) -> None:
    """Two lines of one sku are shown as ordered, also where the provider got them as one."""
    order = await shop.order(line_items=[product(quantity=2), product(quantity=3), shipping()])

    assert [(line["type"], line["quantity"]) for line in order["line_items"]] == [
        ("product", 2),
        ("product", 3),
        ("shipping", 1),
    ]
    assert order["total"] == 101000
    assert [line["total"] for line in order["line_items"]] == [40000, 60000, 1000]
    if shop.account == "rapyd":
        items = [item for item in shop.emulator.orders[0]["items"] if item["type"] == "sku"]
        assert [item["quantity"] for item in items] == [5]


@pytest.mark.parametrize("other", [{"unit_amount": 19999}, {"description": "Another chair"}])
async def test_two_lines_of_one_sku_that_cannot_merge(shop: Shop, other: dict[str, Any]) -> None:
    """Lines of one sku that differ in price or description are refused where the sku may stand once."""
    answer = await shop.create(shop.draft(line_items=[product(), product(**other)]))

    if shop.account == "rapyd":
        assert pointers(problem_of(answer, 422, "unsupported_field")) == ["/line_items/1/sku"]
        assert shop.emulator.requests == 0
    else:
        assert len(body_of(answer, 201)["line_items"]) == 2


@at_revkeen
async def test_unlinked_sku_becomes_a_plain_line(shop: Shop) -> None:
    """Where a line needs no product, a sku without a link is sent plain, and the answer says so."""
    order = await shop.order(line_items=[product(sku="UNHEARD-OF"), product()])

    notices = [(notice["kind"], notice["pointer"]) for notice in order["notices"]]
    assert notices == [("unlinked", "/line_items/0/sku")]
    assert [line["sku"] for line in order["line_items"]] == ["UNHEARD-OF", "CHAIR-1"]


@at_rapyd
async def test_unlinked_sku_is_refused_where_it_is_needed(shop: Shop) -> None:
    """Where every line needs a product, a sku without a link is refused by name before anything is sent."""
    answer = await shop.create(shop.draft(line_items=[product(), product(sku="UNHEARD-OF")]))

    problem = problem_of(answer, 422, "link_missing")
    assert pointers(problem) == ["/line_items/1/sku"]
    assert all(word in problem["detail"] for word in ("UNHEARD-OF", "rapyd", "products"))
    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert shop.emulator.requests == 0


async def test_unlinked_customer_is_refused(shop: Shop) -> None:
    """A customer without a link is refused everywhere: no provider can do without it."""
    answer = await shop.create(shop.draft(customer={"id": "nobody"}))

    assert pointers(problem_of(answer, 422, "link_missing")) == ["/customer/id"]
    assert shop.emulator.requests == 0


async def test_native_ids_need_no_link(shop: Shop) -> None:
    """An id written provider:… goes through as it is, and is shown as it was ordered."""
    customer = f"provider:{shop.emulator.customer}"
    sku = f"provider:{shop.emulator.products[1]}"

    order = await shop.order(customer={"id": customer}, line_items=[product(sku=sku)])

    assert order["customer"]["id"] == customer
    assert order["line_items"][0]["sku"] == sku
    assert shop.emulator.products[1] in str(shop.emulator.orders[0])


@pytest.mark.parametrize(
    ("provider", "kept"),
    [("revkeen", ["/customer/email", "/shipping_address"]), ("rapyd", ["/line_items/0/metadata", "/notes"])],
    indirect=["provider"],
)
async def test_inert_fields_are_kept(shop: Shop, kept: list[str]) -> None:
    """Address, email, notes and metadata come back everywhere; a notice names those that the gateway keeps."""
    order = await shop.order(
        customer={"id": CUSTOMER, "email": "ada@example.com"},
        shipping_address=ADDRESS,
        notes="Ring twice",
        metadata={"cart": "c-7", "gift": True, "points": -3},
        line_items=[product(metadata={"colour": "green"}), shipping()],
    )

    assert sorted(notice["pointer"] for notice in order["notices"]) == kept
    assert {notice["kind"] for notice in order["notices"]} == {"kept"}
    again = await shop.read(order, refresh=True)
    assert {name: value for name, value in again["shipping_address"].items() if value is not None} == ADDRESS
    assert again["customer"] == {"id": CUSTOMER, "email": "ada@example.com"}
    assert again["notes"] == "Ring twice"
    assert again["metadata"] == {"cart": "c-7", "gift": True, "points": -3}
    assert again["line_items"][0]["metadata"] == {"colour": "green"}


async def test_provider_gets_metadata_reference_and_mark(shop: Shop) -> None:
    """The merchant's metadata and order number go to the provider, with our operation's id as a mark."""
    order = await shop.order(reference="order-1001", metadata={"cart": "c-7"})

    there = shop.emulator.orders[0]
    operation = (await shop.operations())[0]
    assert there["metadata"]["cart"] == "c-7"
    assert there["metadata"]["ordergate_operation"] == operation["id"]
    assert "order-1001" in {there.get("upstream_id"), there["metadata"].get("ordergate_reference")}
    assert order["metadata"] == {"cart": "c-7"}


async def test_total_that_is_not_the_expected_one(shop: Shop) -> None:
    """An order that costs something else than expected is made, stands in review, and is paid only knowingly."""
    order = await shop.order(expected_total=40000)

    assert (order["status"], order["review_reasons"]) == ("review", ["amount_mismatch"])
    assert order["total"] == 41000
    for body in ({}, {"expected_total": 40000}):
        problem = problem_of(await shop.pay(order, **body), 409, "amount_mismatch")
        assert pointers(problem) == ["/expected_total"]
        assert "41000" in problem["detail"]
        assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert shop.emulator.state()["payments"] == []

    paid = body_of(await shop.pay(order, expected_total=41000), 200)
    assert paid["review_reasons"] == []
    assert (await shop.until_paid(order))["status"] == "paid"


async def test_matching_expected_total_changes_nothing(shop: Shop) -> None:
    """An expected total that is right makes an open order."""
    order = await shop.order(expected_total=41000)

    assert (order["status"], order["review_reasons"]) == ("open", [])


@pytest.mark.parametrize(
    "neutral",
    [
        {"tax_percent": "0"},
        {"tax_percent": "0.00"},
        {"billing_type": "one_time"},
        {"tax_percent": None, "billing_type": None, "expires_at": None, "notes": None, "metadata": None},
        {"extensions": {"elsewhere": {"anything": 1}}},
    ],
)
async def test_neutral_values_pass_everywhere(shop: Shop, neutral: dict[str, Any]) -> None:
    """What has no effect is no reason to refuse, at any provider."""
    order = await shop.order(**neutral)

    assert (order["status"], order["total"], order["tax"]) == ("open", 41000, 0)


EFFECTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "/tax_percent": ({"tax_percent": "13.5"}, {"revkeen"}),
    "/expires_at": ({"expires_at": "2099-01-01T00:00:00Z"}, {"rapyd"}),
    "/billing_type": ({"billing_type": "recurring"}, {"rapyd"}),
}
"""By pointer: a field with an effect, and where it cannot have it."""


@pytest.mark.parametrize("pointer", EFFECTS)
async def test_effects_happen_or_are_refused_by_name(shop: Shop, pointer: str) -> None:
    """Tax, expiry and recurring billing have their effect, or the field is refused before anything is sent."""
    fields, refusing = EFFECTS[pointer]

    answer = await shop.create(shop.draft(**fields))

    if shop.account in refusing:
        problem = problem_of(answer, 422, "unsupported_field")
        assert pointers(problem) == [pointer]
        assert verdict(problem) == ("no", "not_applied", "after_fix")
        assert shop.emulator.requests == 0
    else:
        order = body_of(answer, 201)
        assert {name: order[name] for name in fields} == fields


@at_rapyd
async def test_tax_is_exact(shop: Shop) -> None:
    """13.5 % of 410.00 is 55.35, told apart from the lines."""
    order = await shop.order(tax_percent="13.5")

    assert (order["subtotal"], order["shipping"], order["tax"], order["discount"]) == (40000, 1000, 5535, 0)
    assert (order["total"], order["status"]) == (46535, "open")
    assert [line["total"] for line in order["line_items"]] == [None, None]


@at_rapyd
@pytest.mark.parametrize(
    ("currency", "unit_amount", "there"),
    [
        ("JPY", 20000, 20000),
        ("BHD", 12345, 12.345),
        ("USD", 29, 0.29),
        ("KWD", 1, 0.001),
        ("EUR", 99_999_999_999, 999_999_999.99),
    ],
)
async def test_any_exponent_is_exact(shop: Shop, currency: str, unit_amount: int, there: float) -> None:
    """Amounts with no, two or three decimals arrive and come back to the last digit."""
    order = await shop.order(
        currency=currency, line_items=[product(unit_amount=unit_amount, quantity=3), shipping(unit_amount=7)]
    )

    items = [item for item in shop.emulator.orders[0]["items"] if item["type"] == "sku"]
    assert [item["amount"] for item in items] == [there]
    assert order["currency"] == currency
    assert order["total"] == 3 * unit_amount + 7
    assert (await shop.read(order, refresh=True))["total"] == order["total"]


@at_revkeen
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "JPY"}, "/currency"),
        ({"currency": "BHD"}, "/currency"),
        ({"line_items": [product(unit_amount=2**31)]}, "/line_items/0/unit_amount"),
        ({"line_items": [product(unit_amount=2**30, quantity=2)]}, "/line_items/0/unit_amount"),
        ({"line_items": [product(unit_amount=2**30), product(unit_amount=2**30)]}, "/line_items"),
    ],
)
async def test_amounts_that_cannot_be_carried(shop: Shop, changes: dict[str, Any], pointer: str) -> None:
    """A currency or an amount that the provider cannot carry exactly is refused before anything is sent."""
    answer = await shop.create(shop.draft(**changes))

    assert pointers(problem_of(answer, 422, "unsupported_field")) == [pointer]
    assert shop.emulator.requests == 0


@at_revkeen
async def test_largest_amount_that_can_be_carried(shop: Shop) -> None:
    """The largest amount that the provider carries goes through."""
    order = await shop.order(line_items=[product(unit_amount=2**31 - 1)])

    assert order["total"] == 2**31 - 1


@at_rapyd
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"customer": None}, "/customer/id"),
        ({"customer": {"email": "ada@example.com"}}, "/customer/id"),
        ({"line_items": [shipping()]}, "/line_items"),
        ({"line_items": [product(sku=None)]}, "/line_items/0/sku"),
        ({"line_items": [product(), product(unit_amount=0, sku="DESK-1")]}, "/line_items/1/unit_amount"),
    ],
)
async def test_what_the_provider_demands(shop: Shop, changes: dict[str, Any], pointer: str) -> None:
    """What one provider demands beyond the draft is refused before anything is sent, as its demand."""
    answer = await shop.create(shop.draft(**changes))

    problem = problem_of(answer, 422, "invalid_request")
    assert pointers(problem) == [pointer]
    assert problem["errors"][0]["code"] == "required_by_provider"
    assert shop.emulator.requests == 0


@at_revkeen
async def test_what_only_others_demand(shop: Shop) -> None:
    """Neither customer nor sku is needed where the provider needs none."""
    order = await shop.order(customer=None, line_items=[product(sku=None)])

    assert order["customer"] is None
    assert order["line_items"][0]["sku"] is None


async def test_provider_refuses_the_draft(shop: Shop, emulator: Emulator) -> None:
    """A provider's refusal is one of ours, with what it said and the field to blame; nothing is made."""
    unknown = {"revkeen": "00000000-0000-4000-8000-000000000000", "rapyd": "sku_none"}[shop.account]
    draft = shop.draft(line_items=[product(sku=f"provider:{unknown}")])

    problem = problem_of(await shop.create(draft), 422, "provider_rejected")

    assert any(pointer.startswith("/line_items") for pointer in pointers(problem))
    assert verdict(problem) == ("yes", "not_applied", "after_fix")
    said = problem["provider"]
    assert (said["account"], said["adapter"]) == (shop.account, shop.account)
    assert said["http_status"] in {400, 404}
    assert said["code"]
    operation = await shop.operation(problem["operation"])
    assert (operation["state"], operation["outcome"]) == ("failed", "not_applied")
    assert emulator.orders == []


@anywhere
async def test_routing_chooses_where_no_account_is_named(shop: Shop) -> None:
    """Without an account the first of the default route gets the order."""
    answer = await shop.create(chairs())

    assert body_of(answer, 201)["account"] == min(installed_adapters())
    assert answer.headers["ordergate-account"] == min(installed_adapters())
