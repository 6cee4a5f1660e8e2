"""The life of orders at a provider, and the events that the merchant must have received at its end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.scenarios.shop import Emulator, chairs

Document = dict[str, Any]

TOTAL = 41_000
PATIENCE = 40.0
"""The time limit for the gateway to find a change at the provider."""


@dataclass
class Teller:
    """One order's life: it calls the gateway as a merchant, and acts at the provider without the gateway."""

    client: httpx.AsyncClient
    account: str
    emulator: Emulator
    order: Document

    async def write(self, path: str, body: Document, key: str) -> Document:
        """Write, and retry with the same key until there is a response: a node may be down."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = await self.client.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code in {200, 201}:
                document: Document = answer.json()
                return document
            if answer.status_code not in {409, 429, 503, 504}:
                raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            await asyncio.sleep(0.2)
        raise AssertionError(f"{path} was not answered")

    async def on_order(self, action: str, body: Document) -> None:
        """Change the order."""
        self.order = await self.write(
            f"/v1/orders/{self.order['id']}/{action}", body, f"{action}-{self.order['id']}"
        )

    async def until(self, **wanted: Any) -> None:
        """Wait until the order in the journal is in this state, without a request to the provider."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self.order = (await self.client.get(f"/v1/orders/{self.order['id']}")).json()
            except httpx.HTTPError:
                self.order = {**self.order, "status": "(nobody answers)"}
            if wanted.items() <= self.order.items():
                return
            await asyncio.sleep(0.05)
        shown = {name: self.order.get(name) for name in wanted}
        raise AssertionError(f"{self.account} {self.order['id']}: {shown}, not {wanted}")

    def there(self, action: str) -> None:
        """Perform an action at the provider without the gateway."""
        self.emulator.act(self.order["provider_order_id"], action)


async def _paid(teller: Teller) -> None:
    await teller.on_order("pay", {})
    await teller.until(payment_status="paid", amount_paid=TOTAL)


async def _refunded(teller: Teller) -> None:
    await _paid(teller)
    teller.there("refund")
    await teller.until(payment_status="refunded", amount_refunded=TOTAL)


async def _fulfilled(teller: Teller) -> None:
    await _paid(teller)
    await teller.on_order("fulfill", {})
    await teller.until(status="fulfilled")


async def _canceled(teller: Teller) -> None:
    teller.there("dashboard_cancel")
    await teller.until(status="canceled")


async def _challenged(teller: Teller, action: str, **wanted: Any) -> None:
    card = teller.emulator.payment_method(behaviour="3ds")
    await teller.on_order("pay", {"payment_method": f"provider:{card}"})
    await teller.until(payment_status="pending")
    teller.there(action)
    await teller.until(**wanted)


async def _challenge_done(teller: Teller) -> None:
    await _challenged(teller, "3ds_ok", payment_status="paid", amount_paid=TOTAL)


async def _challenge_failed(teller: Teller) -> None:
    await _challenged(teller, "3ds_fail", payment_status="failed", amount_paid=0)


@dataclass(frozen=True)
class Story:
    """One life.

    Attributes:
        live: Leads it, to an end that the journal shows.
        heard: The events that the merchant receives, in this order; without the events of work in progress.
        accounts: Accounts that can have this story.
    """

    live: Callable[[Teller], Awaitable[None]]
    heard: tuple[str, ...]
    accounts: tuple[str, ...] = ("rapyd", "revkeen")


STORIES: Mapping[str, Story] = {
    "paid": Story(_paid, ("order.created", "order.paid")),
    "refunded there": Story(_refunded, ("order.created", "order.paid", "order.refunded")),
    "fulfilled": Story(_fulfilled, ("order.created", "order.paid", "order.fulfilled")),
    "canceled there": Story(_canceled, ("order.created", "order.canceled"), ("revkeen",)),
    "3-D Secure done": Story(_challenge_done, ("order.created", "order.paid"), ("rapyd",)),
    "3-D Secure failed": Story(_challenge_failed, ("order.created", "order.payment_failed"), ("rapyd",)),
}
ON_THE_WAY = frozenset({"order.updated", "order.payment_pending"})
"""Optional events of a story: a late read finds the order in a later state."""


async def begin(client: httpx.AsyncClient, account: str, emulator: Emulator, name: str) -> Teller:
    """Create a story's order."""
    teller = Teller(client, account, emulator, {})
    teller.order = await teller.write(
        "/v1/orders", {"account": account, **chairs()}, f"{account}-{name.replace(' ', '-')}"
    )
    return teller
