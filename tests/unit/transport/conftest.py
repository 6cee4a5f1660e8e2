"""A provider that is nothing but a socket, and an account that leads there."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.gateway.accounts.account import Account
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.wire import WireRequest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class PlainAdapter:
    """An adapter that signs in plain sight: time, nonce and the number of bytes."""

    name = "plain"
    title = "Plain Pay"
    settings_type = AdapterSettings

    def sign(self, request: WireRequest, settings: Any, now: int, nonce: str) -> WireRequest:
        """Add one header."""
        signature = ("X-Signed", f"{now} {nonce} {len(request.body)}")
        return msgspec.structs.replace(request, headers=(*request.headers, signature))


def account(base_url: str = "https://api.example.test/v2", **changes: Any) -> Account:
    """An account at the plain provider."""
    made = Account(
        name="plain",
        adapter=PlainAdapter(),  # type: ignore[arg-type]
        environment="emulator",
        base_url=base_url,
        settings=None,
        connect_timeout=2,
        read_timeout=2,
        total_timeout=5,
    )
    return msgspec.structs.replace(made, **changes)


class Wire:
    """What a served connection saw, and how it answers.

    Attributes:
        requests: Every request that arrived, as its bytes.
        connections: How many connections were made.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def read_request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request, count it, and return it; empty when there is none."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        return self.requests[-1]


Handler = Callable[[Wire, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Serve connections with this handler; each is closed when it returns."""
    wire = Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.connections += 1
        try:
            await handler(wire, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
