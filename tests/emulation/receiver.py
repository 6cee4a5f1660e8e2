"""A webhook receiver that keeps what it is sent, and answers as a test wants."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec


class Received(msgspec.Struct, frozen=True):
    """One delivery as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers 200, unless `statuses` holds others; None closes the connection without an answer.

    While it is `unanswered`, what comes waits for its answer for ever.
    """

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.statuses: deque[int | None] = deque()
        self.unanswered = False
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def ids(self) -> list[str]:
        return [delivery.json["id"] for delivery in self.received]

    @property
    def types(self) -> list[str]:
        return [delivery.json["type"] for delivery in self.received]

    async def expect(self, count: int) -> list[Received]:
        """Wait until so many deliveries have come, a minute at most, and return them."""
        for _ in range(6000):
            if len(self.received) >= count:
                return self.received
            await asyncio.sleep(0.01)
        raise TimeoutError(f"{len(self.received)} of {count} deliveries: {self.types}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.received.append(await _read(reader))
                if self.unanswered:
                    await reader.read()
                    break
                status = self.statuses.popleft() if self.statuses else 200
                if status is None:
                    break
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n".encode())
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    async def close(self) -> None:
        """Close the connections that are kept alive."""
        for writer in [*self._open]:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Received(method, target, headers, await reader.readexactly(int(headers["content-length"])))


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()
