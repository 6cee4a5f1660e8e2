"""A log that cannot be written fails no request, keeps none waiting, and says afterwards what is missing."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.scenarios.shop import (
    Emulator,
    Shop,
    body_of,
    clean_environment,
    eventually,
    plain_client,
    prepare_store,
    write_config,
)

CREATES = 40


class Server:
    """``serve`` with any standard error."""

    def __init__(self, config: Path, errors: int | None, *more: str) -> None:
        arguments = ["serve", "--config", str(config), "--port", "0", "--announce", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ordergate", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            preexec_fn=None if errors is not None else partial(os.close, 2),  # noqa: PLW1509 - it only closes
            env=clean_environment(),
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().decode().strip()
        assert self.url.startswith("http")

    def end(self) -> int:
        """Ask it to end; return how it did."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Servers that end with the test."""
    started: list[Server] = []
    yield started
    for server in started:
        server.kill()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes one page, so that it is full after a few lines."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


@pytest.fixture
def provider(emulators: Mapping[str, Emulator]) -> str:
    """Any provider: none has a part in it."""
    return min(emulators)


@pytest.fixture
def config(tmp_path: Path, emulators: Mapping[str, Emulator]) -> Path:
    return write_config(tmp_path, emulators, server={"log_level": "debug"})


async def create_many(shop: Shop) -> None:
    """Every create is answered as ever, whatever becomes of the log."""
    before = len(shop.emulator.orders)
    for _ in range(CREATES):
        body_of(await shop.create(), 201)
    assert len(shop.emulator.orders) == before + CREATES
    assert await shop.operations(state="unknown") == []


@pytest.mark.parametrize("log", ["full disk", "reader gone", "nobody reads", "closed"])
async def test_requests_do_not_notice(
    log: str,
    config: Path,
    emulators: Mapping[str, Emulator],
    provider: str,
    servers: list[Server],
    pipe: tuple[int, int],
) -> None:
    """Every create is answered 201, nothing is left unsettled, and SIGTERM ends the process in order."""
    reading, writing = pipe
    errors = {"full disk": os.open("/dev/full", os.O_WRONLY), "closed": None}.get(log, writing)
    key, _ = await prepare_store(config, emulators)
    if log == "reader gone":
        os.close(reading)
    server = Server(config, errors)
    servers.append(server)
    async with plain_client() as client:
        await create_many(Shop(server.url, key, provider, emulators[provider], client, config))

    assert server.end() == 0


async def test_workers_do_not_notice(
    tmp_path: Path,
    postgresql_url: str,
    emulators: Mapping[str, Emulator],
    provider: str,
    servers: list[Server],
    pipe: tuple[int, int],
) -> None:
    """With several workers and a pipe that nobody reads: one that dies is replaced, and the end comes in order."""
    config = write_config(tmp_path, emulators, server={"log_level": "debug"}, store=postgresql_url)
    key, _ = await prepare_store(config, emulators)
    server = Server(config, pipe[1], "--workers", "2")
    servers.append(server)
    async with plain_client() as client:
        shop = Shop(server.url, key, provider, emulators[provider], client, config)
        await create_many(shop)
        before = workers_of(server)
        os.kill(min(before), signal.SIGKILL)
        await eventually(lambda: len(workers_of(server) - {min(before)}) == 2, 60)
        async with plain_client() as another:
            await create_many(replace(shop, client=another))

    assert server.end() == 0


def workers_of(server: Server) -> set[int]:
    """The processes that a server's parent has."""
    task = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {int(process) for process in task.read_text().split()}
