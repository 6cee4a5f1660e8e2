"""How many verified webhooks one process takes in a second, each durable in SQLite before its answer; and a floor."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import tomli_w
from tests.scenarios.shop import free_port

from campaigns.bench.figures import Figure
from campaigns.bench.servers import is_ready, processor_seconds, running, script, serving
from ordergate.gateway.accounts.registry import installed_adapter
from ordergate.spi.emulator import DeliveryAttempt, WebhookEvent

ADAPTER = "revkeen"
WEBHOOKS = 6_000
WARM_UP = 300
CONNECTIONS = 32
_OK = b"HTTP/1.1 200"


def measure(webhooks: int = WEBHOOKS) -> list[Figure]:
    """Measure the intake of a gateway that does nothing else, and its floor.

    Raises:
        MeasuringFailedError: A process does not start.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, environment = free_port(), {**os.environ, "ORDERGATE_CONFIG": str(_config(folder))}
        log = folder / "gateway.log"
        with running(serving(port), log, lambda: is_ready(port), environment) as process:
            ours = _figures("ordergate", process, f"http://127.0.0.1:{port}", webhooks)
        secret = installed_adapter(ADAPTER).emulator(1).describe().webhook_secret
        with script("floor", folder, "intake.py", secret, f"{folder}/floor.db") as peer:
            return [*ours, *_figures("floor", peer.process, peer.url, webhooks)]


def _figures(who: str, process: int, url: str, webhooks: int) -> list[Figure]:
    asyncio.run(_deliver(_requests(url, 0, WARM_UP)))
    prepared = list(_requests(url, WARM_UP, webhooks))
    before, began = processor_seconds(process), time.perf_counter()
    asyncio.run(_deliver(iter(prepared)))
    took, used = time.perf_counter() - began, processor_seconds(process) - before
    name = f"{who}: webhooks verified and durable, sqlite, {CONNECTIONS} at once"
    return [
        Figure(name, "rate", round(webhooks / took, 1), "/s"),
        Figure(name, "CPU each", round(used / webhooks * 1e6, 1), "µs"),
    ]


def _config(folder: Path) -> Path:
    described = installed_adapter(ADAPTER).emulator(1).describe()
    account = {
        "adapter": ADAPTER,
        "environment": "emulator",
        "base_url": "http://127.0.0.1:9",
        "accept": "none",  # what is taken in is not worked on: the provider is not there
        "webhook_secrets": [described.webhook_secret],
        **described.credentials,
    }
    file = folder / "ordergate.toml"
    store = {"url": f"sqlite:///{folder / 'journal.db'}"}
    file.write_text(tomli_w.dumps({"store": store, "accounts": {ADAPTER: account}}))
    return file


def _requests(url: str, first: int, count: int) -> Iterator[bytes]:
    """Signed deliveries of different events, as the provider would send them."""
    emulator = installed_adapter(ADAPTER).emulator(1)
    address = f"{url}/hooks/{ADAPTER}"
    now = time.time()
    attempt = DeliveryAttempt(number=1, url=address, signed_at=now, first_signed_at=now, secrets=())
    for number in range(first, first + count):
        body = _body(number)
        event = WebhookEvent(
            id=f"evt_{number}", type="order.paid", order_id=f"order-{number % 500}", body=body
        )
        headers = {
            "Host": url.partition("//")[2],
            "Content-Length": str(len(body)),
            **emulator.sign_delivery(event, attempt),
        }
        head = [f"POST /hooks/{ADAPTER} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        yield "\r\n".join([*head, "", ""]).encode() + body


def _body(number: int) -> bytes:
    order = {"id": f"order-{number % 500}", "object": "order", "metadata": {}, "notes": "x" * 1_000}
    event = {"id": f"evt_{number}", "type": "order.paid", "created": 1_800_000_000, "data": {"object": order}}
    return json.dumps(event).encode()


async def _deliver(requests: Iterator[bytes]) -> None:
    """Send them over several connections, the next one of each after its answer."""
    first = next(requests)
    host, _, port = first.partition(b"Host: ")[2].partition(b"\r\n")[0].decode().partition(":")
    waiting = iter([first, *requests])

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(_OK):
                raise AssertionError(body)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
