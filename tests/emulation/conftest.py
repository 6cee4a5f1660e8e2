"""A running emulator for each test, and a client that speaks bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest_asyncio
from tests.emulation.fake_provider import FakeProvider

from ordergate.emulation.server import serve_emulator


class Running:
    """A served fake provider, an HTTP client for it, and raw connections to it."""

    def __init__(self, provider: FakeProvider, base_url: str, client: httpx.AsyncClient) -> None:
        self.provider = provider
        self.base_url = base_url
        self.client = client
        self.host, self.port = urlsplit(base_url).hostname, urlsplit(base_url).port

    async def faults(self, *rules: dict[str, Any]) -> None:
        """Put these rules in force."""
        answer = await self.client.put("/_emulator/faults", json={"rules": list(rules)})
        assert answer.status_code == 200, answer.text

    async def order(self) -> httpx.Response:
        """Create an order."""
        return await self.client.post("/v2/orders", json={})

    async def webhooks(self, url: str | None, **settings: Any) -> dict[str, Any]:
        """Have webhooks delivered there."""
        answer = await self.client.put("/_emulator/webhooks", json={"url": url, **settings})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def tell(self, order: str, *kinds: str) -> None:
        """Let things of these kinds happen to an order, one request each."""
        for kind in kinds:
            assert (await self.client.post(f"/v2/orders/{order}?{kind}")).status_code == 200

    async def clock(self, offset: float) -> None:
        """Put the emulator's time ahead."""
        await self.client.put("/_emulator/clock", json={"offset_seconds": offset})

    async def raw(self, sent: bytes) -> bytes:
        """Send these bytes and return all that came until the server closed the connection."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def first_request(client: httpx.AsyncClient) -> dict[str, Any]:
    """Wait until the provider has received a request, and return its state then."""
    while not (state := (await client.get("/_emulator/state")).json())["requests"]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return state


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, a minute at most."""
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@contextlib.asynccontextmanager
async def running(seed: int = 1, secret: str | None = None, **options: Any) -> AsyncIterator[Running]:
    """Serve a new fake provider, with or without a webhook secret, on a free port."""
    provider = FakeProvider(secret)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_emulator(provider, host="127.0.0.1", port=0, seed=seed, on_ready=ready.set_result, **options)
    )
    try:
        await asyncio.wait([serving, ready], timeout=60, return_when=asyncio.FIRST_COMPLETED)
        base_url = ready.result() if ready.done() else await serving
        async with httpx.AsyncClient(base_url=base_url.removesuffix("/v2"), timeout=60) as client:
            yield Running(provider, base_url, client)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_server() -> AsyncIterator[Running]:
    """One server for a module: starting and ending one takes longer than most tests."""
    async with running() as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared_server: Running) -> Running:
    """The module's server, as if it had just been started."""
    await shared_server.client.post("/_emulator/reset")
    shared_server.provider.resets = 0
    return shared_server
