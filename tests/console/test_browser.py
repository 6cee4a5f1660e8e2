"""The console in a real browser: nothing breaks the policy, nothing is fetched from elsewhere, everybody can use it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Route, expect
from tests.console.conftest import OpenShop
from tests.console.visitor import hostile, lose_a_create
from tests.scenarios.shop import CUSTOMER, MERCHANT, Shop, add_key, body_of, chairs

from ordergate.gateway.comparing.shadow import translate_waiting

PHONE = {"width": 390, "height": 844}
_axe = Axe()
expect.set_options(timeout=60_000)


class Watched:
    """A page of which every complaint is kept: of the policy, of scripts, and requests that go elsewhere."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._home = urlsplit(url).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def guard(self) -> None:
        await self.page.route("**/*", self._let_home)

    async def sign_in(self, key: str | None) -> None:
        await self.page.goto("/console")
        await self.check()
        await self.page.get_by_label("API key").fill(key or "")
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url("**/console/orders")

    async def check(self) -> None:
        """Nothing was complained of, nothing sticks out at the side, and nobody is shut out."""
        assert self.complaints == []
        wide = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, self.page.url
        found = await _axe.run(self.page)
        serious = [
            (violation["id"], [node["target"] for node in violation["nodes"]])
            for violation in found.response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert serious == [], self.page.url

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    async def _let_home(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc != self._home:
            self.complaints.append(f"request to {route.request.url}")
            await route.abort()
        else:
            await route.continue_()


@asynccontextmanager
async def visiting(browser: Browser, shop: Shop, **options: Any) -> AsyncIterator[Watched]:
    """A page of its own, with cookies of its own."""
    async with await browser.new_context(base_url=shop.url, **options) as context:
        context.set_default_timeout(60_000)
        visitor = Watched(await context.new_page(), shop.url)
        await visitor.guard()
        yield visitor


async def test_from_signing_in_to_a_resolved_operation(open_another: OpenShop, browser: Browser) -> None:
    """Sign in, see an order appear and be paid, read its receipt, compare it, settle what was lost, sign out."""
    shop = await open_another(server={"idempotency_wait": 0}, recovery={"closed_settling": 0.0})
    operator = await shop.another(None)
    async with visiting(browser, shop, color_scheme="light") as visitor:
        page = visitor.page
        await visitor.sign_in(operator.key)
        await expect(page.get_by_text("No order yet.")).to_be_visible()

        order = await shop.order(reference="INV-1")
        row = page.get_by_role("row", name="INV-1")
        await expect(row.get_by_text("open")).to_be_visible()
        await visitor.check()
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type("INV-1")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Found by reference")).to_be_visible()
        await page.get_by_role("link", name="INV-1").click()
        await expect(page.get_by_role("heading", name="Order INV-1")).to_be_visible()

        body_of(await shop.pay(order), 200)
        await shop.until_paid(order)
        await page.evaluate(
            "document.dispatchEvent(new Event('visibilitychange'))"
        )  # as one who comes back to it
        await expect(page.get_by_role("link", name="Pay", exact=True)).to_be_visible()
        state = page.get_by_role("region", name="State", exact=True)
        await expect(state.get_by_text("paid").first).to_be_visible()
        await visitor.check()

        await read_receipt(visitor)
        await page.go_back()
        await compare_order(visitor)

        lost = await lose_a_create(shop, reference="INV-2")
        made = shop.emulator.orders[-1]
        await page.get_by_role("link", name="Operations").click()
        await visitor.check()
        await page.get_by_role("link", name=lost["operation"]).click()
        await expect(page.get_by_text("Next step")).to_be_visible()
        await visitor.check()
        await page.get_by_role("radio", name="not applied").check()
        await page.get_by_role("radio", name="applied: the gateway").check()
        await page.get_by_label("The id of the created order").fill(made["id"])
        await page.get_by_label("Evidence; it is kept with the operation").fill("Seen in the dashboard")
        await page.get_by_role("button", name="Resolve").click()
        await expect(page.get_by_text("Seen in the dashboard")).to_be_visible()
        await page.get_by_role("link", name=lost["order"]).click()
        await expect(page.get_by_role("heading", name="Order INV-2")).to_be_visible()

        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-in")
        await visitor.check()
        await page.go_back()
        await page.wait_for_url("**/sign-in*")


async def read_receipt(visitor: Watched) -> None:
    """From an order's page: requests beside answers, and place of each field."""
    page = visitor.page
    await page.get_by_role("link", name="Receipt", exact=True).click()
    await expect(page.get_by_role("heading", name="Receipt of INV-1")).to_be_visible()
    attempt = page.get_by_role("region", name="Attempt 1 to create, op_")
    await expect(attempt.get_by_label("request 1: body")).to_contain_text('"INV-1"')
    await expect(attempt.get_by_label("answer 1: body")).to_contain_text("41000")
    await attempt.get_by_text("Headers").first.click()
    await expect(attempt.get_by_label("request 1: headers")).to_be_visible()
    await attempt.get_by_text("Place of each field").click()
    await expect(attempt.get_by_role("row", name="/line_items/0/unit_amount")).to_be_visible()
    await visitor.check()


async def compare_order(visitor: Watched) -> None:
    """From an order's page: what is wrong is said in place, then columns by account, and only what differs."""
    page = visitor.page
    await page.get_by_role("link", name="Compare this order").click()
    draft = page.get_by_label("Order, as")
    await expect(draft).to_have_value(re.compile('"INV-1"'))
    await visitor.check()
    whole = await draft.input_value()
    await draft.fill(whole.replace("20000", "2e4x"))
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("alert")).to_contain_text("not valid JSON")
    visitor.complaints = [each for each in visitor.complaints if "status of 400" not in each]
    await visitor.check()
    await expect(draft).to_have_value(re.compile("2e4x"))
    await draft.fill(whole)
    await page.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("heading", name="0 different")).to_be_visible()
    row = page.get_by_role("row", name="/line_items/0/unit_amount")
    await expect(row.get_by_text("equivalent")).to_be_visible()
    await expect(row.get_by_text("minor units at revkeen")).to_be_visible()
    for each in await page.get_by_text("Request", exact=True).all():
        await each.click()
    await expect(page.get_by_label("Request to rapyd: body")).to_contain_text('"amount": 200')
    await visitor.check()
    await page.get_by_role("link", name="Differences only").click()
    await expect(row).to_have_count(0)


async def test_hostile_text_on_every_page_in_the_dark_on_a_phone(
    open_another: OpenShop, browser: Browser
) -> None:
    """No script of an order runs, nothing it says pushes the page apart, and all of it can be read by everybody."""
    shop = await open_another(routing={"shadow": ["rapyd"]})
    order = await shop.order(
        reference=hostile(64),
        line_items=[{"description": hostile(500), "quantity": 1, "unit_amount": 10**8}],
        customer={"id": CUSTOMER, "email": "<script>\u202ealert(1)</script>@x.example"},
        shipping_address={"name": hostile(255), "line_1": hostile(255), "city": hostile(255)},
        metadata={"k" * 40: hostile(500), "html": "<img src=x onerror=alert(1)>"},
        notes=hostile(1000),
    )
    assert shop.gateway is not None
    await translate_waiting(shop.gateway)
    operation = (await shop.operations())[0]
    draft = {**chairs(), "reference": hostile(64), "notes": hostile(1000), "tax_percent": "10"}
    compared = await shop.post("/v1/comparisons", {"order": draft, "accounts": ["revkeen", "rapyd"]})
    comparison = body_of(compared, 200)["id"]
    operator = await shop.another(None)
    opened: list[str] = []
    async with visiting(browser, shop, color_scheme="dark", viewport=PHONE) as visitor:
        visitor.page.on("dialog", lambda dialog: opened.append(dialog.message))
        await visitor.sign_in(operator.key)
        for path in (
            "orders",
            f"orders/{order['id']}",
            f"orders/{order['id']}/receipt",
            "operations",
            f"operations/{operation['id']}",
            f"comparisons?order={order['id']}",
            f"comparisons/{comparison}",
            "comparisons/shadow",
            "accounts",
            "configuration",
            "orders?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        ):
            await visitor.page.goto(f"/console/{path}")
            await visitor.check()
    assert opened == []


async def test_problems_are_pages_too(shop: Shop, browser: Browser) -> None:
    """A wrong key and a page that is not there are told in words; a live session says that it is one."""
    live = await add_key(shop.journal, MERCHANT, world="live")
    async with visiting(browser, shop) as visitor:
        page = visitor.page
        await page.goto("/console/orders")
        await page.get_by_label("API key").fill("og_test_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("give the whole key")
        assert await page.get_by_label("API key").input_value() == ""
        await page.get_by_label("API key").fill(live)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("Live: real money")).to_be_visible()
        await page.goto("/console/orders/ord_x")
        await expect(page.get_by_role("heading", name="There is no such")).to_be_visible()
        visitor.complaints = [each for each in visitor.complaints if "status of 40" not in each]
        await visitor.check()
