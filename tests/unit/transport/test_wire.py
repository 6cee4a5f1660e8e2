"""Real sockets: what a broken provider does to a send, and that each send is one request."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from tests.unit.transport.conftest import NOW, Handler, Wire, account, serving

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.wire import WireRequest
from ordergate.transport.engine import AiohttpEngine
from ordergate.transport.http import MAX_ANSWER, HttpTransport

POST = WireRequest(
    method="POST",
    path="/orders/a%2Fb?x=%20",
    body=b'{"a":1}',
    headers=(("Content-Type", "application/json"),),
    acts=True,
)


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """The transport as it is in use."""
    made = HttpTransport(lambda: NOW, AiohttpEngine(secure=False))
    yield made
    await made.close()


def _at(wire: Wire, **changes: float) -> Account:
    return account(f"http://127.0.0.1:{wire.port}/v2", **changes)


async def _failure(transport: HttpTransport, where: Account, request: WireRequest = POST) -> TransportError:
    with pytest.raises(TransportError) as failed:
        await asyncio.wait_for(transport.send(where, request), 60)
    assert failed.value.reason.startswith("Plain Pay did not answer: ") or "longer" in failed.value.reason
    return failed.value


async def _answer(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()


def _says(answer: bytes) -> Handler:
    async def handle(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        await _answer(writer, answer)

    return handle


async def test_the_request_on_the_wire(transport: HttpTransport) -> None:
    """On the wire stand the request's own line, headers and bytes, and nothing else but what HTTP needs."""
    async with serving(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")) as wire:
        answer = await transport.send(_at(wire), POST)

    (request,) = wire.requests
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert (answer.status, answer.body) == (200, b"ok")
    assert line == b"POST /v2/orders/a%2Fb?x=%20 HTTP/1.1"
    assert body == POST.body
    assert sorted(header.partition(b":")[0].lower() for header in headers) == [
        b"content-length",
        b"content-type",
        b"host",
        b"user-agent",
        b"x-signed",
    ]


async def test_a_refused_connection_sent_nothing(transport: HttpTransport) -> None:
    """Where nobody listens not one byte left."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        failure = await _failure(transport, account(f"http://127.0.0.1:{port}"))

    assert failure.sent == "no"


async def test_a_failed_handshake_sent_nothing(transport: HttpTransport) -> None:
    """Where TLS cannot be agreed on, the request itself never left."""

    async def plain(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        await _answer(writer, b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(plain) as wire:
        failure = await _failure(transport, account(f"https://127.0.0.1:{wire.port}"))

    assert failure.sent == "no"
    assert wire.requests == []


async def test_a_handshake_without_an_end_sent_nothing(transport: HttpTransport) -> None:
    """A connection counts once TLS is agreed on: where that takes too long, the request itself never left."""

    async def mute(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(mute) as wire:
        failure = await _failure(transport, account(f"https://127.0.0.1:{wire.port}", connect_timeout=0.1))

    assert failure.sent == "no"
    assert failure.reason.endswith(": no connection to 127.0.0.1 in time.")
    assert (wire.requests, wire.connections) == ([], 1)


async def test_an_address_that_is_no_http_sent_nothing(transport: HttpTransport) -> None:
    """What cannot be connected to at all was not sent."""
    assert (await _failure(transport, account("ftp://127.0.0.1"))).sent == "no"


ANSWERS = {
    "nothing": b"",
    "part of a status line": b"HTTP/1.1 20",
    "part of the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "headers without a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "part of a body": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "order',
    "part of a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nabc",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "no protocol": b"\x00\xff" * 40 + b"\r\n\r\n",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\nabc",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a bad compression": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_no_whole_answer_may_have_arrived(transport: HttpTransport, answer: bytes) -> None:
    """After the request was read, a closed, cut or unreadable answer proves nothing, and nothing is sent again."""
    async with serving(_says(answer)) as wire:
        failure = await _failure(transport, _at(wire))

    assert failure.sent == "maybe"
    assert (len(wire.requests), wire.connections) == (1, 1)


async def test_a_compressed_answer_is_read(transport: HttpTransport) -> None:
    """Nobody asks for it, but a provider may compress its answers all the same."""
    body = gzip.compress(b'{"id": "o_1"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(_says(head + body)) as wire:
        answer = await transport.send(_at(wire), POST)

    assert answer.body == b'{"id": "o_1"}'


async def test_an_answer_that_grows_ends_at_the_limit(transport: HttpTransport) -> None:
    """A kilobyte that was compressed twice and stands for gigabytes is an answer that is too long, and no more."""
    coder = zlib.compressobj(9, wbits=31)
    once = b"".join(coder.compress(bytes(2**20)) for _ in range(1000)) + coder.flush()
    body = gzip.compress(once)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(_says(head + body)) as wire:
        tracemalloc.start()
        try:
            failure = await _failure(transport, _at(wire))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert (failure.sent, str(MAX_ANSWER) in failure.reason) == ("maybe", True)
    assert len(body) < 16 * 1024
    assert peak < 4 * MAX_ANSWER


async def test_a_connection_closed_unread_may_have_arrived(transport: HttpTransport) -> None:
    """A connection that was made and closed at once may have taken the request with it."""

    async def close(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pass

    async with serving(close) as wire:
        failure = await _failure(transport, _at(wire))

    assert failure.sent == "maybe"
    assert wire.connections == 1


async def test_a_reset_may_have_arrived(transport: HttpTransport) -> None:
    """A connection that is torn down after the request was read proves nothing."""

    async def reset(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(reset) as wire:
        failure = await _failure(transport, _at(wire))

    assert failure.sent == "maybe"
    assert (len(wire.requests), wire.connections) == (1, 1)


async def _silent(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await wire.read_request(reader)
    await reader.read()


async def test_a_read_timeout_may_have_arrived(transport: HttpTransport) -> None:
    """A provider that is silent for longer than the read timeout may still act."""
    async with serving(_silent) as wire:
        failure = await _failure(transport, _at(wire, read_timeout=0.2))

    assert failure.sent == "maybe"
    assert (len(wire.requests), wire.connections) == (1, 1)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Padding: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n",
    ],
    ids=["headers", "body", "chunk"],
)
async def test_a_dripping_answer_ends_at_the_total_timeout(transport: HttpTransport, head: bytes) -> None:
    """An answer that drips byte by byte, each in time, ends when the attempt's whole time is over."""

    async def drip(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        await _answer(writer, head)
        while True:
            await _answer(writer, b"x")
            await asyncio.sleep(0.02)

    async with serving(drip) as wire:
        started = asyncio.get_running_loop().time()
        failure = await _failure(transport, _at(wire, read_timeout=5, total_timeout=0.4))
        took = asyncio.get_running_loop().time() - started

    assert failure.sent == "maybe"
    assert 0.3 < took < 3
    assert (len(wire.requests), wire.connections) == (1, 1)


async def test_an_endless_answer_ends_at_the_limit(transport: HttpTransport) -> None:
    """An answer longer than any order can be is not read to its end."""

    async def flood(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        await _answer(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER * 100))
        while True:
            await _answer(writer, b"x" * 2**20)

    async with serving(flood) as wire:
        failure = await _failure(transport, _at(wire))

    assert failure.sent == "maybe"
    assert str(MAX_ANSWER) in failure.reason


async def test_a_kept_connection_is_used_again(transport: HttpTransport) -> None:
    """Sends in a row share a connection; each is one request."""

    async def keep(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await wire.read_request(reader):
            await _answer(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with serving(keep) as wire:
        for _ in range(3):
            await transport.send(_at(wire), POST)

    assert (len(wire.requests), wire.connections) == (3, 1)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "GET"])
async def test_a_kept_connection_that_fails_is_not_tried_again(transport: HttpTransport, method: str) -> None:
    """A kept connection that closes on the second request may have taken it: it is not sent on a new one."""
    request = WireRequest(method=method, path="/orders", body=b"{}")

    async def once(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        await _answer(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await wire.read_request(reader)

    async with serving(once) as wire:
        await transport.send(_at(wire), request)
        failure = await _failure(transport, _at(wire), request)

    assert failure.sent == "maybe"
    assert (len(wire.requests), wire.connections) == (2, 1)


async def test_a_kept_connection_that_was_closed_is_replaced(transport: HttpTransport) -> None:
    """A connection that the provider closed while it was idle is seen to be so, and a new one is made."""

    async def once(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.read_request(reader)
        await _answer(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()
        idle.set()

    idle = asyncio.Event()
    async with serving(once) as wire:
        for _ in range(2):
            idle.clear()
            answer = await transport.send(_at(wire), POST)
            await asyncio.wait_for(idle.wait(), 60)

    assert answer.status == 200
    assert (len(wire.requests), wire.connections) == (2, 2)


async def test_sends_at_once_are_one_request_each(transport: HttpTransport) -> None:
    """Many sends at the same time reach the provider once each, and get their own answers."""

    async def echo(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await wire.read_request(reader):
            body = request.partition(b"\r\n\r\n")[2]
            await _answer(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    bodies = [b'{"n":%d}' % n for n in range(150)]
    async with serving(echo) as wire:
        answers = await asyncio.gather(
            *(
                transport.send(_at(wire), WireRequest(method="POST", path="/orders", body=body))
                for body in bodies
            )
        )

    assert [answer.body for answer in answers] == bodies
    assert sorted(request.partition(b"\r\n\r\n")[2] for request in wire.requests) == sorted(bodies)
