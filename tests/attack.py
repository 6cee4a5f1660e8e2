"""Callers who mean ill, in a process of their own: ``python -m tests.attack URL`` prints what they were answered.

They need no key: unfinished webhooks of nearly 1 MB, heads that never end, and heads of many megabytes.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.scenarios.wire import connected

UNFINISHED = 200
SLOW = 200
LARGE = 6
_BODY = (
    b"POST /hooks/revkeen HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n\r\n" + b" " * 999_999
)
_HEAD = b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 30_000
_PIECE = 2**18
_PIECES = 256
_SMALL_HEADERS = b"X-Y: 1\r\n" * (_PIECE // 8)
_ONE_HEADER = b"x" * _PIECE
_PATIENCE = 120.0


async def _unfinished(url: str) -> int:
    async with connected(url) as wire:
        await wire.send(_BODY)
        return (await wire.answer(_PATIENCE)).status_code


async def _slow(url: str) -> int:
    async with connected(url) as wire:
        await wire.send(_HEAD)
        return (await wire.answer(_PATIENCE)).status_code


async def _large(url: str, piece: bytes) -> int:
    """Go on until there is an answer, for 64 MB at most."""
    async with connected(url) as wire:
        answer = asyncio.create_task(wire.answer(_PATIENCE))
        await wire.send(b"GET /health/live HTTP/1.1\r\nX: ")
        for _ in range(_PIECES):
            if answer.done():
                break
            await wire.send(piece)
            await asyncio.sleep(0)
        return (await answer).status_code


async def attack(url: str) -> dict[str, Counter[int]]:
    """Attack a gateway from some 400 connections; return how often what was answered."""

    async def all_of(begin: Callable[[], Awaitable[int]], number: int) -> Counter[int]:
        return Counter(await asyncio.gather(*(begin() for _ in range(number))))

    unfinished, slow, small, one = await asyncio.gather(
        all_of(lambda: _unfinished(url), UNFINISHED),
        all_of(lambda: _slow(url), SLOW),
        all_of(lambda: _large(url, _SMALL_HEADERS), LARGE),
        all_of(lambda: _large(url, _ONE_HEADER), LARGE),
    )
    return {"unfinished bodies": unfinished, "slow heads": slow, "large heads": small + one}


def begin(url: str) -> "subprocess.Popen[str]":
    """Start the attack; it prints what it was answered when it is over."""
    return subprocess.Popen([sys.executable, "-m", "tests.attack", url], stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(attack(sys.argv[1]))))  # noqa: T201 - for whoever started it
