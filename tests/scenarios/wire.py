"""HTTP/1.1 as bytes on a connection: for requests that come slowly, in parts, or not as they should."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx


class Wire:
    """A connection on which any bytes can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, seconds: float = 30) -> httpx.Response:
        """The next answer, whole."""
        async with asyncio.timeout(seconds):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status, *lines = head.decode().rstrip("\r\n").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers["content-length"]))
        return httpx.Response(int(status.split()[1]), headers=headers, content=body)

    async def end(self, seconds: float = 30) -> bytes:
        """What still comes until the server closes."""
        async with asyncio.timeout(seconds):
            return await self._reader.read()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Wire]:
    """Connect to a gateway."""
    match = re.fullmatch(r"http://(.+):(\d+)", url)
    assert match is not None
    reader, writer = await asyncio.open_connection(match[1].strip("[]"), int(match[2]))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request up to its body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", *(f"{name}: {v}" for name, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def request(method: str, path: str, key: str | None, body: Any, **headers: str) -> tuple[bytes, bytes]:
    """A write with JSON in two parts: all but the last byte of its body, and that byte."""
    content = json.dumps(body).encode()
    given = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return head(method, path, given) + content[:-1], content[-1:]
