"""Callers of the gateway in one process: so many connections, each with one request at a time.

It counts every answer by status and keeps every latency, and takes tens of microseconds for each request, so that it
leaves the gateway a processor of its own. Run as a program it takes a :class:`Crowd` and prints a :class:`Seen`.
"""

import asyncio
import random
import re
import sys
import time
from collections import Counter
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from campaigns.bench.figures import percentile
from campaigns.bench.servers import processor_seconds

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")
_RETRY_AFTER = re.compile(rb"\r\nretry-after: (\d+)")
_RAMP = 1.0
REFUSED, BROKEN = "503 overloaded", "broken"


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and how.

    Attributes:
        wanted: Requests a second, all callers together; 0: each wants its next one at once.
        patient: A refused caller waits for ``Retry-After`` and up to a quarter longer, as the typed client does, and
            then sends the same request again. Other callers send the next request when it is due.
        run: Makes the keys of this run differ from all others'.
        gateway: The first of its processes.
    """

    url: str
    key: str
    body: str
    connections: int
    wanted: float
    patient: bool
    seconds: float
    run: str
    gateway: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of the callers.

    Attributes:
        answers: How many there were of each status.
        admitted: Microseconds at 50 and 99 % of the requests that were let in.
        refused: The same of the refusals; None if there were none.
        processor: Seconds of processor time that the callers themselves took.
        gateway: The same that the gateway took.
    """

    seconds: float
    answers: dict[str, int]
    admitted: tuple[int, int] | None
    refused: tuple[int, int] | None
    processor: float
    gateway: float


class _Tally:
    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.admitted: list[int] = []
        self.refused: list[int] = []
        self.over = False


class _Caller(asyncio.Protocol):
    """One connection: sends a request when it is due, and takes note of its answer."""

    def __init__(self, crowd: Crowd, number: int, tally: _Tally) -> None:
        self._crowd, self._tally = crowd, tally
        self._transport: asyncio.WriteTransport | None = None
        self._waits = False
        self._pause = crowd.connections / crowd.wanted if crowd.wanted else 0.0
        self._address = path = urlsplit(crowd.url)
        self._head = (
            f"POST {path.path} HTTP/1.1\r\nHost: {path.netloc}\r\nAuthorization: Bearer {crowd.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(crowd.body.encode())}\r\n"
            f"Idempotency-Key: {crowd.run}-{number}-"
        )
        self._tail = f"\r\n\r\n{crowd.body}"
        self._sent = 0
        self._began = 0
        self._due = 0.0
        self._answer = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own is none by its type

    async def connect(self) -> None:
        """Open the connection."""
        await self._loop.create_connection(lambda: self, self._address.hostname, self._address.port)

    def begin(self) -> None:
        """Send the first request, not all at the same moment."""
        self._due = self._loop.time() + random.random() * max(self._pause, _RAMP)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        length = _LENGTH.search(self._answer) if head > 0 else None
        if length is None or len(self._answer) < head + 4 + int(length[1]):
            return
        answer, self._answer = self._answer, b""
        self._note(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waits and not self._tally.over:
            self._waits = False
            self._tally.answers[BROKEN] += 1
            self._next()

    def _note(self, answer: bytes) -> None:
        if self._tally.over:
            return
        took = (time.perf_counter_ns() - self._began) // 1000
        self._waits = False
        status = answer[9:12].decode()
        refused = status == "503" and b'"overloaded"' in answer
        self._tally.answers[REFUSED if refused else status] += 1
        (self._tally.refused if refused else self._tally.admitted).append(took)
        if refused and self._crowd.patient:
            asked = _RETRY_AFTER.search(answer)
            assert asked is not None, answer
            self._loop.call_later(int(asked[1]) * (1 + random.random() / 4), self._send)
            return
        self._sent += 1
        self._next()

    def _next(self) -> None:
        """Send the next request when it is due; a request that was not sent in time still counts as wanted."""
        wait = self._due - self._loop.time() if self._pause or not self._began else 0.0
        self._due += self._pause
        if wait > 0:
            self._loop.call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._tally.over:
            return
        if self._transport is None or self._transport.is_closing():
            self._connecting = self._loop.create_task(self.connect())  # the server ends connections that idle
            self._connecting.add_done_callback(lambda _: self._send())
            return
        self._began, self._waits = time.perf_counter_ns(), True
        self._transport.write(f"{self._head}{self._sent}{self._tail}".encode())


async def call(crowd: Crowd) -> Seen:
    """Let them all call for so long."""
    tally = _Tally()
    callers = [_Caller(crowd, number, tally) for number in range(crowd.connections)]
    for caller in callers:
        await caller.connect()
    used, began, before = time.process_time(), time.perf_counter(), processor_seconds(crowd.gateway)
    for caller in callers:
        caller.begin()
    await asyncio.sleep(crowd.seconds)
    tally.over = True
    return Seen(
        seconds=time.perf_counter() - began,
        answers=dict(tally.answers),
        admitted=_shares(tally.admitted),
        refused=_shares(tally.refused),
        processor=time.process_time() - used,
        gateway=processor_seconds(crowd.gateway) - before,
    )


def _shares(taken: list[int]) -> tuple[int, int] | None:
    return (percentile(taken, 50), percentile(taken, 99)) if taken else None


if __name__ == "__main__":
    crowd = msgspec.json.decode(sys.stdin.buffer.read(), type=Crowd)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(call(crowd))))
