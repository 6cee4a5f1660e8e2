"""The server's life: its port, its ticking, its end."""

import asyncio
import json
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.emulation.conftest import Running, first_request, running, until
from tests.emulation.fake_provider import FakeProvider

from ordergate.emulation.server import announcement, serve_emulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).with_name("fake_provider.py")


async def start_process(*arguments: str) -> tuple[asyncio.subprocess.Process, dict[str, Any]]:
    """Start the fake provider as a process of its own, and return what it announced."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    return process, json.loads(await asyncio.wait_for(process.stdout.readline(), 60))


async def assert_nobody_listens(base_url: str) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(base_url)


async def test_payments_close_by_themselves(server: Running) -> None:
    """Time passes at the provider although nobody asks it anything."""
    await server.order()
    order = server.provider.orders[0]

    assert order["status"] == "open"
    await until(lambda: order["status"] == "paid")


async def test_the_announcement_is_what_a_configuration_wants(server: Running) -> None:
    """The base URL has the real port and the base path; everything is plain JSON."""
    announced = announcement("fake", server.provider, server.base_url)

    assert server.port != 0
    assert json.loads(json.dumps(announced)) == {
        "adapter": "fake",
        "base_url": f"http://127.0.0.1:{server.port}/v2",
        "credentials": {"api_key": "key_1"},
        "webhook_secret": None,
        "customer": "cus_1",
        "products": ["prod_1"],
        "payment_methods": ["pm_1"],
    }


async def test_a_taken_port_is_an_error_before_anything_is_announced() -> None:
    """Nobody is told of a server that cannot be."""
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve_emulator(
            FakeProvider(), host="127.0.0.1", port=taken.getsockname()[1], seed=1, on_ready=told.append
        )

    assert told == []


async def test_cancellation_closes_the_port() -> None:
    """A server in a task ends with the task, and nobody listens any more."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_emulator(FakeProvider(), host="127.0.0.1", port=0, seed=1, on_ready=ready.set_result)
    )
    base_url = await ready

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    await assert_nobody_listens(base_url)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_soon_and_in_peace(end: signal.Signals) -> None:
    """Idle, half-sent and delayed requests hold nothing up, the code is 0, and nothing is written."""
    process, announced = await start_process()
    origin = announced["base_url"].removesuffix("/v2")
    port = int(origin.rpartition(":")[2])
    async with httpx.AsyncClient(base_url=origin) as client:
        rules = [{"do": "delay", "seconds": 60}]
        assert (await client.put("/_emulator/faults", json={"rules": rules})).status_code == 200
        delayed = asyncio.create_task(client.post("/v2/orders"))
        _, half = await asyncio.open_connection("127.0.0.1", port)
        half.write(b"POST /v2/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{")
        await first_request(client)

        process.send_signal(end)
        out, err = await asyncio.wait_for(process.communicate(), 50)

        half.close()
        assert (process.returncode, out, err) == (0, b"", b"")
        assert (await delayed).status_code == 201


async def test_another_event_loop_closes_connections_too() -> None:
    """Dropping works on uvloop, whose transports are not asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    def serve_and_drop() -> bytes:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_dropped())

    assert await asyncio.to_thread(serve_and_drop) == b""


async def _dropped() -> bytes:
    async with running() as served:
        await served.faults({"do": "drop"})
        return await served.raw(b"GET /v2/x HTTP/1.1\r\nHost: a\r\n\r\n")


async def test_standard_input_can_end_the_process() -> None:
    """A supervisor that closes its end of the pipe takes the emulator with it."""
    process, _ = await start_process("--stop-with-stdin")
    assert process.stdin is not None

    process.stdin.close()
    out, err = await asyncio.wait_for(process.communicate(), 50)

    assert (process.returncode, out, err) == (0, b"", b"")


async def test_an_emulator_that_fails_as_time_passes_ends_the_server() -> None:
    """A defect outside any request is raised to whoever serves, and the port is closed."""

    class Defective(FakeProvider):
        def advance(self, now: float) -> None:
            raise RuntimeError("time is out of joint")

    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with pytest.raises(RuntimeError, match="out of joint"):
        await serve_emulator(Defective(), host="127.0.0.1", port=0, seed=1, on_ready=ready.set_result)

    await assert_nobody_listens(await ready)


async def test_answers_do_not_wait_for_acknowledgements(server: Running) -> None:
    """On one connection no answer has to take the 40 ms that Nagle's algorithm costs each: the quickest tells."""
    took = []
    for _ in range(60):
        started = time.monotonic()
        await server.client.get("/v2/x")
        took.append(time.monotonic() - started)

    assert min(took[40:]) < 0.03
