"""Requests that come slowly, in part, or too large, and connections that do nothing: none keeps others out."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests import attack
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import (
    Command,
    Emulator,
    Shop,
    body_of,
    eventually,
    fresh_key,
    plain_client,
    prepare_store,
    problem_of,
    verdict,
    write_config,
)
from tests.scenarios.wire import Wire, connected, head, request

HEAD = 32 * 2**10
MOST_MEMORY = 200 * 10**6
LIVE = head("GET", "/health/live", {})
AFTER_FIX = ("no", "not_applied", "after_fix")


@pytest.fixture
def provider() -> str:
    return "revkeen"


async def refused(wire: Wire, status: int, code: str) -> dict[str, Any]:
    """The problem that comes, and the end of the connection after it."""
    answer = await wire.answer()
    problem = problem_of(answer, status, code)
    assert await wire.end() == b""
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert answer.headers["ordergate-config"]
    return problem


async def alive(wire: Wire) -> None:
    """The connection serves."""
    await wire.send(LIVE)
    assert (await wire.answer()).status_code == 200


LARGE_HEADS = {
    "one header": head("GET", "/health/live", {"X-Large": "x" * HEAD}),
    "one header, without end": b"GET /health/live HTTP/1.1\r\nX-Large: " + b"x" * HEAD,
    "an address": head("GET", "/" + "x" * HEAD, {}),
    "many headers": head("GET", "/health/live", {f"X-{n}": "1" for n in range(100)}),
    "nothing but line breaks": b"\r\n" * HEAD,
    "much more than any buffer": head("GET", "/health/live", {"X-Large": "x" * 8 * 2**20}),
}


@pytest.mark.parametrize("large", LARGE_HEADS)
async def test_large_head(shop: Shop, large: str) -> None:
    """It is 431, whole or not, and the connection ends; the page of the problem says what it means."""
    async with connected(shop.url) as wire:
        await wire.send(LARGE_HEADS[large])
        problem = await refused(wire, 431, "headers_too_large")

    assert verdict(problem) == AFTER_FIX
    assert "32768 bytes and 100 headers" in problem["detail"]
    assert (await shop.get("/problems/headers_too_large")).status_code == 200


async def test_largest_head(shop: Shop) -> None:
    """What is just as large as it may be is served, in one piece, in many, and behind a body that is larger."""
    line = b"GET /health/live HTTP/1.1\r\n"
    most = line + b"Host: gateway\r\nX: " + b"x" * (HEAD - len(line) - 22) + b"\r\n\r\n"
    many = head("GET", "/health/live", {f"X-{n}": "1" for n in range(99)})
    before = b"".join(request("POST", "/hooks/nobody", None, {"x": "x" * 40_000}))
    assert len(most) == HEAD
    async with connected(shop.url) as wire:
        for whole in (most, many):
            await wire.send(whole)
            assert (await wire.answer()).status_code == 200
        for start in range(0, HEAD, 1000):
            await wire.send(most[start : start + 1000])
            await asyncio.sleep(0)
        assert (await wire.answer()).status_code == 200
        await wire.send(before + most)
        assert (await wire.answer()).status_code == 401
        assert (await wire.answer()).status_code == 200


async def test_trailers(shop: Shop) -> None:
    """What follows a body in chunks is no header, and has no more bytes than two heads."""
    chunked = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    write = head("POST", "/v1/orders", chunked) + b"2\r\n{}\r\n0\r\n"
    async with connected(shop.url) as few, connected(shop.url) as large:
        await few.send(write + f"Authorization: Bearer {shop.key}\r\n\r\n".encode())
        problem_of(await few.answer(), 401, "unauthenticated")
        chunked |= {"Authorization": f"Bearer {shop.key}", "Idempotency-Key": fresh_key()}
        await large.send(head("POST", "/v1/orders", chunked) + b"2\r\n{}\r\n0\r\nX: " + b"x" * HEAD * 3)
        await refused(large, 431, "headers_too_large")


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"post /v1/orders HTTP/1.1\r\nHost: gateway\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost gateway\r\n\r\n",
    ],
)
async def test_what_is_not_http(shop: Shop, wrong: bytes) -> None:
    """It is 400, and a problem like any other."""
    async with connected(shop.url) as wire:
        await wire.send(wrong)
        assert verdict(await refused(wire, 400, "invalid_request")) == AFTER_FIX


async def test_slow_head(open_another: OpenShop) -> None:
    """It is 408 in time, on a new connection and on one that was used; one that says nothing is closed."""
    shop = await open_another(server={"head_timeout": 0.4})
    async with connected(shop.url) as new, connected(shop.url) as used, connected(shop.url) as silent:
        await alive(used)
        for wire in (new, used):
            await wire.send(LIVE[:-2])
        problems = [await refused(wire, 408, "request_timeout") for wire in (new, used)]
        assert await silent.end() == b""

    assert [verdict(problem) for problem in problems] == [AFTER_FIX] * 2
    assert "within 0.4 s" in problems[0]["detail"]
    assert (await shop.get("/problems/request_timeout")).status_code == 200


async def test_slow_body(open_another: OpenShop) -> None:
    """It is 408 in time, also for a webhook; nothing has happened, and the same key may be used."""
    shop = await open_another(server={"body_timeout": 0.4})
    key = fresh_key()
    most, _ = request("POST", "/v1/orders", shop.key, shop.draft(), Idempotency_Key=key)
    told, _ = request("POST", "/hooks/revkeen", None, {})
    async with connected(shop.url) as writing, connected(shop.url) as telling:
        for wire, sent in ((writing, most), (telling, told)):
            await wire.send(sent)
        problems = [await refused(wire, 408, "request_timeout") for wire in (writing, telling)]

    assert [verdict(problem) for problem in problems] == [AFTER_FIX] * 2
    assert [problem["instance"] for problem in problems] == ["/v1/orders", "/hooks/revkeen"]
    assert await shop.operations() == []
    body_of(await shop.create(key=key), 201)


async def test_rest_that_nobody_waits_for(open_another: OpenShop) -> None:
    """After an answer that came before the end of the body, the body may end; if it does not, the connection does."""
    shop = await open_another(server={"body_timeout": 1})
    most, rest = request("POST", "/v1/orders", None, {})
    async with connected(shop.url) as ending, connected(shop.url) as endless:
        for wire in (ending, endless):
            await wire.send(most)
            problem_of(await wire.answer(), 401, "unauthenticated")
        await ending.send(rest)
        await alive(ending)
        assert await endless.end() == b""


async def test_refusal_waits_for_the_answer_before(open_another: OpenShop) -> None:
    """A client that has sent a second request has the first one's answer, never the second's refusal in its place."""
    shop = await open_another(server={"head_timeout": 0.2})
    shop.emulator.faults({"match": {"method": "POST"}, "at": "before", "do": "delay", "seconds": 0.5})
    for second in (LARGE_HEADS["one header"], b"no HTTP\r\n\r\n", LIVE[:-2]):
        async with connected(shop.url) as wire:
            first = request("POST", "/v1/orders", shop.key, shop.draft(), Idempotency_Key=fresh_key())
            await wire.send(b"".join(first))
            await eventually(lambda: shop.gateway.metrics.in_flight == 1)
            await wire.send(second)
            body_of(await wire.answer(), 201)
            rest = await wire.end()
        assert rest.startswith(b"HTTP/1.1 408") if second == LIVE[:-2] else rest == b""


async def test_requests_that_wait_for_an_answer_are_few(shop: Shop) -> None:
    """Of a thousand that are sent at once on one connection some are answered, in order, and it ends."""
    async with connected(shop.url) as wire:
        await wire.send(LIVE * 1000)
        answered = await wire.end()

    assert 1 <= answered.count(b"HTTP/1.1 200") < 100
    assert answered.count(b"HTTP/1.1") == answered.count(b"HTTP/1.1 200")


async def test_oldest_idle_connection_is_let_go(open_another: OpenShop) -> None:
    """For one connection more than there may be, the one that idles the longest ends, then the slowest sender."""
    shop = await open_another(server={"max_connections": 3})
    async with AsyncExitStack() as connections:

        async def another() -> Wire:
            return await connections.enter_async_context(connected(shop.url))

        first, second, slow = await another(), await another(), await another()
        await alive(first)
        await alive(second)
        await slow.send(LIVE[:-2])
        await alive(first)  # so the second one idles longer

        third = await another()
        await alive(third)
        assert await second.end() == b""
        fourth = await another()
        await alive(fourth)
        assert await first.end() == b""

        # Those that work are left alone.
        shop.emulator.faults({"match": {"method": "POST"}, "at": "before", "do": "delay", "seconds": 1})
        for wire in (third, fourth):
            write = request("POST", "/v1/orders", shop.key, shop.draft(), Idempotency_Key=fresh_key())
            await wire.send(b"".join(write))
        await eventually(lambda: shop.gateway.metrics.in_flight == 2)
        fifth = await another()
        await refused(slow, 408, "request_timeout")
        await alive(fifth)
        body_of(await third.answer(), 201)
        body_of(await fourth.answer(), 201)


async def test_no_connection_is_free(open_another: OpenShop) -> None:
    """While a request is worked on for each, one more is told to come back."""
    shop = await open_another(server={"max_connections": 1})
    shop.emulator.faults({"match": {"method": "POST"}, "at": "before", "do": "delay", "seconds": 1})
    write = b"".join(request("POST", "/v1/orders", shop.key, shop.draft(), Idempotency_Key=fresh_key()))
    async with connected(shop.url) as busy:
        await busy.send(write)
        await eventually(lambda: shop.gateway.metrics.in_flight == 1)
        async with connected(shop.url) as beyond:
            problem = await refused(beyond, 503, "overloaded")
        body_of(await busy.answer(), 201)

    assert verdict(problem) == ("no", "not_applied", "same_key")
    assert problem["retry_after"] == 1


class Cramped(Command):
    """A command that may have few files open."""

    before = ("sh", "-c", 'ulimit -n 300; exec "$@"', "sh")


class Served:
    """A gateway in a process of its own, and one of its callers."""

    def __init__(self, command: Command, shop: Shop) -> None:
        self.shop = shop
        self._process = psutil.Process(command.process.pid)

    @property
    def memory(self) -> int:
        return int(self._process.memory_info().rss)


@asynccontextmanager
async def served(
    command: Command, emulators: Mapping[str, Emulator], key: str, config: Path
) -> AsyncIterator[Served]:
    """See a gateway that has just been started with its caller's eyes."""
    url = await asyncio.to_thread(command.line)
    async with plain_client() as client:
        yield Served(command, Shop(url, key, "revkeen", emulators["revkeen"], client, config))


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Start]:
    """Starts a command that may have few files open."""
    commands: list[Command] = []

    def begin(*arguments: str) -> Command:
        commands.append(Cramped(tmp_path / "serve.log", *arguments))
        return commands[-1]

    yield begin
    for command in commands:
        command.end()


async def test_idle_connections_leave_room(
    cramped: Start, emulators: Mapping[str, Emulator], tmp_path: Path
) -> None:
    """Where few files may be open, more idle connections than that do not keep a caller out."""
    mine = {"revkeen": emulators["revkeen"]}
    config = write_config(tmp_path, mine)
    key, _ = await prepare_store(config, mine)
    command = cramped("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with served(command, emulators, key, config) as gateway, AsyncExitStack() as idle:
        for _ in range(330):
            await idle.enter_async_context(connected(gateway.shop.url))
        for _ in range(10):
            async with plain_client() as caller:
                headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": fresh_key()}
                url = f"{gateway.shop.url}/v1/orders"
                body_of(await caller.post(url, json=gateway.shop.draft(), headers=headers), 201)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_ipv4_address_is_one_of_ipv4(
    start: Start, emulators: Mapping[str, Emulator], tmp_path: Path
) -> None:
    """A gateway that listens at :: knows a caller over IPv4 by his own address: this machine, to /metrics."""
    config = write_config(tmp_path, {})
    await prepare_store(config, {})
    command = start(
        *("serve", "--config", str(config), "--host", "::", "--port", "0"), "--announce", "--stop-with-stdin"
    )
    port = (await asyncio.to_thread(command.line)).rpartition(":")[2]
    async with plain_client() as client:
        for host in ("127.0.0.1", "[::1]"):
            assert (await client.get(f"http://{host}:{port}/metrics")).status_code == 200


async def test_attack(start: Start, emulators: Mapping[str, Emulator], tmp_path: Path) -> None:
    """Slow, large and unfinished requests on hundreds of connections: another caller is served, memory is bounded."""
    mine = {"revkeen": emulators["revkeen"]}
    config = write_config(tmp_path, mine, server={"body_timeout": 10})
    key, _ = await prepare_store(config, mine)
    command = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with served(command, emulators, key, config) as gateway:
        attackers = attack.begin(gateway.shop.url)
        memory, orders = [gateway.memory], 0
        try:
            while attackers.poll() is None:
                body_of(await gateway.shop.create(), 201)
                orders += 1
                memory.append(gateway.memory)
        finally:
            attackers.kill()
            answered, _ = attackers.communicate()

        assert json.loads(answered) == {
            "unfinished bodies": {"408": attack.UNFINISHED},
            "slow heads": {"408": attack.SLOW},
            "large heads": {"431": 2 * attack.LARGE},
        }
        assert max(memory) < MOST_MEMORY, max(memory)
        assert len(gateway.shop.emulator.orders) == orders > 0
