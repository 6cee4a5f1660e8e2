"""The pages of comparisons and shadows: what the API answers, side by side, and how it is asked for."""

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.console.conftest import OpenShop, Visit
from tests.console.test_receipt_page import documents
from tests.console.visitor import Visitor, hostile, text_of, token_on
from tests.scenarios.shop import Emulator, Shop, body_of, chairs, product

from ordergate.domain.comparison import literal
from ordergate.gateway.comparing.shadow import translate_waiting

ACCOUNTS = ["rapyd", "revkeen"]
README = Path(__file__).parents[2] / "README.md"


def readme_order() -> str:
    """The order that the README begins with."""
    (found,) = re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)
    return found


async def compare(visitor: Visitor, draft: str, on: str = "/comparisons", **fields: Any) -> Any:
    """Fill in the form and send it."""
    page = await visitor.page(on)
    given = {"form_token": token_on(page), "key": field(page, "key"), "draft": draft, "accounts": ACCOUNTS}
    return await visitor.client.post("/console/comparisons", data=given | fields)


async def made(visitor: Visitor, answer: Any, query: str = "") -> str:
    """The page that a comparison leads to."""
    assert answer.status_code == 303, text_of(answer.text)
    return await visitor.page(answer.headers["location"].removeprefix("/console") + query)


def field(page: str, name: str) -> str:
    """What stands in a field of a form."""
    found = re.search(rf'name="{name}"[^>]*? value="([^"]*)"', page)
    assert found is not None, page
    return unescape(found[1])


def draft_on(page: str) -> str:
    """What stands in the field for the draft."""
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found is not None, page
    return unescape(found[1])


def rows(page: str) -> list[tuple[str, ...]]:
    """Every field on a comparison's page: pointer, kind, what stands at each account, why."""
    found = []
    for kind, row in re.findall(r'<tr class="(\w+)">(.*?)</tr>', page, re.DOTALL):
        pointer, mark, *cells = [
            text_of(cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
        ]
        assert kind.replace("_", " ") in mark
        found.append((pointer, kind, *cells))
    return found


def expected(compared: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The same, from the API's document."""
    names = [result["account"] for result in compared["results"]]
    return [
        (
            each["pointer"],
            each["kind"],
            *(
                "nothing" if (value := each["values"].get(name)) is None else literal(value).strip()
                for name in names
            ),
            each["why"],
        )
        for each in compared["differences"]
    ]


async def test_the_order_of_the_readme_differs_nowhere(shop: Shop, visit: Visit) -> None:
    """Executed from the page: 0 different, each other notation with its reason, row by row what the API answers."""
    visitor = await visit(shop).sign_in(shop.key)

    page = await made(visitor, await compare(visitor, readme_order(), mode="execute"))

    (compared,) = body_of(await shop.get("/v1/comparisons"), 200)["data"]
    assert "0 different" in text_of(page)
    found = rows(page)
    assert found == expected(compared)
    equivalent = {pointer: rest for pointer, kind, *rest in found if kind == "equivalent"}
    assert all(why for *_, why in equivalent.values())
    assert equivalent["/total"][:2] == ["410", "41000"]
    assert equivalent["/status"][:2] == ["created", "draft"]
    assert not [pointer for pointer, kind, *_ in found if kind == "different"]
    told = [message["body"] for result in compared["results"] for message in _messages(result)]
    assert documents(page) == [msgspec.json.format(body, indent=-1) for body in told]
    for result in compared["results"]:
        assert f"{result['latency_ms']} ms" in page
        assert f"/console/orders/{result['order']['id']}" in page
    order = await visitor.page(f"/orders/{compared['results'][0]['order']['id']}")
    assert f"/console/comparisons/{compared['id']}" in order


async def test_what_differs_can_be_left_alone(shop: Shop, visit: Visit) -> None:
    """A refusal beside a success is different, in a word and a symbol; the filter leaves that and what some lack."""
    visitor = await visit(shop).sign_in(shop.key)
    answer = await compare(visitor, json.dumps({**chairs(), "tax_percent": "10", "reference": "T-1"}))

    page = await made(visitor, answer)
    filtered = await made(visitor, answer, "?show=differing")
    listed = text_of(await visitor.page("/comparisons"))

    (different,) = [row for row in rows(page) if row[1] == "different"]
    assert different[:4] == ("/tax_percent", "different", "10", "refused")
    assert "unsupported_field" in different[4]
    assert [row for row in rows(page) if row[1] in {"different", "only_in"}] == rows(filtered)
    assert "≠" in page
    assert "***" in page
    assert "1 field is different" in text_of(page)
    assert "Nothing was sent" in text_of(page)
    assert "T-1" in listed
    assert "1 different" in listed
    assert shop.emulator.requests == 0


async def test_what_is_refused_is_said_in_place(shop: Shop, visit: Visit) -> None:
    """Bad JSON with its line, wrong fields with their pointers, and nothing that was pasted is lost."""
    visitor = await visit(shop).sign_in(shop.key)
    for draft, changes, status, told in (
        (
            '{"currency": "USD",\n "line_items": [}',
            {},
            400,
            ("The body is not valid JSON", "line 2, column 17"),
        ),
        (
            '{"currency": "USD", "line_items": [{"quantity": "<b>"}]}',
            {},
            422,
            ("/order/line_items/0/quantity",),
        ),
        (json.dumps({**chairs(), "currency": "XAU"}), {}, 422, ("/order/currency",)),
        (json.dumps(chairs()), {"accounts": []}, 422, ("Choose at least one account",)),
        ("", {}, 422, ("Paste an order as JSON",)),
        (json.dumps(chairs()), {"mode": "execute", "key": "ä"}, 400, ("Idempotency-Key",)),
    ):
        answer = await compare(visitor, draft, **changes)
        assert answer.status_code == status, text_of(answer.text)
        assert all(text in text_of(answer.text) for text in told), text_of(answer.text)
        assert draft_on(answer.text) == draft
        assert 'aria-describedby="refused"' in answer.text
        assert ('value="rapyd" checked' in answer.text) is (changes.get("accounts") is None)
    assert field(answer.text, "key").isascii()
    assert body_of(await shop.get("/v1/comparisons"), 200)["data"] == []


async def test_a_repeat_of_the_form_makes_no_second_order(shop: Shop, visit: Visit) -> None:
    """The page's own key holds for what was sent with it; what was changed since is refused, and gets a new one."""
    visitor = await visit(shop).sign_in(shop.key)
    page = await visitor.page("/comparisons")
    form = {"form_token": token_on(page), "key": field(page, "key"), "accounts": ACCOUNTS, "mode": "execute"}

    first, second = [
        await visitor.client.post("/console/comparisons", data=form | {"draft": json.dumps(chairs())})
        for _ in range(2)
    ]
    changed = json.dumps({**chairs(), "reference": "2"})
    refused = await visitor.client.post("/console/comparisons", data=form | {"draft": changed})
    again = await visitor.client.post(
        "/console/comparisons", data=form | {"draft": changed, "key": field(refused.text, "key")}
    )
    forged = await visitor.post("/comparisons", draft="{}", accounts="rapyd")

    assert first.headers["location"] == second.headers["location"]
    assert refused.status_code == 422
    assert (again.status_code, forged.status_code) == (303, 403)
    assert len(shop.emulator.orders) == 2


async def test_only_who_may_create_executes(
    open_another: OpenShop, visit: Visit, emulators: Mapping[str, Emulator]
) -> None:
    """A reader and an operator translate only, whatever they send; production accounts are never executed."""
    live = {
        "adapter": "rapyd",
        "environment": "production",
        "access_key": {"env": "A"},
        "secret_key": {"env": "S"},
    }
    shop = await open_another({"A": "access", "S": "secret"}, more_accounts={"live": live})
    reader = await visit(shop).sign_in((await shop.another(scopes=("orders:read",))).key)
    operator = await visit(shop).sign_in((await shop.another(None)).key)
    merchant = await visit(shop).sign_in((await shop.another(world="live")).key)

    for visitor, fields in ((reader, {}), (operator, {"merchant": "acme"})):
        assert 'value="execute"' not in await visitor.page("/comparisons")
        refused = await compare(visitor, json.dumps(chairs()), mode="execute", **fields)
        assert refused.status_code == 403
        page = await made(visitor, await compare(visitor, json.dumps(chairs()), **fields))
        assert "0 different" in text_of(page)
    nobody = await compare(operator, json.dumps(chairs()))
    draft = json.dumps({**chairs(), "customer": {"id": "provider:cus_1"}})
    production = await compare(merchant, draft, mode="execute", accounts=["live"])

    assert "must name the merchant" in text_of(nobody.text)
    assert production.status_code == 422
    assert "/accounts/0" in text_of(production.text)
    assert [emulator.requests for emulator in emulators.values()] == [0, 0]


async def test_an_order_or_a_comparison_is_compared_again(shop: Shop, visit: Visit) -> None:
    """The form holds what would have to be ordered to get it once more; strangers learn nothing of either."""
    order = await shop.order(reference="INV-1", metadata={"gift": True}, notes="<b>Ring</b>")
    visitor = await visit(shop).sign_in(shop.key)
    stranger = await visit(shop).sign_in((await shop.another("bolt")).key)
    assert f"/console/comparisons?order={order['id']}" in await visitor.page(f"/orders/{order['id']}")

    taken = await visitor.page(f"/comparisons?order={order['id']}")
    draft = json.loads(draft_on(taken))
    answer = await compare(visitor, draft_on(taken), accounts=["revkeen"])
    page = await made(visitor, answer)
    (compared,) = body_of(await shop.get("/v1/comparisons"), 200)["data"]
    again = await visitor.page(f"/comparisons?again={compared['id']}")

    assert (draft["reference"], draft["customer"], draft["notes"]) == (
        "INV-1",
        {"id": "cust-42"},
        "<b>Ring</b>",
    )
    assert [line["unit_amount"] for line in draft["line_items"]] == [20000, 1000]
    assert rows(page) == expected(compared)
    assert json.loads(draft_on(again)) == draft
    assert 'value="revkeen" checked' in again
    assert 'value="rapyd" checked' not in again
    for query in (f"order={order['id']}", f"again={compared['id']}", "order=x"):
        assert draft_on(await stranger.page(f"/comparisons?{query}", 404)) == ""
    await stranger.page(f"/comparisons/{compared['id']}", 404)
    assert "There are no comparisons yet" in await stranger.page("/comparisons")


async def test_comparisons_stay_small_and_hostile_text_stays_text(shop: Shop, visit: Visit) -> None:
    """However long and awkward an order is, its pages are below 200 kB, and say how much they leave out."""
    awkward = {
        **chairs(),
        "reference": hostile(64),
        "line_items": [product(sku=None, description='"' * 500, unit_amount=1) for _ in range(200)],
        "metadata": {f"k{number:039}": hostile(500) for number in range(39)},
        "notes": hostile(1000),
    }
    order = await shop.order(**awkward)
    visitor = await visit(shop).sign_in(shop.key)
    body = {"order": awkward, "accounts": ACCOUNTS, "mode": "translate"}
    for _ in range(11):
        compared = body_of(await shop.post("/v1/comparisons", body), 200)

    paths = ("/comparisons", f"/comparisons/{compared['id']}", f"/comparisons?order={order['id']}")
    listed, page, taken = [await visitor.page(path, 413 if "order=" in path else 200) for path in paths]

    for each in (listed, page, taken):
        assert len(each.encode()) < 200_000
        assert "<img src=x" not in each
        assert re.findall(r"<script(?! src=\"/console/static/)", each) == []
        assert "\u202e" not in each
    assert "more fields, none more severe than these" in page
    assert "too long for a page" in text_of(taken)
    assert 'rel="next"' in listed


@pytest.mark.parametrize("provider", ["revkeen"])
async def test_shadows_are_reported(open_another: OpenShop, visit: Visit) -> None:
    """What the shadow account would have taken and why not the others; a stranger's report is empty."""
    shop = await open_another(routing={"default": ["revkeen"], "shadow": ["rapyd"]})
    await shop.order(reference="S-1", account=None)
    await shop.order(reference="S-2", line_items=[product(sku=None)], account=None)
    assert shop.gateway is not None
    await translate_waiting(shop.gateway)
    visitor = await visit(shop).sign_in(shop.key)
    stranger = await visit(shop).sign_in((await shop.another("bolt")).key)

    assert "/console/comparisons/shadow" in await visitor.page("/comparisons")
    page = text_of(await visitor.page("/comparisons/shadow"))

    assert "1 of 2 orders would have been sent" in page
    assert "/line_items/*/sku" in page
    assert "S-2" in page
    assert "rapyd" not in text_of(await stranger.page("/comparisons/shadow"))


def _messages(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [message for message in (result["request"], result["answer"]) if message is not None]
