"""The receipt's page: what was said to a provider, as the API tells it."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from tests.console.conftest import Visit
from tests.console.visitor import hostile, lose_a_create, text_of
from tests.scenarios.shop import CUSTOMER, Emulator, Shop, body_of, product

from ordergate.cli.session import operator
from ordergate.gateway.operating.retention import prune
from ordergate.gateway.orders.redact import redact_order


def documents(page: str) -> list[str]:
    """Bodies on a page, as they were written but for the space between values."""
    shown = re.findall(r'<pre[^>]*aria-label="[^"]*: body">(.*?)</pre>', page, re.DOTALL)
    return [msgspec.json.format(_unescaped(each), indent=-1) for each in shown]


def _unescaped(text: str) -> str:
    return re.sub("&#34;|&#39;|&lt;|&gt;|&amp;", lambda found: _MARKS[found[0]], text)


_MARKS = {"&#34;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}


async def test_the_page_shows_what_the_api_answers(
    shop: Shop, visit: Visit, emulators: Mapping[str, Emulator]
) -> None:
    """Requests and answers digit by digit, when, by what, the field map and the notices; nothing that authenticates."""
    order = await shop.order(account="rapyd", reference="INV-1", line_items=[product(unit_amount=23574)])
    body_of(await shop.pay(order), 200)
    receipt = body_of(await shop.get(f"/v1/orders/{order['id']}/receipt"), 200)
    visitor = await visit(shop).sign_in(shop.key)

    page = await visitor.page(f"/orders/{order['id']}/receipt")

    said = [
        message["body"]
        for operation in receipt["operations"]
        for attempt in operation["attempts"]
        for exchange in attempt["exchanges"]
        for message in (exchange["request"], exchange["answer"])
    ]
    assert documents(page) == [msgspec.json.format(body, indent=-1) for body in said]
    assert "&#34;amount&#34;: 235.74" in page
    shown = text_of(page)
    for operation in receipt["operations"]:
        (attempt,) = operation["attempts"]
        exchange = attempt["exchanges"][0]
        told = (
            operation["operation"],
            f"{exchange['request']['method']} {exchange['request']['path']}",
            attempt["provider_request_id"],
            attempt["configuration"],
            attempt["adapter_version"],
            f"after {exchange['milliseconds']:.1f} ms",
            *attempt["field_map"].keys(),
            *attempt["field_map"].values(),
            *(notice["pointer"] for notice in attempt["notices"]),
            *(f"{name}: {value}" for name, value in exchange["request"]["headers"].items()),
        )
        assert [text for text in told if text not in shown] == []
    assert all(secret not in page for secret in emulators["rapyd"].credentials.values())
    for path in (f"/orders/{order['id']}", f"/operations/{receipt['operations'][0]['operation']}"):
        assert f"/console/orders/{order['id']}/receipt" in await visitor.page(path)


async def test_a_refusal_and_a_lost_answer_are_explained(shop: Shop, visit: Visit) -> None:
    """What the caller was told stands beside what the provider said; of a lost create there is a receipt, too."""
    order = await shop.order()
    refused = (await shop.pay(order, payment_method="provider:nobody-knows-it")).json()
    lost = await lose_a_create(shop, reference="INV-2")
    visitor = await visit(shop).sign_in(shop.key)

    page = text_of(await visitor.page(f"/orders/{order['id']}/receipt"))
    without_answer = text_of(await visitor.page(f"/orders/{lost['order']}/receipt"))

    assert refused["detail"] in page
    assert f"The provider answered: {refused['provider']['message']}" in page
    assert "No answer" in without_answer
    assert "INV-2" in without_answer
    assert "outcome_unknown" in without_answer


async def test_a_receipt_that_is_gone_says_so(shop: Shop, visit: Visit) -> None:
    """After the retention, and after an erasure, the page says why there is nothing."""
    forgotten, erased = await shop.order(reference="INV-1"), await shop.order(reference="INV-2")
    visitor = await visit(shop).sign_in(shop.key)
    gateway = shop.gateway
    assert gateway is not None
    await redact_order(gateway, operator("test"), erased["id"])
    after_erasure = text_of(await visitor.page(f"/orders/{erased['id']}/receipt"))
    now, gateway.steady = gateway.clock, None
    gateway.clock = lambda: now() + gateway.configuration.retention + timedelta(minutes=1)
    await prune(gateway)
    gateway.clock = now

    after_retention = await visitor.page(f"/orders/{forgotten['id']}/receipt")

    assert "The personal data of this order were erased" in after_erasure
    assert "The exchanges were erased" in after_erasure
    assert "The exchanges are no longer kept" in text_of(after_retention)
    assert "deleted after 7 days" in text_of(after_retention)
    assert "<pre" not in after_retention


async def test_receipts_are_their_merchants(shop: Shop, visit: Visit) -> None:
    """To another merchant there is no such order."""
    order = await shop.order()
    stranger = await visit(shop).sign_in((await shop.another("bolt")).key)

    assert order["provider_order_id"] not in await stranger.page(f"/orders/{order['id']}/receipt", 404)


async def test_receipts_stay_small_and_hostile_text_stays_text(shop: Shop, visit: Visit) -> None:
    """However long and awkward an order is, its page is below 200 kB, and says how much it leaves out."""
    order = await shop.order(
        line_items=[product(sku=None, description='"' * 500, unit_amount=1) for _ in range(200)],
        customer={"id": CUSTOMER},
        metadata={f"k{number:039}": hostile(500) for number in range(39)},
        notes=hostile(1000),
    )
    await shop.update(order, notes=hostile(999))
    visitor = await visit(shop).sign_in(shop.key)

    page = await visitor.page(f"/orders/{order['id']}/receipt")

    assert len(page.encode()) < 200_000
    assert "more characters; the API shows them all" in page
    assert "<img src=x" not in page
    assert re.findall(r"<script(?! src=\"/console/static/)", page) == []
    assert "\u202e" not in page
    assert json.dumps(hostile(20))[1:-1].split("<")[0] in page
