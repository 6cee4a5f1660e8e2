"""Decodes compressed responses piece by piece, so that their size is checked before they are in memory.

A kilobyte can expand to gigabytes, and to more if it was compressed twice.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator

import httpx

_PIECE = 64 * 1024
"""Bytes that one step makes at most."""

_MOST_CODINGS = 4
_GZIP = zlib.MAX_WBITS | 16


class TooLongError(Exception):
    """An answer is longer than is read of one."""


async def read_limited(stream: AsyncIterable[bytes], codings: str, limit: int) -> bytes:
    """Read an answer to its end.

    Args:
        stream: As it arrives.
        codings: Its ``Content-Encoding``; codings that are not known are left as they are.
        limit: Bytes that may arrive, and that each coding may make of them.

    Raises:
        TooLongError: There are more.
        httpx.DecodingError: The data is not compressed as declared, or incomplete.
    """
    decoders = _decoders(codings, limit)
    body = bytearray()
    async for chunk in stream if not decoders else _decoded(stream, decoders, limit):
        body += chunk
        if len(body) > limit:
            raise TooLongError
    return bytes(body)


async def _decoded(
    stream: AsyncIterable[bytes], decoders: list["_Decoder"], limit: int
) -> AsyncIterator[bytes]:
    arrived = 0
    async for chunk in stream:
        arrived += len(chunk)
        if arrived > limit:
            raise TooLongError
        for piece in _through(decoders, chunk):
            yield piece
            await asyncio.sleep(0)  # others get their turn
    for decoder in decoders:
        decoder.end()


def _through(decoders: list["_Decoder"], data: bytes) -> Iterator[bytes]:
    """A decoder, followed by the decoders of the other codings."""
    first, *others = decoders
    for piece in first.pieces(data):
        if others:
            yield from _through(others, piece)
        else:
            yield piece


def _decoders(codings: str, limit: int) -> list["_Decoder"]:
    """Return the decoder of the codings, the last one first; content of an unknown coding stays encoded."""
    found: list[_Decoder] = []
    for name in (coding.strip().lower() for coding in reversed(codings.split(","))):
        if name in {"gzip", "x-gzip", "deflate"}:
            found.append(_Decoder(name, limit))
        elif name not in {"", "identity"}:
            break
    if len(found) > _MOST_CODINGS:
        raise httpx.DecodingError(f"the answer is compressed {len(found)} times")
    return found


class _Decoder:
    """Undoes one coding."""

    def __init__(self, name: str, limit: int) -> None:
        self._left = limit
        self._gzip = name != "deflate"
        self._stream = zlib.decompressobj(_GZIP if self._gzip else zlib.MAX_WBITS)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Decode some more, a piece at a time.

        Raises:
            TooLongError: It has made more than it may.
        """
        full = bool(data)
        while (data or full) and not self._stream.eof:
            piece = self._decompress(data)
            self._left -= len(piece)
            if self._left < 0:
                raise TooLongError
            data, full = self._stream.unconsumed_tail, len(piece) == _PIECE
            if piece:
                yield piece

    def end(self) -> None:
        """Check that the data is complete."""
        if self._begun and not self._stream.eof:
            raise httpx.DecodingError("the compressed answer has no end")

    def _decompress(self, data: bytes) -> bytes:
        try:
            piece = self._stream.decompress(data, _PIECE)
        except zlib.error as error:
            if self._begun or self._gzip:
                raise httpx.DecodingError(str(error)) from error
            # "deflate" means a zlib stream, but some servers send the bare one.
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._begun = True
            return self._decompress(data)
        self._begun = True
        return piece
