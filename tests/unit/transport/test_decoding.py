"""Compressed answers are decoded a piece at a time: what they would grow to never gets there."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from ordergate.transport.decoding import TooLongError, read_limited

LIMIT = 2**20
BODY = b'{"id": "o_1", "note": "' + bytes(range(32, 127)) * 2000 + b'"}'


def _raw(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
}


async def _stream(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 17, 4096, 10**9])
@pytest.mark.parametrize(
    "codings",
    ["gzip", "X-GZIP", "deflate", "gzip, deflate", "deflate,identity,gzip", "gzip,gzip,gzip", "", "identity"],
)
async def test_what_was_compressed_is_read(codings: str, size: int) -> None:
    """Every coding and stack of codings, however the pieces arrive."""
    data = BODY
    for name in codings.lower().split(","):
        data = CODINGS.get(name.strip(), bytes)(data)

    assert await read_limited(_stream(data, size), codings, LIMIT) == BODY


async def test_deflate_without_its_frame_is_read() -> None:
    """Some servers mean the bare stream."""
    assert await read_limited(_stream(_raw(BODY), 4096), "deflate", LIMIT) == BODY


@pytest.mark.parametrize("codings", ["br", "gzip, br"])
async def test_an_unknown_coding_is_left(codings: str) -> None:
    """What cannot be undone is handed on as it came: its status may tell enough."""
    assert await read_limited(_stream(b"brotli", 10), codings, LIMIT) == b"brotli"


@pytest.mark.parametrize("codings", ["gzip", "deflate", "gzip, gzip", "gzip, gzip, gzip", "deflate, gzip"])
async def test_a_bomb_does_not_go_off(codings: str) -> None:
    """A little that would become two gigabytes is refused at the limit, with little more than that in memory."""
    names = [name.strip() for name in codings.split(",")]
    coder = zlib.compressobj(9, wbits=31 if names[0] == "gzip" else 15)
    data = b"".join(coder.compress(bytes(2**20)) for _ in range(200)) + coder.flush()
    for name in names[1:]:
        data = CODINGS[name](data)
    tracemalloc.start()
    try:
        with pytest.raises(TooLongError):
            await read_limited(_stream(data, 2**16), codings, LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 4 * LIMIT


async def test_a_bomb_that_comes_to_nothing_is_counted_in_between() -> None:
    """Each coding counts what it makes, not only the last."""
    empty = gzip.compress(b"") + bytes(50 * LIMIT)  # what follows the end of a stream is not part of it
    with pytest.raises(TooLongError):
        await read_limited(_stream(gzip.compress(empty), 2**16), "gzip, gzip", LIMIT)


async def test_what_is_not_compressed_counts_too() -> None:
    """The limit holds for what arrives."""
    with pytest.raises(TooLongError):
        await read_limited(_stream(bytes(LIMIT + 1), 4096), "", LIMIT)


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(BODY)[:-9], gzip.compress(BODY)[:20]], ids=["other", "cut", "begun"]
)
async def test_what_is_not_whole_is_no_answer(data: bytes) -> None:
    """Something else than is said, or the beginning of it."""
    with pytest.raises(httpx.DecodingError):
        await read_limited(_stream(data, 10), "gzip", LIMIT)


async def test_too_many_codings() -> None:
    """Nobody compresses an answer so often."""
    with pytest.raises(httpx.DecodingError):
        await read_limited(_stream(b"", 1), ",".join(["gzip"] * 1000), LIMIT)
