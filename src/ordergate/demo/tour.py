"""The tour: one order at every provider, printed step by step. Every line is checked."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ordergate.demo.stage import CUSTOMER, Stage
from ordergate.terminal import amount

PAID_WITHIN = 5.0
"""Seconds that a card payment may take to close; the emulators need less than one."""

OWN_FIELDS = frozenset(
    {
        "account",
        "created_at",
        "extensions",
        "id",
        "line_items",
        "notices",
        "paid_at",
        "payments",
        "provider",
        "provider_order_id",
        "provider_status",
        "synced_at",
        "updated_at",
    }
)
"""Fields of the order in which providers may differ: their own ids, words, clocks and extras."""

_UNKNOWN_PRODUCTS = {"sku": "provider:00000000-0000-4000-8000-000000000000"}


class TourError(Exception):
    """The result of a step differs from its description."""


class Tour:
    """Runs the demonstration, and prints its steps."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient, console: Console) -> None:
        """Walk on a stage."""
        self._stage = stage
        self._client = client
        self._console = console
        self._step = 0

    async def walk(self) -> None:
        """Do every step.

        Raises:
            TourError: The result of a step differs from its description.
        """
        self._introduce()
        created = {name: await self._create(name) for name in self._stage.accounts}
        await self._read_back(created)
        paid = {name: await self._pay(order) for name, order in created.items()}
        await self._refusal()
        await self._replay()
        await self._side_by_side(paid)

    def _introduce(self) -> None:
        self._console.print("\n[bold]ordergate[/]  one order, every provider\n", highlight=False)
        rows = Table.grid(padding=(0, 2))
        rows.add_row("gateway", self._stage.gateway)
        for name, facts in self._stage.accounts.items():
            rows.add_row(name, f"{facts['base_url']}  [dim]emulator, a process of its own[/]")
        self._console.print(rows)
        self._console.print("\nThe order, the same JSON for each:\n")
        self._console.print(Padding(Text(_compact(chairs("…")), style="cyan"), (0, 2), expand=False))
        self._console.print()

    async def _create(self, account: str) -> dict[str, Any]:
        response = await self._write("/v1/orders", {**chairs(f"demo-{account}"), "account": account})
        order = _body(response, 201)
        _expect(order["total"] == 41000, f"the total is {order['total']}, not 41000")
        _expect(order["status"] == "open", f"the status is {order['status']}, not open")
        self._show_step(
            f"created at [bold]{account}[/]",
            f"{order['id']} is {order['status']}, {amount(order['total'], order['currency'])}; "
            f"there it is {order['provider_order_id']}, {order['provider_status']!r}",
            response,
        )
        return order

    async def _read_back(self, created: Mapping[str, dict[str, Any]]) -> None:
        for account, order in created.items():
            response = await self._get(f"/v1/orders/{order['id']}?refresh=true")
            again = _body(response, 200)
            same = {**again, "synced_at": None} == {**order, "synced_at": None}
            _expect(same, f"{account} answers another order than was created")
            self._show_step(
                f"read again at [bold]{account}[/]",
                "the order at the provider equals the created one, field by field",
                response,
            )

    async def _pay(self, order: dict[str, Any]) -> dict[str, Any]:
        response = await self._write(f"/v1/orders/{order['id']}/pay", {"expected_total": 41000})
        first = _body(response, 200)
        began, now = time.monotonic(), first
        while now["payment_status"] == "pending" and time.monotonic() - began < PAID_WITHIN:
            await asyncio.sleep(0.1)
            now = _body(await self._get(f"/v1/orders/{order['id']}?refresh=true"), 200)
        _expect(now["payment_status"] == "paid", f"the payment is {now['payment_status']}, not paid")
        _expect(now["amount_due"] == 0, f"{now['amount_due']} is still due")
        waited = (
            "at once"
            if now is first
            else f"after {time.monotonic() - began:.1f} s of {first['payment_status']}"
        )
        self._show_step(
            f"paid at [bold]{order['account']}[/]",
            f"{amount(now['amount_paid'], now['currency'])}, {waited}; there it is {now['provider_status']!r}",
            response,
        )
        return now

    async def _refusal(self) -> None:
        for account in self._stage.accounts:
            draft = {**chairs(f"demo-refused-{account}"), "account": account}
            draft["line_items"][0] |= _UNKNOWN_PRODUCTS
            response = await self._write("/v1/orders", draft)
            problem = _body(response, 422)
            provider = problem["provider"]
            _expect(problem["code"] == "provider_rejected", f"the code is {problem['code']}")
            _expect(problem["outcome"] == "not_applied", f"the outcome is {problem['outcome']}")
            pointers = ", ".join(error["pointer"] for error in problem["errors"])
            self._show_step(
                f"refused by [bold]{account}[/]",
                f"its {provider['http_status']} {provider['code']} is our {problem['code']} at {pointers}; "
                f"{problem['outcome']}, retry {problem['retry']}",
                response,
            )

    async def _replay(self) -> None:
        account = next(iter(self._stage.accounts))
        before = await self._orders_at(account)
        draft = {**chairs("demo-replay"), "account": account}
        first = await self._write("/v1/orders", draft, key="the-same-key")
        second = await self._write("/v1/orders", draft, key="the-same-key")
        _expect(first.content == second.content, "the second answer differs from the first")
        _expect(second.headers.get("idempotent-replayed") == "true", "the second answer is not marked")
        made = len(await self._orders_at(account)) - len(before)
        _expect(made == 1, f"{made} orders were made")
        self._show_step(
            "sent twice with one key",
            f"one order at {account}, the same {len(second.content)} bytes again",
            second,
        )

    async def _side_by_side(self, orders: Mapping[str, dict[str, Any]]) -> None:
        raw = {name: await self._raw(name, order["provider_order_id"]) for name, order in orders.items()}
        first = next(iter(orders.values()))
        for name in first.keys() - OWN_FIELDS:
            values = {account: order[name] for account, order in orders.items()}
            same = all(value == first[name] for value in values.values())
            _expect(name == "reference" or same, f"{name} differs: {values}")
        self._console.print("\n[bold]Side by side[/]\n")
        self._console.print(_answers(orders, raw))
        common = len(first.keys() - OWN_FIELDS)
        self._console.print(f"\n[dim]{common} fields are equal; own are {', '.join(sorted(OWN_FIELDS))}[/]\n")

    async def _raw(self, account: str, provider_order_id: str) -> dict[str, Any]:
        orders = await self._orders_at(account)
        return next(order for order in orders if order["id"] == provider_order_id)

    async def _orders_at(self, account: str) -> list[dict[str, Any]]:
        """The provider's own data, without the gateway."""
        url = httpx.URL(self._stage.accounts[account]["base_url"]).copy_with(path="/_emulator/state")
        orders: list[dict[str, Any]] = (await self._client.get(url)).json()["orders"]
        return orders

    async def _write(self, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
        self._step += 1
        headers = {**self._authorization(), "Idempotency-Key": key or f"demo-{self._step}"}
        return await self._client.post(self._stage.gateway + path, json=body, headers=headers)

    async def _get(self, path: str) -> httpx.Response:
        return await self._client.get(self._stage.gateway + path, headers=self._authorization())

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._stage.key}"}

    def _show_step(self, what: str, result: str, response: httpx.Response) -> None:
        milliseconds = response.elapsed.total_seconds() * 1000
        call = f"{response.request.method} → {response.status_code}, {milliseconds:.0f} ms"
        self._console.print(f"[green]✓[/] {what}  [dim]{call}[/]", highlight=False)
        self._console.print(Padding(Text(result), (0, 0, 0, 4), expand=False))


def _compact(draft: dict[str, Any]) -> str:
    """The draft as JSON, one line for each of its parts."""
    parts = {name: json.dumps(value, ensure_ascii=False) for name, value in draft.items()}
    items = ",\n    ".join(json.dumps(line, ensure_ascii=False) for line in draft["line_items"])
    parts["line_items"] = f"[\n    {items}\n  ]"
    return "{\n" + ",\n".join(f'  "{name}": {text}' for name, text in parts.items()) + "\n}"


def chairs(reference: str) -> dict[str, Any]:
    """Return the draft: two chairs and shipping, 410.00 USD."""
    return {
        "reference": reference,
        "currency": "USD",
        "customer": {"id": CUSTOMER},
        "line_items": [
            {"sku": "CHAIR-1", "description": "Deluxe Gamer's Chair", "quantity": 2, "unit_amount": 20000},
            {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1000},
        ],
    }


def _body(response: httpx.Response, status: int) -> dict[str, Any]:
    _expect(
        response.status_code == status,
        f"{response.request.method} {response.request.url.path} answered {response.status_code}, not {status}: "
        f"{response.text[:600]}",
    )
    body: dict[str, Any] = response.json()
    return body


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise TourError(otherwise)


def _answers(orders: Mapping[str, dict[str, Any]], raw: Mapping[str, dict[str, Any]]) -> Table:
    """One row for each fact: each provider's form, and the gateway's single form."""
    table = Table("", *(f"at {name}" for name in orders), "in ordergate", header_style="bold", box=None)
    first = next(iter(orders.values()))
    rows = (
        ("total", ("total", "amount"), f"{first['total']}  ({amount(first['total'], first['currency'])})"),
        ("currency", ("currency",), first["currency"]),
        ("status", ("status",), first["status"]),
        ("lines", ("line_items", "items"), _lines(first["line_items"])),
        ("created", ("created_at", "created"), first["created_at"]),
    )
    for label, names, ours in rows:
        cells = [next((raw[name][key] for key in names if key in raw[name]), "") for name in orders]
        table.add_row(f"[dim]{label}[/]", *(_shown(cell) for cell in cells), f"[green]{ours}[/]")
    return table


def _shown(value: Any) -> str:
    return _lines(value) if isinstance(value, list) else str(value)


def _lines(lines: list[dict[str, Any]]) -> str:
    prices = ("unit_amount", "unit_price", "amount")
    return "\n".join(
        f"{line.get('type', 'line')} {line['quantity']} x {next(line[price] for price in prices if price in line)}"
        for line in lines
    )
