"""The rest of an order's life: changed, returned, imported, confirmed, and looked at by a person."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import (
    CUSTOMER,
    MERCHANT,
    Emulator,
    Shop,
    add_key,
    body_of,
    open_shop,
    pointers,
    problem_of,
    product,
    shipping,
    verdict,
    write_config,
)

at_revkeen = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)


def method(shop: Shop, **wanted: Any) -> str:
    """A payment method of the provider's catalog that is like this, written as a native id."""
    return "provider:" + shop.emulator.payment_method(**wanted)


def metadata_there(shop: Shop) -> dict[str, Any]:
    """The merchant's metadata as the provider has it."""
    return {
        name: value
        for name, value in shop.emulator.orders[0]["metadata"].items()
        if not name.startswith("ordergate_")
    }


def marks_there(shop: Shop) -> dict[str, Any]:
    """The gateway's own metadata as the provider has it."""
    metadata = shop.emulator.orders[0]["metadata"]
    return {name: value for name, value in metadata.items() if name.startswith("ordergate_")}


# Changes


async def test_metadata_is_merged(shop: Shop) -> None:
    """Metadata is merged as RFC 7396 says: absent stays, null takes out; the gateway's marks stay there."""
    order = await shop.order(metadata={"colour": "red", "count": 3, "gift": True})
    marks = marks_there(shop)
    assert marks

    changed = body_of(await shop.update(order, metadata={"colour": "blue", "gift": None, "note": "x"}), 200)
    assert changed["metadata"] == {"colour": "blue", "count": 3, "note": "x"}
    assert (changed["status"], changed["review_reasons"]) == ("open", [])
    assert (metadata_there(shop), marks_there(shop)) == (changed["metadata"], marks)
    assert await shop.read(order, refresh=True) | {"synced_at": None} == changed | {"synced_at": None}
    cleared = body_of(await shop.update(order, metadata=None), 200)
    assert cleared["metadata"] == {}
    assert (metadata_there(shop), marks_there(shop)) == ({}, marks)


async def test_metadata_that_somebody_wrote_at_the_provider_survives(shop: Shop) -> None:
    """What is merged into is what the provider has now, not what was last read."""
    order = await shop.order(metadata={"colour": "red"})
    other = body_of(await shop.update(order, metadata={"count": 1}), 200)

    changed = body_of(await shop.update(order, metadata={"gift": True}), 200)

    assert changed["metadata"] == {**other["metadata"], "gift": True}
    assert metadata_there(shop) == {"colour": "red", "count": 1, "gift": True}


async def test_notes_are_changed_and_cleared(shop: Shop) -> None:
    """Notes are changed where the provider has them, else they are the gateway's; null clears."""
    order = await shop.order(notes="leave at the door")

    changed = body_of(await shop.update(order, notes="ring twice"), 200)
    assert changed["notes"] == "ring twice"
    assert changed["metadata"] == order["metadata"]
    operation = (await shop.operations())[0]
    assert operation["kind"] == "update"
    assert operation["performed_by"] == {"revkeen": "provider", "rapyd": "gateway"}[shop.account]
    if shop.account == "revkeen":
        assert shop.emulator.orders[0]["notes"] == "ring twice"
    assert body_of(await shop.update(order, notes=None), 200)["notes"] is None
    assert (await shop.read(order, refresh=True))["notes"] is None


@at_revkeen
async def test_customer_is_changed_and_cleared(shop: Shop) -> None:
    """The customer is changed by the merchant's own id; one that is not linked is refused before anything."""
    order = await shop.order(customer=None)

    changed = body_of(await shop.update(order, customer={"id": CUSTOMER}), 200)
    assert changed["customer"]["id"] == CUSTOMER
    assert shop.emulator.orders[0]["customer_id"] == shop.emulator.customer
    problem = problem_of(await shop.update(order, customer={"id": "nobody"}), 422, "link_missing")
    assert pointers(problem) == ["/customer/id"]
    assert body_of(await shop.update(order, customer=None), 200)["customer"] is None
    assert shop.emulator.orders[0]["customer_id"] is None


@at_rapyd
async def test_customer_that_cannot_be_changed(shop: Shop) -> None:
    """Where an order keeps its customer, changing it is refused by name."""
    order = await shop.order()

    problem = problem_of(await shop.update(order, customer={"id": CUSTOMER}), 422, "unsupported_field")

    assert pointers(problem) == ["/customer/id"]
    assert verdict(problem) == ("no", "not_applied", "after_fix")


@at_rapyd
async def test_tax_and_coupon_change_an_open_order(shop: Shop) -> None:
    """Tax and coupon are changed while the order is open; the new total is what the provider says."""
    order = await shop.order()
    coupon = next(row["id"] for row in shop.emulator.catalog["coupons"] if row["amount_off"] == 500)

    taxed = body_of(await shop.update(order, tax_percent="10"), 200)
    assert (taxed["tax_percent"], taxed["tax"], taxed["total"]) == ("10", 4100, 45100)
    assert (taxed["status"], taxed["review_reasons"]) == ("open", [])
    plain = body_of(await shop.update(order, tax_percent=None), 200)
    assert (plain["tax_percent"], plain["tax"], plain["total"]) == (None, 0, 41000)
    cheaper = body_of(await shop.update(order, extensions={"rapyd": {"coupon": coupon}}), 200)
    assert (cheaper["discount"], cheaper["total"], cheaper["status"]) == (500, 40500, "open")


@at_rapyd
@pytest.mark.parametrize("pointer", ["/tax_percent", "/extensions/rapyd/coupon"])
async def test_tax_and_coupon_of_a_paid_order_stay(shop: Shop, pointer: str) -> None:
    """Once it is paid, what would change the total is refused by the provider, as a state."""
    order = await shop.paid_order()
    coupon = shop.emulator.catalog["coupons"][0]["id"]
    changes: dict[str, Any] = {
        "/tax_percent": {"tax_percent": "10"},
        "/extensions/rapyd/coupon": {"extensions": {"rapyd": {"coupon": coupon}}},
    }[pointer]

    problem = problem_of(await shop.update(order, **changes), 409, "invalid_state")

    assert verdict(problem) == ("yes", "not_applied", "after_fix")
    now = await shop.read(order, refresh=True)
    assert (now["total"], now["tax_percent"]) == (41000, None)


@at_revkeen
async def test_tax_that_the_provider_does_not_take(shop: Shop) -> None:
    """Tax is refused by name where the provider takes none; no tax at all always passes."""
    order = await shop.order()

    problem = problem_of(await shop.update(order, tax_percent="10"), 422, "unsupported_field")
    assert pointers(problem) == ["/tax_percent"]
    assert body_of(await shop.update(order, tax_percent="0"), 200)["total"] == order["total"]


async def test_change_with_a_key_is_replayed(shop: Shop) -> None:
    """A change needs no key; with one, a repeat gets the stored answer, and other content is refused."""
    order = await shop.order()

    first = await shop.update(order, key="change", metadata={"count": 1})
    body_of(await shop.update(order, metadata={"count": 2}), 200)
    again = await shop.update(order, key="change", metadata={"count": 1})
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert metadata_there(shop) == {"count": 2}
    other = await shop.update(order, key="change", metadata={"count": 3})
    problem_of(other, 422, "idempotency_key_reused")
    problem_of(await shop.update(order, key="a b", metadata={}), 400, "idempotency_key_invalid")


BAD_CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, [""]),
    ({"metadata": {"ordergate_operation": "x"}}, ["/metadata/ordergate_operation"]),
    ({"metadata": {"ordergate_operation": None}}, ["/metadata/ordergate_operation"]),
    ({"metadata": {"a": "x" * 501}}, ["/metadata/a"]),
    ({"metadata": {"a": 2**53 + 1}}, ["/metadata/a"]),
    ({"metadata": {"a": 1.5}}, ["/metadata/a"]),
    ({"metadata": {"a": []}}, ["/metadata/a"]),
    ({"metadata": {f"key{index}": index for index in range(40)}}, ["/metadata"]),
    ({"metadata": []}, ["/metadata"]),
    ({"notes": "x" * 1001}, ["/notes"]),
    ({"tax_percent": 10}, ["/tax_percent"]),
    ({"colour": "red"}, ["/colour"]),
]


@pytest.mark.parametrize(("changes", "wrong"), BAD_CHANGES, ids=lambda value: str(value)[:30])
async def test_bad_change(shop: Shop, changes: dict[str, Any], wrong: list[str]) -> None:
    """A change of nothing, or beyond the documented limits, is refused by name and changes nothing."""
    order = await shop.order(metadata={"colour": "red"})

    problem = problem_of(await shop.update(order, **changes), 422, "invalid_request")

    assert pointers(problem) == wrong
    assert metadata_there(shop) == {"colour": "red"}


async def test_bad_metadata_key(shop: Shop) -> None:
    """A key that no order may have is refused in a change as in a create."""
    order = await shop.order()

    problem_of(await shop.update(order, metadata={"no spaces": 1}), 422, "invalid_request")

    assert metadata_there(shop) == {}


async def test_a_metadata_key_of_the_gateway_s_own(shop: Shop) -> None:
    """A change cannot set the mark by which recovery finds the order, and the refusal says which names are free."""
    order = await shop.order()
    before = metadata_there(shop)

    problem = problem_of(
        await shop.update(order, metadata={"ordergate_operation": "op_1"}), 422, "invalid_request"
    )

    assert problem["errors"] == [
        {
            "pointer": "/metadata/ordergate_operation",
            "code": "reserved",
            "detail": "Keys that begin with ordergate_ are the gateway's own; choose another name.",
        }
    ]
    assert metadata_there(shop) == before


async def test_forty_keys_fit(shop: Shop) -> None:
    """Forty keys are carried, and one may take another's place in one change."""
    order = await shop.order(metadata={f"key{index}": index for index in range(40)})

    changed = body_of(await shop.update(order, metadata={"key0": None, "another": True}), 200)

    assert len(changed["metadata"]) == 40
    assert metadata_there(shop) == changed["metadata"]


# Returns


def lines_of(order: dict[str, Any], *quantities: int) -> list[dict[str, Any]]:
    """So many of each of the first lines."""
    return [
        {"line_item_id": line["id"], "quantity": quantity}
        for line, quantity in zip(order["line_items"], quantities, strict=False)
    ]


@at_rapyd
async def test_goods_come_back_in_parts(shop: Shop) -> None:
    """Returns add up: the first refunds a part, the last the rest; shipping comes back once."""
    order = await shop.paid_order()

    first = body_of(await shop.give_back(order, lines=lines_of(order, 1)), 201)
    assert first["id"].startswith("ret_")
    assert (first["lines"], first["shipping"], first["amount"]) == (lines_of(order, 1), False, 20000)
    assert first["provider_return_id"].startswith("orre_")
    assert first["refund_id"]
    now = await shop.read(order)
    assert (now["status"], now["amount_refunded"]) == ("partially_refunded", 20000)
    assert now["returns"] == [first]
    second = body_of(await shop.give_back(order, lines=lines_of(order, 1), shipping=True), 201)
    assert (second["shipping"], second["amount"]) == (True, 21000)
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["payment_status"], now["amount_refunded"]) == ("refunded", "refunded", 41000)
    assert now["review_reasons"] == []
    listed = body_of(await shop.get(f"/v1/orders/{order['id']}/returns"), 200)
    assert listed == {"data": [first, second]}
    problem_of(await shop.give_back(order, lines=lines_of(order, 1)), 409, "invalid_state")


@at_rapyd
async def test_return_of_handed_over_goods(shop: Shop) -> None:
    """Goods that were handed over come back too, and are returned once all of them are."""
    order = await shop.paid_order()
    body_of(await shop.fulfill(order), 200)

    body_of(await shop.give_back(order, lines=lines_of(order, 2), shipping=True), 201)

    now = await shop.read(order)
    assert (now["status"], now["fulfillment_status"]) == ("refunded", "returned")


@at_rapyd
async def test_more_than_was_ordered_does_not_come_back(shop: Shop) -> None:
    """Quantities are held against what was ordered and came back already, before anything is sent."""
    order = await shop.paid_order()
    body_of(await shop.give_back(order, lines=lines_of(order, 1), shipping=True), 201)
    chair, carriage = (line["id"] for line in order["line_items"])
    one = {"line_item_id": chair, "quantity": 1}
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"lines": [{"line_item_id": chair, "quantity": 2}]}, ["/lines/0/quantity"]),
        ({"lines": [one, one]}, ["/lines/1/quantity"]),
        ({"lines": [one], "shipping": True}, ["/shipping"]),
        ({"lines": [{"line_item_id": carriage, "quantity": 1}]}, ["/lines/0/line_item_id"]),
        (
            {"lines": [{"line_item_id": "li_none", "quantity": 1}, one, one]},
            ["/lines/0/line_item_id", "/lines/2/quantity"],
        ),
        ({"lines": []}, ["/lines"]),
        ({"lines": [{"line_item_id": chair, "quantity": 0}]}, ["/lines/0/quantity"]),
        ({}, ["/lines"]),
    ]

    for body, wrong in cases:
        problem = problem_of(await shop.give_back(order, **body), 422, "invalid_request")
        assert pointers(problem) == wrong, body
        assert problem["sent"] == "no"
    assert len(shop.emulator.state()["returns"]) == 1
    body_of(await shop.give_back(order, lines=[one]), 201)


@at_rapyd
async def test_free_shipping_is_not_refunded(shop: Shop) -> None:
    """Shipping that cost nothing, given or added, cannot come back."""
    for lines in ([product()], [product(), shipping(unit_amount=0)]):
        order = await shop.paid_order(line_items=lines)
        answer = await shop.give_back(order, lines=lines_of(order, 1), shipping=True)
        assert pointers(problem_of(answer, 422, "invalid_request")) == ["/shipping"]


@at_rapyd
async def test_lines_of_one_sku_come_back_apart(shop: Shop) -> None:
    """Lines that were merged for the provider are still returned one by one."""
    order = await shop.paid_order(line_items=[product(), product(quantity=2), shipping()])
    first, second, _ = (line["id"] for line in order["line_items"])

    both = [{"line_item_id": first, "quantity": 1}, {"line_item_id": second, "quantity": 1}]
    assert body_of(await shop.give_back(order, lines=both), 201)["amount"] == 40000
    problem = await shop.give_back(order, lines=[{"line_item_id": first, "quantity": 1}])
    assert pointers(problem_of(problem, 422, "invalid_request")) == ["/lines/0/quantity"]
    last = body_of(await shop.give_back(order, lines=[{"line_item_id": second, "quantity": 1}]), 201)
    assert last["amount"] == 20000
    (there,) = (row for row in shop.emulator.state()["returns"][:1])
    assert [(item["quantity"], item["amount"]) for item in there["items"]] == [(2, 200)]


@at_rapyd
@pytest.mark.parametrize("what", ["tax", "coupon"])
async def test_return_with_tax_or_coupon_is_refused(shop: Shop, what: str) -> None:
    """Until its maths is certain, an order with tax or a coupon is not returned through us."""
    coupon = shop.emulator.catalog["coupons"][0]["id"]
    changes: dict[str, Any] = {
        "tax": {"tax_percent": "10"},
        "coupon": {"extensions": {"rapyd": {"coupon": coupon}}},
    }[what]
    order = await shop.paid_order(**changes)

    problem = problem_of(await shop.give_back(order, lines=lines_of(order, 1)), 422, "unsupported_operation")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert "portal" in problem["detail"]
    assert shop.emulator.state()["returns"] == []


@at_rapyd
async def test_return_is_replayed(shop: Shop) -> None:
    """A repeat of the key gets the return again, and nothing comes back twice."""
    order = await shop.paid_order()

    first = await shop.give_back(order, key="back", lines=lines_of(order, 1))
    again = await shop.give_back(order, key="back", lines=lines_of(order, 1))

    assert (again.status_code, again.content) == (201, first.content)
    assert len(shop.emulator.state()["returns"]) == 1


@at_rapyd
async def test_refund_that_fails_is_no_return(shop: Shop) -> None:
    """A return whose refund the provider refuses is refused as a whole, and may be tried again."""
    order = await shop.paid_order()
    shop.emulator.switch(refund_error="ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS")

    problem = problem_of(await shop.give_back(order, lines=lines_of(order, 1)), 422, "provider_rejected")
    assert problem["provider"]["code"] == "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS"
    assert (await shop.read(order, refresh=True))["returns"] == []
    shop.emulator.switch(refund_error=None)
    body_of(await shop.give_back(order, lines=lines_of(order, 1)), 201)


@at_rapyd
async def test_return_stands_where_the_order_cannot_be_read_afterwards(shop: Shop) -> None:
    """A return that was made is answered, even if the order is not there to be read a moment later."""
    order = await shop.paid_order()
    path = f"/v1/orders/{order['provider_order_id']}"
    # The order is read before the return too: that one goes through.
    shop.emulator.faults(
        {"match": {"method": "GET", "path": path}, "at": "before", "do": "delay", "seconds": 0, "times": 1},
        {"match": {"method": "GET", "path": path}, "at": "before", "do": "drop"},
    )

    made = body_of(await shop.give_back(order, lines=lines_of(order, 1)), 201)

    assert made["amount"] == 20000
    assert (await shop.read(order))["amount_refunded"] == 20000
    shop.emulator.faults()
    assert (await shop.read(order, refresh=True))["amount_refunded"] == 20000


@at_revkeen
async def test_returns_that_the_provider_lacks(shop: Shop) -> None:
    """Where there are no returns the answer says what works; its refunds show all the same."""
    order = await shop.paid_order()
    before = shop.emulator.requests

    problem = problem_of(await shop.give_back(order, lines=lines_of(order, 1)), 422, "unsupported_operation")

    assert "RevKeen" in problem["detail"]
    assert "Refund in RevKeen's dashboard" in problem["detail"]
    assert (verdict(problem), shop.emulator.requests) == (("no", "not_applied", "after_fix"), before)
    shop.emulator.act(order["provider_order_id"], "refund", amount=1000)
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["amount_refunded"], now["returns"]) == ("partially_refunded", 1000, [])
    assert body_of(await shop.get(f"/v1/orders/{order['id']}/returns"), 200) == {"data": []}


@at_rapyd
async def test_refund_outside_a_return_shows(shop: Shop) -> None:
    """What was refunded without a return counts all the same."""
    order = await shop.paid_order()

    shop.emulator.act(order["provider_order_id"], "refund", amount=1000)

    now = await shop.read(order, refresh=True)
    assert (now["status"], now["amount_refunded"], now["returns"]) == ("partially_refunded", 1000, [])


async def test_returns_of_an_unknown_order(shop: Shop) -> None:
    """There are no returns of an order that the caller may not know of."""
    missing = {"id": "ord_0198f3c29a6b7000800000000000abcd"}

    problem_of(await shop.get(f"/v1/orders/{missing['id']}/returns"), 404, "not_found")
    answer = await shop.give_back(missing, lines=[{"line_item_id": "li_1", "quantity": 1}])
    problem_of(answer, 404, "not_found")


# Import


@pytest_asyncio.fixture
async def elsewhere(emulators: Mapping[str, Emulator], provider: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """The same merchant at the same provider, by way of another gateway, of whose journal ours knows nothing."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    config = write_config(folder, emulators, server={"max_body_bytes": 100_000})
    async with open_shop(config, emulators, provider) as shop:
        yield shop


async def foreign_order(elsewhere: Shop, **changes: Any) -> str:
    """The provider's id of an order that was made without our gateway."""
    return (await elsewhere.order(**changes))["provider_order_id"]


async def test_import_of_an_unknown_order(shop: Shop) -> None:
    """What is not there is not adopted."""
    native = {"revkeen": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "rapyd": "order_" + "0" * 32}[shop.account]

    problem = problem_of(await shop.adopt(native), 422, "provider_rejected")

    assert problem["provider"]["account"] == shop.account

    assert body_of(await shop.get("/v1/orders"), 200)["data"] == []


async def test_import_adopts_once(shop: Shop, elsewhere: Shop) -> None:
    """An adopted order is ours: linked back to the merchant's ids, and adopted again it is the same one."""
    native = await foreign_order(elsewhere, metadata={"colour": "red"}, reference="order-1001")

    adopted = body_of(await shop.adopt(native), 200)
    assert adopted["id"].startswith("ord_")
    assert (adopted["provider_order_id"], adopted["reference"]) == (native, "order-1001")
    assert (adopted["status"], adopted["total"]) == ("open", 41000)
    assert adopted["customer"]["id"] == CUSTOMER
    assert adopted["metadata"] == {"colour": "red"}
    lines = [
        (line["type"], line["sku"], line["quantity"], line["unit_amount"]) for line in adopted["line_items"]
    ]
    assert lines == [("product", "CHAIR-1", 2, 20000), ("shipping", None, 1, 1000)]
    assert all(line["id"].startswith("li_") for line in adopted["line_items"])
    assert await shop.read(adopted) == adopted
    again = body_of(await shop.adopt(native), 200)
    assert {**again, "synced_at": None} == {**adopted, "synced_at": None}
    assert [row["id"] for row in body_of(await shop.get("/v1/orders"), 200)["data"]] == [adopted["id"]]


async def test_imported_order_lives_on(shop: Shop, elsewhere: Shop) -> None:
    """An adopted order is changed, paid and handed over like any other."""
    adopted = body_of(await shop.adopt(await foreign_order(elsewhere)), 200)

    body_of(await shop.update(adopted, metadata={"gift": True}), 200)
    body_of(await shop.pay(adopted), 200)
    paid = await shop.until_paid(adopted)
    assert (paid["status"], paid["metadata"]) == ("paid", {"gift": True})
    assert body_of(await shop.fulfill(adopted), 200)["status"] == "fulfilled"


async def test_import_of_an_order_of_ours_reads_it_again(shop: Shop) -> None:
    """An order that was made here is answered as it is now, under its own id."""
    order = await shop.order(reference="order-1")
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")

    adopted = body_of(await shop.adopt(order["provider_order_id"]), 200)

    assert (adopted["id"], adopted["status"]) == (order["id"], "canceled")
    assert (await shop.read(order))["status"] == "canceled"


async def test_import_hides_what_was_added(shop: Shop, elsewhere: Shop) -> None:
    """A shipping item that only the provider demanded is no line of an adopted order."""
    adopted = body_of(await shop.adopt(await foreign_order(elsewhere, line_items=[product()])), 200)

    assert [line["type"] for line in adopted["line_items"]] == ["product"]
    assert (adopted["shipping"], adopted["total"]) == (0, 20000)


async def test_operator_imports_for_a_merchant(shop: Shop, elsewhere: Shop) -> None:
    """An operator names the merchant; an order that carries another's mark is nobody else's."""
    native = await foreign_order(elsewhere)
    operator = await shop.another(None)

    assert pointers(problem_of(await operator.adopt(native), 422, "invalid_request")) == ["/merchant"]
    problem_of(await operator.adopt(native, merchant="globex"), 404, "not_found")
    adopted = body_of(await operator.adopt(native, merchant=MERCHANT), 200)
    assert (await shop.read(adopted))["id"] == adopted["id"]
    problem_of(await operator.adopt(native, merchant="globex"), 404, "not_found")
    problem_of(await shop.adopt(native, merchant="globex"), 403, "forbidden")


async def test_import_from_a_shared_account_is_an_operators(open_another: OpenShop, elsewhere: Shop) -> None:
    """Where an account is open to more than one merchant, only an operator adopts."""
    shop = await open_another(account={"merchants": [MERCHANT, "globex"]})
    native = await foreign_order(elsewhere)
    globex = shop.using(await add_key(shop.journal, "globex"))

    for merchant in (shop, globex):
        problem_of(await merchant.adopt(native), 403, "forbidden")
    body_of(await (await shop.another(None)).adopt(native, merchant=MERCHANT), 200)
    assert body_of(await globex.get("/v1/orders"), 200)["data"] == []


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "/provider_order_id"),
        ({"provider_order_id": ""}, "/provider_order_id"),
        ({"provider_order_id": "a", "x": 1}, "/x"),
    ],
)
async def test_bad_import(shop: Shop, body: dict[str, Any], wrong: str) -> None:
    """An import names one order and nothing else."""
    path = f"/v1/accounts/{shop.account}/orders/import"

    answer = await shop.call("POST", path, json=body)

    assert pointers(problem_of(answer, 422, "invalid_request")) == [wrong]
    problem_of(
        await shop.call("POST", "/v1/accounts/none/orders/import", json={"provider_order_id": "a"}),
        404,
        "not_found",
    )
    reader = await shop.another(scopes=("orders:read",))
    problem_of(await reader.adopt("a"), 403, "forbidden")


# Partial pay and fulfilment by line


@at_revkeen
async def test_paid_and_handed_over_in_parts(shop: Shop) -> None:
    """Parts add up to the whole, in money and in goods; each handing over is kept as it was said."""
    order = await shop.order(line_items=[product(), product(sku="DESK-1"), shipping()])
    chair, desk, carriage = (line["id"] for line in order["line_items"])

    for amount, status, due in (
        (100, "partially_paid", 40900),
        (40000, "partially_paid", 900),
        (900, "paid", 0),
    ):
        paid = body_of(await shop.pay(order, amount=amount), 200)
        assert (paid["status"], paid["amount_due"]) == (status, due)
    problem_of(await shop.pay(order, amount=1), 409, "invalid_state")
    body_of(await shop.fulfill(order, line_item_ids=[desk], tracking_number="1Z1", carrier="UPS"), 200)
    rejected = await shop.fulfill(order, line_item_ids=[desk])
    assert rejected.status_code >= 400
    done = body_of(await shop.fulfill(order, tracking_number="1Z2"), 200)
    assert (done["status"], done["fulfillment_status"]) == ("fulfilled", "fulfilled")
    rows = [(row["line_item_ids"], row["tracking_number"], row["carrier"]) for row in done["fulfillments"]]
    assert rows == [([desk], "1Z1", "UPS"), ([chair, carriage], "1Z2", None)]
    assert (await shop.read(order, refresh=True))["fulfillments"] == done["fulfillments"]


@at_revkeen
@pytest.mark.parametrize("amount", [41001, 0, -1, 10**15])
async def test_pay_of_another_amount(shop: Shop, amount: int) -> None:
    """More than is due, or nothing, is not charged."""
    order = await shop.order()

    problem = problem_of(await shop.pay(order, amount=amount), 422, "invalid_request")

    assert pointers(problem) == ["/amount"]
    assert shop.emulator.state()["payments"] == []


@at_revkeen
async def test_canceling_a_partly_paid_order_is_refused(shop: Shop) -> None:
    """With any money taken there is no cancel."""
    order = await shop.order()
    body_of(await shop.pay(order, amount=100), 200)

    problem = problem_of(await shop.cancel(order), 409, "invalid_state")

    assert "return" in problem["detail"]


# Payments that take another way


@at_rapyd
@pytest.mark.parametrize("end", ["3ds_ok", "3ds_fail"])
async def test_three_d_secure(shop: Shop, end: str) -> None:
    """The shopper is sent on; once he has been there it is paid, or declined with the reason."""
    order = await shop.order()
    waiting = body_of(await shop.pay(order, payment_method=method(shop, behaviour="3ds")), 200)
    assert (waiting["status"], waiting["next_action"]["type"]) == ("pending", "redirect")

    shop.emulator.act(order["provider_order_id"], end)

    now = await shop.read(order, refresh=True)
    assert now["next_action"] is None
    (payment,) = now["payments"]
    if end == "3ds_ok":
        assert (now["status"], payment["decline"]) == ("paid", None)
        return
    assert (now["status"], now["payment_status"], now["amount_paid"]) == ("open", "failed", 0)
    assert payment["decline"] == {
        "code": "authentication_failed",
        "provider_code": "ERROR_3DS_AUTHENTICATION_FAILURE",
    }
    body_of(await shop.pay(order), 200)
    assert (await shop.until_paid(order))["status"] == "paid"


@at_rapyd
async def test_three_d_secure_that_nobody_does(shop: Shop) -> None:
    """A challenge that runs out is no action any more, and the order can be paid again."""
    shop.emulator.switch(three_ds_seconds=0)
    order = await shop.order()
    body_of(await shop.pay(order, payment_method=method(shop, behaviour="3ds")), 200)

    now = await shop.read(order, refresh=True)

    assert (now["payment_status"], now["next_action"]) == ("failed", None)
    assert now["payments"][0]["status"] == "EXP"
    assert now["payments"][0]["decline"]["code"] == "declined"


NON_CARD = ["nl_ideal_bank", "de_transfer_bank", "us_store_cash"]


@at_rapyd
@pytest.mark.parametrize("kind", NON_CARD)
async def test_payment_that_is_confirmed(shop: Shop, kind: str) -> None:
    """Where the provider waits to be told that an order is paid, the next reading tells it, once."""
    order = await shop.order()
    waiting = body_of(await shop.pay(order, payment_method=method(shop, type=kind)), 200)
    assert (waiting["status"], waiting["payments"][0]["method_type"]) == ("pending", kind)
    before = await shop.operations()
    shop.emulator.act(order["provider_order_id"], "payment_closed")
    assert shop.emulator.orders[0]["status"] == "pending"

    paid = await shop.read(order, refresh=True)

    assert (paid["status"], paid["amount_paid"], paid["review_reasons"]) == ("paid", 41000, [])
    assert shop.emulator.orders[0]["status"] == "paid"
    await shop.read(order, refresh=True)
    operation, *rest = await shop.operations()
    assert rest == before
    assert (operation["kind"], operation["performed_by"], operation["state"]) == (
        "update",
        "gateway",
        "succeeded",
    )
    assert operation["order"] == order["id"]
    assert body_of(await shop.fulfill(order), 200)["status"] == "fulfilled"


@at_rapyd
async def test_payment_is_confirmed_before_the_next_write(shop: Shop) -> None:
    """A write reads the order first, so it confirms the payment and then goes on."""
    order = await shop.order()
    body_of(await shop.pay(order, payment_method=method(shop, behaviour="non_card")), 200)
    shop.emulator.act(order["provider_order_id"], "payment_closed")

    done = body_of(await shop.fulfill(order), 200)

    assert done["status"] == "fulfilled"
    kinds = [(row["kind"], row["performed_by"]) for row in await shop.operations()]
    assert sorted(kinds) == [
        ("create", "provider"),
        ("fulfill", "provider"),
        ("pay", "provider"),
        ("update", "gateway"),
    ]


@at_rapyd
async def test_confirmation_that_fails_is_tried_again(shop: Shop) -> None:
    """A confirmation that the provider refuses leaves the order readable; the next reading tries again."""
    order = await shop.order()
    body_of(await shop.pay(order, payment_method=method(shop, behaviour="non_card")), 200)
    shop.emulator.act(order["provider_order_id"], "payment_closed")
    shop.emulator.faults({"match": {"method": "POST"}, "do": "rate_limit"})

    waiting = await shop.read(order, refresh=True)
    assert (waiting["amount_paid"], waiting["amount_due"]) == (41000, 0)
    assert shop.emulator.orders[0]["status"] == "pending"
    shop.emulator.faults()
    assert (await shop.read(order, refresh=True))["status"] == "paid"
    assert shop.emulator.orders[0]["status"] == "paid"


DECLINED = {
    "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": "payment_declined",
    "ERROR_CARD_EXPIRED": "payment_declined",
    "ERROR_3DS_AUTHENTICATION_FAILURE": "payment_declined",
    "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM": "payment_declined",
    "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": "payment_declined",
    "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED": "payment_declined",
    "ERROR_CARD_NOT_AUTHENTICATED": "payment_declined",
    "ERROR_CARD_TRANSACTION_AMOUNT": "payment_declined",
    "ERROR_CARD_TRANSACTION_FREQUENCY": "payment_declined",
    "ERROR_BANK_IDENTIFIER_MISMATCH": "payment_declined",
    "ERROR_AMOUNT_NOT_VALID": "provider_rejected",
    "REQUEST_DECLINED": "payment_declined",
}
"""Rapyd's code to the problem."""


@at_rapyd
async def test_every_declined_method(shop: Shop) -> None:
    """Each way to be declined is a refusal that asks for a new key, and leaves nothing behind."""
    catalog = shop.emulator.catalog["payment_methods"]
    methods = {row["error_code"]: row["id"] for row in catalog if row["behaviour"] == "declines"}
    del methods["REQUEST_UNDER_REVIEW"]  # which is no answer yet
    assert methods.keys() == DECLINED.keys()
    order = await shop.order()

    for code, native in methods.items():
        problem = (answer := await shop.pay(order, payment_method=f"provider:{native}")).json()
        wanted = DECLINED[code]
        problem_of(answer, 402 if wanted == "payment_declined" else 422, wanted)
        assert verdict(problem) == ("yes", "not_applied", "new_key"), code
        assert problem["provider"]["code"] == code
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["payment_status"], now["payments"]) == ("open", "unpaid", [])


@at_rapyd
async def test_payment_that_somebody_looks_at_first(shop: Shop) -> None:
    """A payment under review may yet pass, so nobody is told that it did not."""
    order = await shop.order()
    reviewed = method(shop, error_code="REQUEST_UNDER_REVIEW")

    problem = problem_of(await shop.pay(order, payment_method=reviewed), 504, "outcome_unknown")

    assert problem["outcome"] == "unknown"
    problem_of(await shop.pay(order), 409, "order_busy")


@at_rapyd
async def test_payment_that_fails_later(shop: Shop) -> None:
    """A card that is accepted and then fails shows why, and the order can be paid another way."""
    shop.emulator.switch(card_close_seconds=0)
    order = await shop.order()
    body_of(await shop.pay(order, payment_method=method(shop, behaviour="fails_later")), 200)

    failed = await shop.read(order, refresh=True)
    assert (failed["status"], failed["payment_status"]) == ("open", "failed")
    assert failed["payments"][0]["decline"]["code"] == "insufficient_funds"
    body_of(await shop.pay(order), 200)
    assert (await shop.until_paid(order))["status"] == "paid"


@at_revkeen
@pytest.mark.parametrize("outcome", ["insufficient_funds", "expired_card", "card_declined"])
async def test_each_decline_leaves_the_order_payable(shop: Shop, outcome: str) -> None:
    """A declined payment asks for a new key; RevKeen's orders show no payments."""
    order = await shop.order()

    answer = await shop.pay(order, payment_method=method(shop, outcome=outcome))

    problem = problem_of(answer, 422, "provider_rejected")
    assert verdict(problem) == ("yes", "not_applied", "new_key")
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["payment_status"], now["payments"]) == ("open", "unpaid", [])


@at_revkeen
@pytest.mark.parametrize(("outcome", "end"), [("pending", "payment_closed"), ("needs_challenge", "3ds_ok")])
async def test_payment_that_settles_later(shop: Shop, outcome: str, end: str) -> None:
    """A payment in flight is pending, not paid, and needs no confirmation of ours."""
    order = await shop.order()
    waiting = body_of(await shop.pay(order, payment_method=method(shop, outcome=outcome)), 200)
    assert (waiting["status"], waiting["payment_status"]) == ("pending", "pending")

    shop.emulator.act(order["provider_order_id"], end)

    assert (await shop.read(order, refresh=True))["status"] == "paid"
    assert [row["kind"] for row in await shop.operations()] == ["pay", "create"]


# Reasons for a person to look, and the ways out


def in_review(order: dict[str, Any], *reasons: str) -> None:
    """The order is in review for exactly these reasons."""
    assert (order["status"], order["review_reasons"]) == ("review", list(reasons))


async def refused_in_review(shop: Shop, order: dict[str, Any], way_out: str) -> None:
    """Paying is refused, and says what to do."""
    problem = problem_of(await shop.pay(order), 409, "invalid_state")
    assert way_out in problem["detail"]
    assert problem["sent"] == "no"


@at_rapyd
async def test_status_that_nobody_knows(shop: Shop) -> None:
    """An unknown status is reviewed, not guessed; once it is a known one, reading it again clears that."""
    order = await shop.order()
    shop.emulator.switch(unknown_order_status="quarantined")

    now = await shop.read(order, refresh=True)
    in_review(now, "unmapped_status")
    assert now["provider_status"] == "quarantined"
    await refused_in_review(shop, order, "a read clears this")
    shop.emulator.switch(unknown_order_status=None)
    assert (await shop.read(order, refresh=True))["status"] == "open"
    body_of(await shop.pay(order), 200)


@at_revkeen
async def test_status_of_a_new_order_that_nobody_knows(shop: Shop) -> None:
    """A create that was applied is answered 201, even if its status is unknown; a known one clears that."""
    shop.emulator.switch(new_order_status="quarantined")
    order = await shop.order()
    in_review(order, "unmapped_status")

    await refused_in_review(shop, order, "a read clears this")

    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    assert (await shop.read(order, refresh=True))["status"] == "canceled"


async def test_total_that_was_not_expected(shop: Shop) -> None:
    """An unexpected total is reviewed; a pay that names it is the way out, and no other pay is."""
    order = await shop.order(expected_total=40999)
    in_review(order, "amount_mismatch")

    for body in ({}, {"expected_total": 40999}):
        problem = problem_of(await shop.pay(order, **body), 409, "amount_mismatch")
        assert pointers(problem) == ["/expected_total"]
        assert "41000" in problem["detail"]
    body_of(await shop.pay(order, expected_total=41000), 200)
    paid = await shop.until_paid(order)
    assert (paid["status"], paid["review_reasons"]) == ("paid", [])


async def test_total_that_was_not_expected_is_canceled(shop: Shop) -> None:
    """The other way out of an unexpected total is to cancel the order."""
    order = await shop.order(expected_total=40999)

    canceled = body_of(await shop.cancel(order), 200)

    assert canceled["canceled_at"] is not None
    assert shop.emulator.state()["payments"] == []


@at_rapyd
async def test_canceled_with_its_money(shop: Shop) -> None:
    """A paid order that somebody canceled without giving the money back is reviewed until it is refunded."""
    order = await shop.paid_order()
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")

    now = await shop.read(order, refresh=True)
    in_review(now, "canceled_with_money_held")
    assert (now["amount_paid"], now["amount_refunded"]) == (41000, 0)
    problem_of(await shop.pay(order), 409, "invalid_state")
    shop.emulator.act(order["provider_order_id"], "refund", amount=41000)
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["review_reasons"]) == ("refunded", [])


@at_revkeen
async def test_canceled_while_the_payment_was_in_flight(shop: Shop) -> None:
    """Money that comes after the order was canceled is reviewed: nobody has given it back."""
    shop.emulator.switch(cancel_in_flight="close_later")
    order = await shop.order()
    body_of(await shop.pay(order, payment_method=method(shop, outcome="pending")), 200)
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    assert (await shop.read(order, refresh=True))["status"] == "canceled"

    shop.emulator.act(order["provider_order_id"], "payment_closed")

    in_review(await shop.read(order, refresh=True), "canceled_with_money_held")


@at_rapyd
async def test_charge_that_the_order_does_not_show(shop: Shop) -> None:
    """Money that was taken without the order saying so is applied and reviewed; it is never taken twice."""
    order = await shop.order()
    charged = method(shop, behaviour="charged_without_order_update")

    answered = body_of(await shop.pay(order, key="charged", payment_method=charged), 200)
    in_review(answered, "payment_not_recorded")
    assert answered["payment_status"] == "unpaid"
    assert (await shop.operations())[0]["state"] == "succeeded"
    await refused_in_review(shop, order, "do not pay again")
    in_review(await shop.read(order, refresh=True), "payment_not_recorded")
    again = await shop.pay(order, key="charged", payment_method=charged)
    assert again.json() == answered
    assert len(shop.emulator.state()["payments"]) == 1
    shop.emulator.switch(unknown_order_status="paid")  # as somebody has mended it there
    now = await shop.read(order, refresh=True)
    assert (now["status"], now["review_reasons"]) == ("paid", [])


@at_rapyd
async def test_order_whose_charge_is_not_shown_is_not_canceled(shop: Shop) -> None:
    """Money was taken, so a cancel is refused though the order does not show it."""
    order = await shop.order()
    charged = method(shop, behaviour="charged_without_order_update")
    body_of(await shop.pay(order, payment_method=charged), 200)

    problem = problem_of(await shop.cancel(order), 409, "invalid_state")

    assert "the provider took the money" in problem["detail"]
    assert (await shop.read(order))["canceled_at"] is None


async def test_change_that_was_not_kept(shop: Shop) -> None:
    """A change that the provider keeps otherwise is applied and reviewed; the next that is kept clears it."""
    order = await shop.order(metadata={"colour": "red", "count": 1})
    shop.emulator.switch(metadata_update="merge")

    changed = body_of(await shop.update(order, metadata={"colour": None}), 200)
    in_review(changed, "update_mismatch")
    assert metadata_there(shop) == {"colour": "red", "count": 1}
    in_review(await shop.read(order, refresh=True), "update_mismatch")
    await refused_in_review(shop, order, "next change")
    kept = body_of(await shop.update(order, metadata={"colour": "blue"}), 200)
    assert (kept["status"], kept["review_reasons"]) == ("open", [])
    assert kept["metadata"] == metadata_there(shop) == {"colour": "blue", "count": 1}


@at_rapyd
async def test_order_is_returned_only_once_it_is_clear(shop: Shop) -> None:
    """No money moves back either while a person must look."""
    order = await shop.paid_order(metadata={"colour": "red"})
    shop.emulator.switch(metadata_update="merge")
    in_review(body_of(await shop.update(order, metadata={"colour": None}), 200), "update_mismatch")

    problem = problem_of(await shop.give_back(order, lines=lines_of(order, 1)), 409, "invalid_state")

    assert "next change" in problem["detail"]
    assert shop.emulator.state()["returns"] == []
