"""A merchant's side of the gateway, the emulators behind it, and the commands as processes."""

import asyncio
import contextlib
import itertools
import os
import re
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import tomli_w
from tests.scenarios import written

from ordergate.console.plugin import Console
from ordergate.gateway.access.caller import MERCHANT_SCOPES, OPERATOR_SCOPE, hash_key, make_key
from ordergate.gateway.inbound.poll import polling
from ordergate.gateway.inbound.resync import resyncing
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.outbound.deliver import delivering
from ordergate.gateway.outbound.feed import outbox
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.lease import leased
from ordergate.gateway.writes.recovery import recovering
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey
from ordergate.listener.connections import Connections
from ordergate.listener.server import address, listen, server_of
from ordergate.server.bootstrap import open_gateway, open_journal
from ordergate.server.running import limits_of
from ordergate.settings import load_settings
from ordergate.web.app import create_app

PATIENCE = 60.0
"""Seconds that a test waits at most for what comes soon: much, because a machine may be busy."""

MERCHANT = "acme"
CUSTOMER = "cust-42"
SKUS = ("CHAIR-1", "DESK-1", "LAMP-1")
CARD = "card-on-file"

DOCUMENTED_MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "fault",
    "sent",
    "outcome",
    "retry",
    "retry_after",
    "errors",
    "provider",
    "operation",
    "order",
    "request_id",
}
"""Every problem has all of these."""

_keys = itertools.count(1)
_applications: dict[tuple[int, str], tuple[Runtime, Any]] = {}


class Emulator:
    """An emulator in a process of its own, and its control plane."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.adapter: str = facts["adapter"]
        self.base_url: str = facts["base_url"]
        self.credentials: dict[str, str] = facts["credentials"]
        written.credentials.update(self.credentials.values())
        self.webhook_secret: str | None = facts["webhook_secret"]
        written.credentials.update({self.webhook_secret} - {None})
        self.customer: str = facts["customer"]
        self.products: list[str] = facts["products"]
        self.payment_methods: list[str] = facts["payment_methods"]
        self._control = httpx.Client(
            base_url=httpx.URL(self.base_url).copy_with(path="/_emulator/"), verify=False
        )

    def close(self) -> None:
        self._control.close()

    def state(self) -> dict[str, Any]:
        return self._call("GET", "state")

    @property
    def orders(self) -> list[dict[str, Any]]:
        """What the provider has, in its own form."""
        return self.state()["orders"]

    @property
    def requests(self) -> int:
        """How many requests came for the provider's own paths."""
        return self.state()["requests"]

    def reset(self) -> None:
        self._call("POST", "reset")

    def faults(self, *rules: dict[str, Any]) -> None:
        self._call("PUT", "faults", {"rules": list(rules)})

    def switch(self, **switches: Any) -> None:
        self._call("PUT", "switches", switches)

    def webhooks(self, url: str | None, **settings: Any) -> None:
        """Have webhooks delivered there; without settings, as a provider does on a good day."""
        self._call("PUT", "/webhooks", {"url": url, **settings})

    def deliveries(self) -> list[dict[str, Any]]:
        """The log of the deliveries, oldest first."""
        entries: list[dict[str, Any]] = self._call("GET", "/webhooks")["deliveries"]
        return entries

    def act(self, provider_order_id: str, action: str, **details: Any) -> None:
        self._call("POST", f"orders/{provider_order_id}/do", {"action": action, **details})

    @property
    def catalog(self) -> dict[str, Any]:
        """What exists at the provider before the first order."""
        return self._call("GET", "catalog")

    def payment_method(self, **wanted: Any) -> str:
        """The id of a payment method in the catalog that is like this."""
        methods = self._call("GET", "catalog")["payment_methods"]
        return next(method["id"] for method in methods if wanted.items() <= method.items())

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._control.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(frozen=True)
class Shop:
    """The gateway as one API key sees it.

    Attributes:
        account: The account whose provider the test is about.
        gateway: The gateway itself where it runs in this process.
    """

    url: str
    key: str | None
    account: str
    emulator: Emulator
    client: httpx.AsyncClient
    config: Path
    gateway: Runtime | None = field(default=None, repr=False)

    @property
    def journal(self) -> Journal:
        assert self.gateway is not None
        return self.gateway.journal

    def using(self, key: str | None) -> "Shop":
        """The same gateway, seen with another key."""
        return replace(self, key=key)

    async def another(self, merchant: str | None = MERCHANT, **options: Any) -> "Shop":
        """The same gateway, seen with a new key; that of an operator where no merchant is named."""
        return self.using(await add_key(self.journal, merchant, **options))

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        headers |= options.pop("headers", {})
        return await self.client.request(method, self.url + path, headers=headers, **options)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.call("GET", path, params=params or None)

    async def post(
        self, path: str, body: Any, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Write with this Idempotency-Key, or one that was never used."""
        headers = {"Idempotency-Key": key or fresh_key(), **(headers or {})}
        return await self.call("POST", path, json=body, headers=headers)

    def draft(self, **changes: Any) -> dict[str, Any]:
        """Two chairs and shipping, 410.00 USD, at this shop's account."""
        return {"account": self.account, **chairs(), **changes}

    async def create(
        self, draft: Any = None, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.post("/v1/orders", self.draft() if draft is None else draft, key, headers)

    async def order(self, **changes: Any) -> dict[str, Any]:
        """Create an order."""
        return body_of(await self.create(self.draft(**changes)), 201)

    async def read(self, order: dict[str, Any], *, refresh: bool = False) -> dict[str, Any]:
        """The order as it is now."""
        params = {"refresh": "true"} if refresh else {}
        return body_of(await self.get(f"/v1/orders/{order['id']}", **params), 200)

    async def pay(self, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
        return await self.post(f"/v1/orders/{order['id']}/pay", body, key)

    async def cancel(self, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
        return await self.post(f"/v1/orders/{order['id']}/cancel", body, key)

    async def fulfill(self, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
        return await self.post(f"/v1/orders/{order['id']}/fulfill", body, key)

    async def update(self, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
        """Change an order, with this Idempotency-Key if there is one."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("PATCH", f"/v1/orders/{order['id']}", json=body, headers=headers)

    async def give_back(self, order: dict[str, Any], key: str | None = None, **body: Any) -> httpx.Response:
        """Return goods."""
        return await self.post(f"/v1/orders/{order['id']}/returns", body, key)

    async def adopt(self, provider_order_id: str, **body: Any) -> httpx.Response:
        """Import an order of the account."""
        path = f"/v1/accounts/{self.account}/orders/import"
        return await self.call("POST", path, json={"provider_order_id": provider_order_id, **body})

    async def paid_order(self, **changes: Any) -> dict[str, Any]:
        """Create an order, pay it, and wait until the payment has closed."""
        order = await self.order(**changes)
        body_of(await self.pay(order), 200)
        return await self.until_paid(order)

    async def until_paid(self, order: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = await self.read(order, refresh=True)
            if now["payment_status"] == "paid":
                return now
            await asyncio.sleep(0.05)
        raise TimeoutError(now["payment_status"])

    async def operation(self, operation_id: str) -> dict[str, Any]:
        return body_of(await self.get(f"/v1/operations/{operation_id}"), 200)

    async def settled(self, operation_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The operation, once it is known what became of it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = await self.operation(operation_id)
            if now["state"] in {"succeeded", "failed"}:
                return now
            await asyncio.sleep(0.05)
        raise TimeoutError(now)

    async def operations(self, **filters: Any) -> list[dict[str, Any]]:
        """The merchant's operations, newest first."""
        return body_of(await self.get("/v1/operations", **filters), 200)["data"]


def chairs() -> dict[str, Any]:
    """Two chairs and shipping, 410.00 USD."""
    return {
        "currency": "USD",
        "customer": {"id": CUSTOMER},
        "line_items": [
            {"sku": "CHAIR-1", "description": "Deluxe Gamer's Chair", "quantity": 2, "unit_amount": 20000},
            {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1000},
        ],
    }


def product(**changes: Any) -> dict[str, Any]:
    """One product line of 200.00."""
    return {"sku": "CHAIR-1", "description": "Chair", "quantity": 1, "unit_amount": 20000, **changes}


def shipping(**changes: Any) -> dict[str, Any]:
    """A shipping line of 10.00."""
    return {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1000, **changes}


def fresh_key() -> str:
    """An Idempotency-Key that was never used."""
    return f"key-{next(_keys)}"


def body_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The answer's body, if it has this status and is no problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json", answer.headers
    return answer.json()


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, if it is whole and this one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem.keys() == DOCUMENTED_MEMBERS
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert said_twice(problem["detail"]) == [], problem["detail"]
    return problem


def said_twice(text: str) -> list[str]:
    """The parts of a text that it has said before: "The order is paid: the order is paid."."""
    parts = [part.strip().casefold() for part in re.split(r"[.:;,!?](?:\s|$)", text)]
    return [part for number, part in enumerate(parts) if len(part) > 3 and part in parts[:number]]


def pointers(problem: Mapping[str, Any]) -> list[str]:
    """Which fields a problem blames."""
    return [error["pointer"] for error in problem["errors"]]


def verdict(problem: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """What a problem says of the write: whether it was sent, what came of it, and what to do next."""
    return problem["sent"], problem["outcome"], problem["retry"]


async def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.02)


def free_port() -> int:
    """A port on which nobody listens, below those that the system gives to connections in the meantime."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def write_config(
    folder: Path,
    emulators: Mapping[str, Emulator],
    *,
    server: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    more_accounts: Mapping[str, Any] | None = None,
    recovery: Mapping[str, Any] | None = None,
    webhooks: Mapping[str, Any] | None = None,
    inbound: Mapping[str, Any] | None = None,
    hooks: str | None = None,
    store: str | None = None,
    routing: Mapping[str, Any] | None = None,
) -> Path:
    """Write a configuration with one account for each emulator, named like its adapter.

    Args:
        folder: Where the file and the journal are.
        emulators: What the accounts lead to.
        server: Keys of ``[server]``.
        account: Keys that every account has besides its own.
        more_accounts: Further accounts.
        recovery: Keys of ``[recovery]``.
        webhooks: Keys of ``[webhooks]``.
        inbound: Keys of ``[inbound]``.
        hooks: The gateway's URL as the providers know it, to verify webhooks; None verifies none.
        store: The journal's URL; a file in the folder where none is given.
        routing: Keys of ``[routing]``.
    """
    accounts = {
        name: {
            "adapter": name,
            "environment": "emulator",
            "base_url": emulator.base_url,
            "merchants": [MERCHANT],
            **emulator.credentials,
            **(_verification(name, emulator, hooks) if hooks else {}),
            **(account or {}),
        }
        for name, emulator in emulators.items()
    }
    document = {
        "server": {"log_format": "json", "shutdown_timeout": 2, **(server or {})},
        "store": {"url": store or f"sqlite:///{folder / 'journal.db'}"},
        "recovery": dict(recovery or {}),
        "webhooks": dict(webhooks or {}),
        "inbound": dict(inbound or {}),
        "accounts": {**accounts, **(more_accounts or {})},
        "routing": {"default": list(accounts), **(routing or {})},
    }
    file = folder / "ordergate.toml"
    file.write_text(tomli_w.dumps(document))
    return file


def _verification(name: str, emulator: Emulator, url: str) -> dict[str, Any]:
    """What an account needs to verify webhooks: a secret, or the address over which its keys sign."""
    if emulator.webhook_secret is None:
        return {"webhook_url": f"{url}/hooks/{name}"}
    return {"webhook_secrets": [emulator.webhook_secret]}


async def add_key(
    journal: Journal,
    merchant: str | None = MERCHANT,
    *,
    world: str = "test",
    scopes: tuple[str, ...] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Make a key; an operator's where no merchant is named."""
    default = (OPERATOR_SCOPE,) if merchant is None else MERCHANT_SCOPES
    key, token = make_key(
        merchant=merchant,
        world=world,
        scopes=default if scopes is None else scopes,
        now=datetime.now(UTC),
        expires_at=expires_at,
    )
    await journal.write(tx.keys.add(key, hash_key(token)))
    return token


async def link_all(journal: Journal, emulators: Mapping[str, Emulator], merchant: str = MERCHANT) -> None:
    """Link the merchant's customer, products and card to what the emulators' catalogs hold."""
    rows = [
        ("customers", CUSTOMER, {name: emulator.customer for name, emulator in emulators.items()}),
        ("payment_methods", CARD, {name: e.payment_methods[0] for name, e in emulators.items()}),
        *(
            ("products", sku, {name: emulator.products[index] for name, emulator in emulators.items()})
            for index, sku in enumerate(SKUS)
        ),
    ]
    for kind, name, links in rows:
        await journal.write(tx.links.put(LinkKey(merchant=merchant, world="test", kind=kind, id=name), links))


@asynccontextmanager
async def open_shop(
    config: Path,
    emulators: Mapping[str, Emulator],
    account: str,
    environment: Mapping[str, str] | None = None,
    *,
    recovers: bool = False,
    delivers: bool = False,
    port: int = 0,
) -> AsyncIterator[Shop]:
    """Serve a configuration in this process, on a port of its own, with one merchant and his links.

    Args:
        config: The configuration's file.
        emulators: What its accounts lead to.
        account: The account that the shop's orders go to.
        environment: Variables that the configuration refers to.
        recovers: Look after operations of unknown outcome, and after what providers tell, as ``serve`` does.
        delivers: Deliver webhooks, as ``serve`` does.
        port: Where to listen; 0 for any free one.
    """
    settings = load_settings(config, environment or {})
    async with AsyncExitStack() as parts:
        gateway = await parts.enter_async_context(open_gateway(settings, serving=True))
        if recovers or delivers:
            await parts.enter_async_context(leased(gateway, drain=2))
        if recovers:
            await parts.enter_async_context(recovering(gateway, failover_as_routed))
            await parts.enter_async_context(resyncing(gateway))
            await parts.enter_async_context(polling(gateway))
        if delivers:
            await parts.enter_async_context(outbox(gateway))
            await parts.enter_async_context(delivering(gateway))
        client = await parts.enter_async_context(plain_client())
        key = await add_key(gateway.journal)
        await link_all(gateway.journal, emulators)
        app = _application(gateway, settings.server.max_body_bytes, settings.server.root_path)
        limits = limits_of(settings.server, settings.server.max_connections)
        protocol = Connections(limits, app.refuse).protocol
        async with _served(app, protocol, settings.server.shutdown_timeout, port) as url:
            yield Shop(
                url=url,
                key=key,
                account=account,
                emulator=emulators[account],
                client=client,
                config=config,
                gateway=gateway,
            )
            await client.aclose()


def plain_client() -> httpx.AsyncClient:
    """A client for loopback alone: reading certificates would take longer than a test."""
    return httpx.AsyncClient(timeout=30, verify=False)


@asynccontextmanager
async def _served(app: Any, protocol: Any, shutdown_timeout: float, port: int) -> AsyncIterator[str]:
    """Serve on a port; without the server's own loop, whose ticks would slow every test's end."""
    with listen("127.0.0.1", port) as listener:
        server = server_of(app, lambda: None, protocol=protocol, shutdown_timeout=shutdown_timeout)
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([listener])
        try:
            yield address(listener)
        finally:
            await server.shutdown([listener])


def _application(gateway: Runtime, max_body_bytes: int, root_path: str) -> Any:
    """The application around this gateway: built once and refilled, since building takes longer than a test."""
    settings = max_body_bytes, root_path
    if settings not in _applications:
        held = replace(gateway)
        plugins = [Console(every=0.5)]
        made = create_app(held, max_body_bytes=max_body_bytes, root_path=root_path, plugins=plugins)
        _applications[settings] = held, made
    held, app = _applications[settings]
    for part in fields(gateway):
        setattr(held, part.name, getattr(gateway, part.name))
    return app


async def prepare_store(config: Path, emulators: Mapping[str, Emulator]) -> tuple[str, str]:
    """Put the merchant's links and two keys, his and an operator's, into a store that nobody serves yet."""
    journal = await open_journal(load_settings(config, {}).store.url)
    try:
        await link_all(journal, emulators)
        return await add_key(journal), await add_key(journal, None)
    finally:
        await journal.close()


class Command:
    """One of our commands as a process, ended with the test that started it."""

    before: tuple[str, ...] = ()
    """What starts it, if not this process itself."""

    def __init__(self, log: Path, *arguments: str, stderr: int | None = None, **environment: str) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.before, sys.executable, "-m", "ordergate", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors if stderr is None else stderr,
                env=clean_environment() | environment,
            )

    def line(self, seconds: float = 300) -> str:
        """The next line on its standard output."""
        stdout = self.process.stdout
        assert stdout is not None
        readable, _, _ = select.select([stdout], [], [], seconds)
        line = stdout.readline().decode() if readable else ""
        assert line, f"it said nothing (exit code {self.process.poll()}):\n{self.log.read_text()[-2000:]}"
        return line.strip()

    def end(self, seconds: float = 10) -> int:
        """Ask it to end, and return how it did."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self._close()

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def start_emulator(name: str, log: Path, port: int = 0) -> Command:
    """Start an emulator; its first line says where it is."""
    return Command(log, "emulate", name, "--port", str(port), "--json", "--stop-with-stdin")


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of the gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORDERGATE_")}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end, with these variables added to its environment."""
    return subprocess.run(
        [sys.executable, "-m", "ordergate", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
        env=clean_environment() | environment,
    )
