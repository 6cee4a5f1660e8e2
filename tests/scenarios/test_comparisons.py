"""Translations and comparisons over real emulators: what is sent, what is answered, and what that means."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Emulator, Shop, body_of, chairs, fresh_key, pointers, problem_of

from ordergate.domain.draft import MAX_LINES
from ordergate.gateway.comparing import compare
from ordergate.journal import transactions as tx
from ordergate.journal.records.links import LinkKey

ACCOUNTS = ["revkeen", "rapyd"]


@pytest.fixture
def provider() -> str:
    """Every test here is about all providers at once."""
    return "revkeen"


async def _translate(shop: Shop, **changes: Any) -> list[dict[str, Any]]:
    body = {"order": {**chairs(), **changes}, "accounts": ACCOUNTS}
    return body_of(await shop.call("POST", "/v1/translations", json=body), 200)["results"]


async def _compare(shop: Shop, mode: str = "execute", **changes: Any) -> dict[str, Any]:
    body = {"order": {**chairs(), **changes}, "accounts": ACCOUNTS, "mode": mode}
    answer = await shop.post("/v1/comparisons", body)
    return body_of(answer, 201 if mode == "execute" else 200)


def _by_pointer(compared: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["pointer"]: each for each in compared["differences"]}


def _of_kind(compared: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in compared["differences"] if each["kind"] == kind]


async def test_a_translation_is_what_a_create_sends(shop: Shop, emulators: Mapping[str, Emulator]) -> None:
    """Method, path and body are those of the create, but for the operation's mark; nothing secret is shown."""
    results = await _translate(shop, reference="1001")

    assert [result["account"] for result in results] == ACCOUNTS
    assert [emulator.requests for emulator in emulators.values()] == [0, 0]
    for result in results:
        order = await shop.order(account=result["account"], reference=f"1001-{result['account']}")
        receipt = body_of(await shop.get(f"/v1/orders/{order['id']}/receipt"), 200)
        (sent,) = receipt["operations"][0]["attempts"][0]["exchanges"]
        (request,) = result["requests"]
        assert (request["method"], request["path"]) == (sent["request"]["method"], sent["request"]["path"])
        mark = json.loads(request["body"])["metadata"]["ordergate_operation"]
        real = receipt["operations"][0]["operation"]
        there = sent["request"]["body"].replace(f"1001-{result['account']}", "1001")
        assert request["body"].replace(mark, real) == there
        assert result["problem"] is None
        for credential in emulators[result["account"]].credentials.values():
            assert credential not in json.dumps(result)
        assert "***" in request["headers"].values()


async def test_a_translation_that_is_refused_is_the_problem(shop: Shop) -> None:
    """What a create would be refused with stands in place of the request, at that account alone."""
    revkeen, rapyd = await _translate(shop, tax_percent="10")

    assert (revkeen["requests"], revkeen["problem"]["code"]) == ([], "unsupported_field")
    assert pointers(revkeen["problem"]) == ["/tax_percent"]
    assert rapyd["problem"] is None
    problem = problem_of(
        await shop.call(
            "POST", "/v1/translations", json={"order": {**chairs(), "currency": "XAU"}, "accounts": ACCOUNTS}
        ),
        422,
        "invalid_request",
    )
    assert pointers(problem) == ["/order/currency"]


async def test_nothing_differs_in_the_order_of_the_readme(shop: Shop) -> None:
    """The order that the documentation begins with means the same everywhere; each other notation has its reason."""
    compared = await _compare(shop, reference="1001")
    found = _by_pointer(compared)

    assert _of_kind(compared, "different") == []
    assert all(each["why"] for each in _of_kind(compared, "equivalent"))
    assert found["/total"]["kind"] == "equivalent"
    assert found["/total"]["values"] == {"revkeen": 41000, "rapyd": 410}
    assert found["/status"]["values"] == {"revkeen": "draft", "rapyd": "created"}
    assert found["/line_items/0/unit_amount"]["values"] == {"revkeen": 20000, "rapyd": 200}
    assert found["/line_items/0/type"]["why"] == (
        "The same, product: a plain line at revkeen, a typed line (sku or shipping) at rapyd."
    )
    assert (found["/created_at"]["kind"], found["/created_at"]["why"]) == (
        "own",
        "Each provider's own clock: RFC 3339 at revkeen, Unix time at rapyd.",
    )
    assert found["/reference"]["kind"] == "equal"
    for result in compared["results"]:
        assert (result["calls"], result["problem"]) == (1, None)
        assert result["latency_ms"] > 0
        assert (result["order"]["purpose"], result["order"]["total"]) == ("comparison", 41000)
        assert result["answer"]["status"] in {200, 201}
        assert json.loads(result["answer"]["body"])


async def test_orders_of_comparisons_are_listed_when_asked_for(shop: Shop) -> None:
    """They stay out of lists, block no other order by their reference, and are otherwise orders like any."""
    compared = await _compare(shop, reference="1001")
    created = body_of(await shop.create(shop.draft(reference="1001")), 201)

    assert [row["id"] for row in body_of(await shop.get("/v1/orders"), 200)["data"]] == [created["id"]]
    listed = body_of(await shop.get("/v1/orders", purpose="comparison"), 200)["data"]
    assert {row["id"] for row in listed} == {result["order"]["id"] for result in compared["results"]}


async def test_a_comparison_is_kept(shop: Shop) -> None:
    """It is read and listed as it was answered; a repeat of its key creates nothing and answers the same bytes."""
    body = {"order": chairs(), "accounts": ACCOUNTS, "mode": "execute"}
    key = fresh_key()
    first, second = [await shop.post("/v1/comparisons", body, key) for _ in range(2)]
    translated = await _compare(shop, "translate")

    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert len(shop.emulator.orders) == 1
    identifier = first.json()["id"]
    assert (await shop.get(f"/v1/comparisons/{identifier}")).content == first.content
    page = body_of(await shop.get("/v1/comparisons", limit=1), 200)
    assert (page["data"], page["has_more"]) == ([translated], True)
    rest = body_of(await shop.get("/v1/comparisons", starting_after=translated["id"]), 200)
    assert (rest["data"], rest["has_more"]) == ([first.json()], False)
    other = {**body, "accounts": ["rapyd"]}
    problem_of(await shop.post("/v1/comparisons", other, key), 422, "idempotency_key_reused")
    problem_of(await shop.call("POST", "/v1/comparisons", json=body), 400, "idempotency_key_missing")


async def test_a_refusal_beside_a_success_is_a_difference(shop: Shop) -> None:
    """What one account refuses and another takes differs at the field that is blamed."""
    compared = await _compare(shop, tax_percent="10")
    revkeen, rapyd = compared["results"]

    assert (revkeen["problem"]["code"], revkeen["order"], revkeen["calls"]) == ("unsupported_field", None, 0)
    assert rapyd["order"]["tax"] == 4100
    (difference,) = _of_kind(compared, "different")
    assert (difference["pointer"], difference["values"]) == ("/tax_percent", {"revkeen": None, "rapyd": 10})


async def test_a_refusal_by_the_provider_is_a_difference(shop: Shop) -> None:
    """What was really sent and really refused stands there with the provider's own answer."""
    lines = [{**chairs()["line_items"][0], "sku": "provider:00000000-0000-4000-8000-000000000000"}]
    compared = await _compare(shop, line_items=lines)

    assert [result["problem"]["code"] for result in compared["results"]] == ["provider_rejected"] * 2
    assert all(result["answer"]["status"] >= 400 for result in compared["results"])
    assert all(result["request"]["body"] for result in compared["results"])


async def test_a_lost_answer_is_found_by_a_repeat(
    open_another: OpenShop, emulators: Mapping[str, Emulator]
) -> None:
    """Where an answer was lost, a repeat of the key finds the order that was made, and makes no other."""
    shop = await open_another(recovers=True, server={"idempotency_wait": 0.2})
    emulators["rapyd"].faults({"match": {"method": "POST"}, "at": "after", "do": "drop", "times": 1})
    body = {"order": chairs(), "accounts": ACCOUNTS, "mode": "execute"}
    key = fresh_key()

    compared = body_of(await shop.post("/v1/comparisons", body, key), 201)
    unknown = compared["results"][1]
    if unknown["problem"] is not None:
        assert unknown["problem"]["outcome"] == "unknown"
        await shop.settled(unknown["operation"])
        compared = body_of(await shop.post("/v1/comparisons", body, key), 201)

    assert compared["results"][1]["order"]["total"] == 41000
    assert len(emulators["rapyd"].orders) == 1
    assert len(emulators["revkeen"].orders) == 1


async def test_fees_are_exact(open_another: OpenShop) -> None:
    """What a provider would charge is a percentage of the total, rounded half up, and a fixed part."""
    shop = await open_another(account={"fees": {"percent": "2.9", "fixed": {"USD": 30}}})
    lines = [{"sku": "CHAIR-1", "description": "Chair", "quantity": 1, "unit_amount": 1050}]

    for mode in ("translate", "execute"):
        compared = await _compare(shop, mode, line_items=lines)
        for result in compared["results"]:
            assert result["fee"] == {"amount": 60, "currency": "USD", "percent": "2.9", "fixed": 30}


async def test_merged_lines_and_added_shipping_are_no_difference(shop: Shop) -> None:
    """Two lines that are one item there, and a shipping item that was added there, mean what was ordered."""
    line = chairs()["line_items"][0]
    compared = await _compare(shop, line_items=[{**line, "quantity": 1}, {**line, "quantity": 3}])
    found = _by_pointer(compared)

    assert _of_kind(compared, "different") == []
    assert found["/line_items/1/quantity"]["values"] == {"revkeen": 3, "rapyd": 4}
    assert "one line for 2 with this product at rapyd" in found["/line_items/1/quantity"]["why"]
    assert found["/total"]["values"] == {"revkeen": 80000, "rapyd": 800}
    order = compared["results"][1]["order"]["id"]
    receipt = body_of(await shop.get(f"/v1/orders/{order}/receipt"), 200)
    field_map = receipt["operations"][0]["attempts"][0]["field_map"]
    assert field_map["/line_items/1/quantity"] == field_map["/line_items/0/quantity"] == "/items/0/quantity"


async def test_production_accounts_are_not_executed(open_another: OpenShop) -> None:
    """A live key may translate for them, and is refused before anything is sent when it wants to execute."""
    live = {
        "adapter": "rapyd",
        "environment": "production",
        "access_key": {"env": "A"},
        "secret_key": {"env": "S"},
    }
    shop = await open_another({"A": "access", "S": "secret"}, more_accounts={"live": live})
    merchant = await shop.another(world="live")
    body = {
        "order": {**chairs(), "customer": {"id": "provider:cus_1"}},
        "accounts": ["live"],
        "mode": "execute",
    }

    problem = problem_of(await merchant.post("/v1/comparisons", body), 422, "invalid_request")

    assert pointers(problem) == ["/accounts/0"]
    assert await merchant.operations() == []
    translated = await merchant.post("/v1/comparisons", {**body, "mode": "translate"})
    assert body_of(translated, 200)["results"][0]["order"] is None
    reader = await shop.another(scopes=("orders:read",))
    problem_of(await reader.post("/v1/comparisons", {**body, "accounts": ["rapyd"]}), 403, "forbidden")


async def test_numbers_stay_as_the_provider_wrote_them(shop: Shop) -> None:
    """A price with decimals is shown as the number that stands in the provider's document."""
    lines = [{"sku": "CHAIR-1", "description": "Chair", "quantity": 1, "unit_amount": 23574}]
    answer = await shop.post(
        "/v1/comparisons",
        {"order": {**chairs(), "line_items": lines}, "accounts": ACCOUNTS, "mode": "translate"},
    )

    assert b'"values":{"revkeen":23574,"rapyd":235.74}' in answer.content
    stored = await shop.get(f"/v1/comparisons/{answer.json()['id']}")
    assert stored.content == answer.content


async def test_a_repeat_finds_its_order_whatever_changed_since(
    open_another: OpenShop, emulators: Mapping[str, Emulator]
) -> None:
    """An order that was made stays the answer, also where its links are gone when the comparison is resumed."""
    shop = await open_another(recovers=True, server={"idempotency_wait": 0.2})
    emulators["rapyd"].faults({"match": {"method": "POST"}, "at": "after", "do": "drop", "times": 1})
    body = {"order": chairs(), "accounts": ACCOUNTS, "mode": "execute"}
    key = fresh_key()
    first = body_of(await shop.post("/v1/comparisons", body, key), 201)
    if first["results"][1]["problem"] is not None:
        await shop.settled(first["results"][1]["operation"])
    links = LinkKey(merchant="acme", world="test", kind="products", id="CHAIR-1")
    await shop.journal.write(tx.links.delete(links))

    compared = body_of(await shop.post("/v1/comparisons", body, key), 201)

    assert compared["results"][1]["order"]["total"] == 41000


async def test_only_so_many_lines_are_compared(shop: Shop) -> None:
    """An order to compare has no more lines than one to create."""
    line = {"description": "Chair", "quantity": 1, "unit_amount": 100}
    body = {"order": {**chairs(), "line_items": [line] * (MAX_LINES + 1)}, "accounts": ACCOUNTS}

    problem = problem_of(await shop.post("/v1/comparisons", body), 422, "invalid_request")

    assert pointers(problem) == ["/order/line_items"]


async def test_a_page_of_large_comparisons_ends_early(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways every comparison is listed once, however small the pages get."""
    made = [(await _compare(shop, "translate"))["id"] for _ in range(5)]
    monkeypatch.setattr(compare, "_CHUNK", 2)
    monkeypatch.setattr(compare, "_PAGE_BYTES", 1)

    for cursor, expected in (("starting_after", made[::-1]), ("ending_before", made)):
        found: list[str] = []
        more = True
        at = {} if cursor == "starting_after" else {cursor: made[0]}
        while more:
            page = body_of(await shop.get("/v1/comparisons", limit=5, **at), 200)
            assert len(page["data"]) == 1
            found.append(page["data"][0]["id"])
            more, at = page["has_more"], {cursor: found[-1]}
        assert found == (expected if cursor == "starting_after" else expected[1:])
    monkeypatch.setattr(compare, "_PAGE_BYTES", 10**9)
    whole = body_of(await shop.get("/v1/comparisons", limit=5), 200)
    assert ([each["id"] for each in whole["data"]], whole["has_more"]) == (made[::-1], False)
