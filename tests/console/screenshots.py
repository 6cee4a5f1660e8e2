"""``uv run python -m tests.console.screenshots``: takes the README's screenshots anew, from a demonstration."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, async_playwright

from ordergate.demo.stage import Stage, set_stage
from ordergate.demo.tour import chairs

FOLDER = Path(__file__).parent / "screenshots"
WIDE = {"width": 1000, "height": 660}
PHONE = {"width": 390, "height": 660}
LOST = {"match": {"method": "POST", "path": "*/orders"}, "at": "after", "do": "drop"}


async def main() -> None:
    """Make orders of several kinds, and look at them in light, in the dark and on a phone."""
    FOLDER.mkdir(exist_ok=True)
    async with set_stage() as stage, httpx.AsyncClient(base_url=stage.gateway, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {stage.key}"
        await _fill(client, stage)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for scheme, size, shots in (
                ("light", WIDE, {"comparison": "Compare"}),
                ("dark", WIDE, {"operation": "Operations"}),
                ("light", PHONE, {"phone": "Orders"}),
            ):
                context = await browser.new_context(
                    base_url=stage.gateway, color_scheme=scheme, viewport=size
                )
                page = await context.new_page()
                await page.goto("/console")
                await page.get_by_label("API key").fill(stage.operator_key)
                await page.get_by_role("button", name="Sign in").click()
                for name, link in shots.items():
                    await page.get_by_role("link", name=link, exact=True).click()
                    if name != "phone":
                        await page.locator("tbody a").first.click()
                    if name == "comparison":
                        await page.locator(".compared").evaluate("each => each.scrollIntoView()")
                    await _shoot(page, name)
                await context.close()
            await browser.close()


async def _shoot(page: Page, name: str) -> None:
    await page.wait_for_load_state()
    file = FOLDER / f"{name}.jpg"
    await page.screenshot(path=file, type="jpeg", quality=54)
    print(f"{file.name}: {file.stat().st_size // 1000} kB")  # noqa: T201


async def _fill(client: httpx.AsyncClient, stage: Stage) -> None:
    accounts = list(stage.accounts)
    for number in range(9):
        account = accounts[number % len(accounts)]
        order = await _create(client, number, account)
        path = f"/v1/orders/{order['id']}"
        if number % 4 == 0:
            await _write(client, f"{path}/pay", {}, number)
            while order["payment_status"] != "paid":
                await asyncio.sleep(0.2)
                order = (await client.get(path, params={"refresh": "true"})).json()
        if number % 8 == 0:
            await _write(
                client, f"{path}/fulfill", {"tracking_number": "1Z 999 AA1", "carrier": "UPS"}, number
            )
        if number == 3:
            await _write(client, f"{path}/cancel", {}, number)
    compared = {"order": chairs("1001"), "accounts": accounts, "mode": "execute"}
    await _write(client, "/v1/comparisons", compared, 0)
    emulator = httpx.URL(stage.accounts[accounts[0]]["base_url"]).copy_with(path="/_emulator/faults")
    await client.put(
        emulator, json={"rules": [LOST, {"match": {"method": "GET"}, "at": "before", "do": "drop"}]}
    )
    await _create(client, 9, accounts[0])


async def _create(client: httpx.AsyncClient, number: int, account: str) -> Any:
    draft = {
        "account": account,
        "reference": f"INV-{1000 + number}",
        "currency": "USD",
        "customer": {"id": "cust-42", "email": "ada@example.com"},
        "shipping_address": {"name": "Ada Lovelace", "line_1": "12 St James's Square", "city": "London"},
        "line_items": [
            {
                "sku": "CHAIR-1",
                "description": "Deluxe Gamer's Chair",
                "quantity": number + 1,
                "unit_amount": 20000,
            },
            {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1000},
        ],
    }
    return await _write(client, "/v1/orders", draft, number)


async def _write(client: httpx.AsyncClient, path: str, body: Any, number: int) -> Any:
    key = f"{path}-{number}".replace(" ", "")
    return (await client.post(path, json=body, headers={"Idempotency-Key": key})).json()


asyncio.run(main())
