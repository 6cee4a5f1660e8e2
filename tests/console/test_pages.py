"""What the pages show, to whom, and what they do."""

import asyncio
import re
import time
from pathlib import Path

import pytest
from tests.conftest import Start
from tests.console.conftest import OpenShop, Visit
from tests.console.visitor import LOST, MARKED, hostile, lose_a_create, text_of
from tests.scenarios.shop import (
    CUSTOMER,
    MERCHANT,
    PATIENCE,
    Shop,
    add_key,
    body_of,
    plain_client,
    problem_of,
    product,
    write_config,
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


async def test_every_answer_has_the_policy(shop: Shop, visit: Visit) -> None:
    """Pages, assets, problems and redirects forbid what is not our own, and nothing of them is kept but assets."""
    visitor = await visit(shop).sign_in(shop.key)
    page = await visitor.page("/orders")
    (style,) = re.findall(r'<link rel="stylesheet" href="/console(/static/[^"]+)"', page)
    (script,) = re.findall(r'<script src="/console(/static/[^"]+)"', page)

    expected = {
        "/orders": 200,
        "/orders/ord_x": 404,
        "/configuration": 403,
        "/nothing": 404,
        "/sign-out": 405,
        "": 303,
        "/static/nothing.js": 404,
        style: 200,
        script: 200,
    }
    for path, status in expected.items():
        answer = await visitor.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-security-policy"] == POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        kept = "max-age=31536000" in answer.headers["cache-control"]
        assert kept == (path in {style, script}), path
        assert kept or answer.headers["cache-control"] == "no-store"
    assert "<style" not in page
    assert re.search(r"\s(style|on\w+)=", page) is None
    assert re.search(r"<script(?![^>]* src=)", page) is None
    assert "//" not in re.sub(r"<!doctype.*?>", "", page.replace("https://", ""))


async def test_the_console_can_be_left_out(shop: Shop, start: Start, tmp_path: Path) -> None:
    """With `console = false` there is nothing at its address but a problem of the API."""
    (tmp_path / "without").mkdir()
    config = write_config(tmp_path / "without", {shop.account: shop.emulator}, server={"console": False})
    url = start("serve", "--config", str(config), "--port", "0", "--announce").line()

    async with plain_client() as client:
        answer = await client.get(f"{url}/console")

    problem_of(answer, 404, "not_found")


async def test_the_api_goes_on_as_it_is(shop: Shop) -> None:
    """Problems of the API stay problems of the API, and its description knows no pages."""
    problem = await shop.get("/v1/nothing")
    description = (await shop.get("/schema/openapi.json")).json()

    assert problem.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" not in problem.headers
    assert not [path for path in description["paths"] if "console" in path]


async def test_an_order_appears_and_can_be_found(shop: Shop, visit: Visit) -> None:
    """By reference, provider's id, customer and status; by an id of ours at once; what fits nothing finds nothing."""
    operator = await shop.another(None)
    order = await shop.paid_order(reference="INV-1")
    other = await shop.order(reference="INV-2", customer=None)
    for key in (shop.key, operator.key):
        visitor = await visit(shop).sign_in(key)
        for query, shows, hides in (
            ("", ("INV-1", "INV-2"), ()),
            ("q=INV-1", ("INV-1", "Found by reference"), ("INV-2",)),
            (f"q={order['provider_order_id']}", ("INV-1", "Found by provider's id"), ("INV-2",)),
            (f"q=%20{CUSTOMER}", ("INV-1", "Found by customer"), ("INV-2",)),
            ("status=open", ("INV-2",), ("INV-1",)),
            ("status=nonsense&since=never&starting_after=x&limit=7", ("INV-1", "INV-2"), ()),
            ("since=2020-01-01&until=2020-01-31", ("No order fits",), ("INV-1", "INV-2")),
            (f"account={shop.account}&since=2020-01-01", ("INV-1", "INV-2"), ()),
            ("q=%01%FF", ("No order fits",), ("INV-1",)),
        ):
            shown = text_of(await visitor.page(f"/orders?{query}"))
            assert all(text in shown for text in shows), (query, shown)
            assert not any(text in shown for text in hides), (query, shown)
        straight = await visitor.get(f"/orders?q={other['id']}")
        assert straight.headers["location"] == f"/console/orders/{other['id']}"
    assert "acme" in text_of(await visitor.page("/orders?merchant=acme"))
    assert "No order fits" in text_of(await visitor.page("/orders?merchant=bolt"))


async def test_the_list_has_pages(shop: Shop, visit: Visit) -> None:
    """Forth and back, with the filters, each order once."""
    for number in range(28):
        await shop.order(reference=f"N-{number:02}", line_items=[product(unit_amount=1)])
    visitor = await visit(shop).sign_in(shop.key)

    first = await visitor.page(f"/orders?account={shop.account}")
    (older,) = re.findall(r'rel="next" href="/console([^"]+)"', first)
    second = await visitor.page(older.replace("&amp;", "&"))
    (newer,) = re.findall(r'rel="prev" href="/console([^"]+)"', second)
    again = await visitor.page(newer.replace("&amp;", "&"))

    listed = [re.findall(r"<bdi>(N-\d\d)</bdi>", page) for page in (first, second, again)]
    assert [len(names) for names in listed] == [25, 3, 25]
    assert sorted(listed[0] + listed[1], reverse=True) == [f"N-{number:02}" for number in range(27, -1, -1)]
    assert listed[2] == listed[0]
    assert 'rel="prev"' not in first + again
    assert 'rel="next"' not in second


async def test_one_order_shows_all_that_is_known(shop: Shop, visit: Visit) -> None:
    """Money to the last minor unit, lines, payment, goods, notices and what was done, the latest first."""
    order = await shop.paid_order(
        reference="INV-7",
        line_items=[product(description="Chair", quantity=3, unit_amount=41152263)],
        customer={"id": CUSTOMER, "email": "ada@example.com"},
        metadata={"channel": "web", "gift": True},
        notes="At the door",
    )
    body_of(await shop.fulfill(order, tracking_number="1Z9", carrier="UPS"), 200)
    visitor = await visit(shop).sign_in(shop.key)

    page = await visitor.page(f"/orders/{order['id']}")

    shown = text_of(page)
    for text in (
        "1,234,567.89 USD",
        "411,522.63 USD",
        "Due 0.00 USD",
        "Payment paid",
        "Tracking 1Z9",
        "UPS",
        "At the door",
        "channel web",
        "ada@example.com",
        order["provider_order_id"],
        "Attempt 1 at revkeen: HTTP 201",
    ):
        assert text in shown, text
    assert [notice["pointer"] in shown for notice in order["notices"]] == [True] * len(order["notices"])
    timeline = page[page.index('<ol class="timeline">') :]
    done = re.findall(r"/console/operations/op_\w+\">(\w+)</a>", timeline)
    assert done == ["Fulfill", "Pay", "Create"]


async def test_an_order_is_read_again_where_it_lives(shop: Shop, visit: Visit) -> None:
    """What happened at the provider without us shows after the button; where it cannot be read, a page says why."""
    order = await shop.order()
    visitor = await visit(shop).sign_in(shop.key)
    path = f"/orders/{order['id']}"
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    assert 'pill plain">canceled' not in await visitor.page(path)

    done = await visitor.submit(f"{path}/read-again", path)
    after = await visitor.page(path)
    shop.emulator.faults({"match": {}, "at": "before", "do": "status", "status": 500})
    failed = await visitor.submit(f"{path}/read-again", path)

    assert (done.status_code, done.headers["location"]) == (303, f"/console{path}")
    assert 'pill plain">canceled' in after
    assert failed.status_code in {502, 503}
    assert failed.headers["x-request-id"] in failed.text


async def test_what_others_wrote_stays_text(shop: Shop, visit: Visit) -> None:
    """No field becomes an element, turns the direction of its neighbours, or fills the page."""
    reference = hostile(64)
    order = await shop.order(
        reference=reference,
        line_items=[
            {"description": hostile(500), "quantity": 1, "unit_amount": 1, "metadata": {"a": hostile(500)}}
        ],
        customer={"id": CUSTOMER, "email": "<b>\u202e@x.example"},
        shipping_address={
            "name": hostile(255),
            "line_1": hostile(255),
            "city": hostile(255),
            "postal_code": hostile(32),
            "country": "DE",
        },
        metadata={f"key_{number}": hostile(500) for number in range(40)},
        notes=hostile(1000),
    )
    refused = await shop.create(shop.draft(reference=hostile(64), currency="JPY"), key='"><script>')
    assert refused.status_code == 422
    operator = await shop.another(None)
    visitor = await visit(shop).sign_in(operator.key)
    operation = (await shop.operations())[-1]

    paths = ("/orders", f"/orders/{order['id']}", "/operations", f"/operations/{operation['id']}")
    pages = [await visitor.page(path) for path in paths]
    pages += [
        await visitor.page("/orders?q=%22%3E%3Cscript%3E&merchant=%3Cscript%3E"),
        await visitor.page("/orders/%3Cscript%3E%E2%80%AE", 404),
        await visitor.page("/operations/%22onload%3D", 404),
    ]

    for page in pages:
        assert "<img src=x" not in page
        assert re.findall(r"<script(?! src=\"/console/static/)", page) == []
        assert "\u202e" not in page
        assert len(page.encode()) < 200_000
    shown = pages[1]
    assert f"<bdi>{MARKED}" not in shown
    assert MARKED in shown
    assert "invoice\N{REPLACEMENT CHARACTER}fdp.exe" in shown
    assert "&lt;script&gt;" in shown


async def test_pages_stay_small_whatever_orders_hold(shop: Shop, visit: Visit) -> None:
    """A full list and an order of 200 lines, all as long and as awkward to write as can be, are below 200 kB."""
    awkward = '"' * 500
    order = {}
    for _ in range(26):
        order = await shop.order(
            reference=None,
            line_items=[product(sku=None, description=awkward, unit_amount=1) for _ in range(200)],
            customer={"id": CUSTOMER, "email": '"' * 500 + "@example.com"},
            metadata={f"k{number:039}": awkward for number in range(40)},
            notes=awkward * 2,
        )
    visitor = await visit(shop).sign_in(shop.key)

    for path in ("/orders", f"/orders/{order['id']}", "/operations"):
        page = await visitor.page(path)
        assert len(page.encode()) < 200_000, (path, len(page.encode()))
    assert "And 140 more lines" in await visitor.page(f"/orders/{order['id']}")


@pytest.mark.parametrize("who", ["another merchant", "the other world"])
async def test_strangers_learn_nothing(shop: Shop, visit: Visit, who: str) -> None:
    """To another merchant, and in the other world, no page knows anything of acme's."""
    order = await shop.order(reference="secret-reference")
    operation = (await shop.operations())[0]
    live = who == "the other world"
    key = await add_key(shop.journal, MERCHANT if live else "bolt", world="live" if live else "test")
    visitor = await visit(shop).sign_in(key)
    requests = shop.emulator.requests

    pages = [await visitor.page(path) for path in ("/orders", "/operations", "/accounts")]
    pages += [
        await visitor.page(f"/orders?q={text}")
        for text in ("secret-reference", order["provider_order_id"], CUSTOMER)
    ]
    pages += [
        await visitor.page(f"/orders/{order['id']}", 404),
        await visitor.page(f"/operations/{operation['id']}", 404),
    ]
    tried = await visitor.submit(f"/orders/{order['id']}/read-again", "/orders")
    assert tried.status_code == 404

    for page in [*pages, tried.text]:
        shown = text_of(page.replace(order["id"], "").replace(operation["id"], ""))
        assert not any(text in shown for text in ("410.00", shop.account, "Create")), shown
        assert ("Live: real money" in shown) is live
        assert ('<html lang="en" class="live">' in page) is live
    assert shop.emulator.requests == requests


async def test_operators_see_more(shop: Shop, visit: Visit) -> None:
    """The configuration, without secrets, and whose an order is; a merchant is refused, by name of the scope."""
    order = await shop.order(reference="INV-9")
    operator = await shop.another(None)
    merchants = await visit(shop).sign_in(shop.key)
    operators = await visit(shop).sign_in(operator.key)

    configuration = await operators.page("/configuration")
    refused = await merchants.page("/configuration", 403)

    assert f"[accounts.{shop.account}]" in configuration
    assert not any(secret in configuration for secret in shop.emulator.credentials.values())
    assert (await shop.get("/health/live")).headers["ordergate-config"] in configuration
    assert "lacks the scope admin" in text_of(refused)
    assert "Merchant acme" in text_of(await operators.page(f"/orders/{order['id']}"))
    assert "Merchant acme" not in text_of(await merchants.page(f"/orders/{order['id']}"))


async def test_accounts_show_health_and_what_can_be_done(open_another: OpenShop, visit: Visit) -> None:
    """An account whose provider fails is down, with the reason; the matrix says what each operation takes."""
    shop = await open_another(account={"breaker_failures": 1, "requests_per_minute": 600})
    visitor = await visit(shop).sign_in(shop.key)
    before = text_of(await visitor.page("/accounts"))
    shop.emulator.faults({"match": {}, "at": "before", "do": "status", "status": 500})
    await shop.create()

    after = text_of(await visitor.page("/accounts"))

    assert "revkeen ok RevKeen, emulator" in before
    assert "600 in 60 s" in before
    assert "Refund in RevKeen's dashboard" in before
    assert "revkeen down" in after
    assert "Circuit breaker open" in after


async def test_a_refusal_is_explained(shop: Shop, visit: Visit) -> None:
    """The operation's page says what the caller was told, what the provider said, and what to do about it."""
    order = await shop.order(reference="INV-3")
    method = shop.emulator.payment_method(outcome="insufficient_funds")
    await shop.call("PUT", "/v1/links/payment_methods/poor", json={shop.account: method})
    declined = await shop.pay(order, payment_method="poor")
    assert declined.json()["code"] == "provider_rejected"
    visitor = await visit(shop).sign_in(shop.key)

    page = text_of(await visitor.page(f"/operations/{declined.json()['operation']}"))

    assert "The provider refused" in page
    assert f"The provider answered: {declined.json()['provider']['message']}" in page
    assert declined.json()["detail"] in page
    assert "Try again with a new Idempotency-Key" in page


async def test_a_lost_create_is_resolved_as_applied(shop: Shop, visit: Visit) -> None:
    """A person sees what was lost and names the order that was made; a form that lacks it comes back as it was."""
    lost = await lose_a_create(shop, reference="INV-5")
    (made,) = shop.emulator.orders
    operator = await shop.another(None)
    visitor = await visit(shop).sign_in(operator.key)
    merchant = await visit(shop).sign_in(shop.key)
    path = f"/operations/{lost['operation']}"
    said = {"as": "applied", "evidence": "Seen <there>"}

    missing = await visitor.page(f"/orders/{lost['order']}", 404)
    page = await visitor.page(path)
    forbidden = await merchant.submit(f"{path}/resolve", "/orders", **said)
    nothing = await visitor.submit(f"{path}/resolve", path)
    refused = await visitor.submit(f"{path}/resolve", path, **said)
    settled = await visitor.submit(f"{path}/resolve", path, **said, provider_order_id=made["id"])
    after = text_of(await visitor.page(path))

    assert f"/console/operations/{lost['operation']}" in missing
    assert "unknown" in text_of(page)
    assert 'name="evidence"' in page
    assert 'name="evidence"' not in await merchant.page(path)
    assert (forbidden.status_code, nothing.status_code, refused.status_code) == (403, 422, 422)
    assert "/provider_order_id" in text_of(refused.text)
    assert "Seen &lt;there&gt;</textarea>" in refused.text
    assert 'value="applied" required checked' in refused.text
    assert (settled.status_code, settled.headers["location"]) == (303, f"/console{path}")
    assert "State succeeded" in after
    assert "as applied" in after
    assert "Seen <there>" in after
    assert (await shop.read({"id": lost["order"]}))["provider_order_id"] == made["id"]
    assert "INV-5" in text_of(await visitor.page(f"/orders/{lost['order']}"))


async def test_a_lost_create_is_resolved_as_not_applied(shop: Shop, visit: Visit) -> None:
    """A person who found no trace says so; a repeat of the key may send it again. It is said once only."""
    lost = await lose_a_create(shop, at="before")
    visitor = await visit(shop).sign_in((await shop.another(None)).key)
    path = f"/operations/{lost['operation']}"
    said = {"as": "not_applied", "evidence": "No trace"}

    shop.emulator.faults({"match": {"method": "GET"}, "do": "status", "status": 500})
    refused = await visitor.submit(f"{path}/resolve", path, **said)
    shop.emulator.faults()
    assert refused.status_code == 409
    assert "give unseen" in text_of(refused.text)
    settled = await visitor.submit(f"{path}/resolve", path, **said)
    again = await visitor.submit(f"{path}/resolve", "/orders", **said)

    assert settled.status_code == 303
    assert (await shop.operation(lost["operation"]))["outcome"] == "not_applied"
    assert again.status_code == 409
    assert "there is nothing to resolve" in text_of(again.text)


async def test_a_lost_create_is_looked_for_again(shop: Shop, visit: Visit) -> None:
    """A button looks at the provider now; a merchant has it too, and it is gone once the write is settled."""
    lost = await lose_a_create(shop)
    path = f"/operations/{lost['operation']}"
    merchant = await visit(shop).sign_in(shop.key)
    reader = await visit(shop).sign_in((await shop.another(scopes=("orders:read",))).key)
    assert "Probe the provider now" in text_of(await merchant.page(path))
    assert "Probe the provider now" not in text_of(await reader.page(path))

    forbidden = await reader.submit(f"{path}/recheck", "/orders")
    looked = await merchant.submit(f"{path}/recheck", path)

    assert forbidden.status_code == 403
    assert (looked.status_code, looked.headers["location"]) == (303, f"/console{path}")
    after = text_of(await merchant.page(path))
    assert "State succeeded" in after
    assert "Probe the provider now" not in after


async def test_what_needs_a_person_comes_first(open_another: OpenShop, visit: Visit) -> None:
    """Operations that cannot settle themselves stand before all others, to operators with a form to settle them."""
    shop = await open_another(
        server={"idempotency_wait": 0},
        recovery={"closed_settling": 60.0, "person_after_hours": 1e-6},
        recovers=True,
    )
    shop.emulator.faults(LOST, {"match": {"method": "GET"}, "at": "before", "do": "status", "status": 500})
    lost = (await shop.create()).json()
    shop.emulator.faults({"match": {"method": "GET"}, "at": "before", "do": "status", "status": 500})
    visitor = await visit(shop).sign_in((await shop.another(None)).key)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (await shop.operation(lost["operation"]))["needs_person"]:
            break
        await asyncio.sleep(0.05)

    listed = await visitor.page("/operations")
    page = text_of(await visitor.page(f"/operations/{lost['operation']}"))

    assert text_of(listed).index("Operations that need an operator") < text_of(listed).index("needs a person")
    assert (
        listed.index("Operations that need an operator")
        < listed.index(lost["operation"])
        < listed.index("<h2>All")
    )
    assert "Needs a person: have it probed again" in page
    assert "Resolve this operation" in page
