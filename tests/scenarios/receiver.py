"""A merchant's receiver: a real HTTP server that keeps what came, and answers as it is told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

ANSWERS = {200: "OK", 204: "No Content", 302: "Found", 410: "Gone", 429: "Too Many Requests", 500: "Failed"}


@dataclass(frozen=True)
class Came:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return self.message["type"]

    @property
    def order(self) -> str:
        return self.message["data"]["id"]

    def verified_by(self, secret: str) -> bool:
        """Whether the maintained library takes it."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


Answer = tuple[int, Sequence[tuple[str, str]]]


@dataclass
class Receiver:
    """What came, and what is answered: by default 200 at once.

    Attributes:
        answer: Status and headers for a request; None for no answer at all, ever.
    """

    url: str = ""
    came: list[Came] = field(default_factory=list)
    answer: Callable[[Came], Answer | None] = lambda _: (200, ())

    def types(self, order: dict[str, Any] | None = None) -> list[str]:
        """What was told, in the order in which it came."""
        return [each.type for each in self.came if order is None or each.order == order["id"]]

    async def until(self, count: int, seconds: float = 60) -> list[Came]:
        """Wait until so much came."""
        deadline = time.monotonic() + seconds
        while len(self.came) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(self.types())
            await asyncio.sleep(0.01)
        return self.came

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (came := await _read(reader)) is not None:
                self.came.append(came)
                answer = self.answer(came)
                if answer is None:
                    await reader.read()  # until the other side has enough
                    return
                status, headers = answer
                head = [f"HTTP/1.1 {status} {ANSWERS[status]}", "Content-Length: 0"]
                head += [f"{name}: {value}" for name, value in headers]
                writer.write("\r\n".join([*head, "", ""]).encode())
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side is gone, or the test is over
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Came | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Came(path=head[0].split()[1], headers=headers, body=body)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Serve a receiver on a port of its own."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield receiver
    finally:
        server.close()
