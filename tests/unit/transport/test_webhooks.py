"""Where webhooks are let through, whatever a name leads to, and what a receiver can do to the sender."""

import asyncio
import gzip
import threading
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from tests.scenarios.receiver import Receiver, receiving

from ordergate.domain.special_networks import Address
from ordergate.transport.names import SystemNames
from ordergate.transport.webhooks import MAX_ANSWER, HttpWebhooks

LOOPBACK = (ip_network("127.0.0.0/8"),)
NOWHERE = "leads to no public address"


class Names:
    """A name server that answers differently each time, and remembers what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = [[ip_address(text) for text in answer] for answer in answers]
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append((host, port))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


@asynccontextmanager
async def sender(names: Names, seconds: float = 5) -> AsyncIterator[HttpWebhooks]:
    """A sender that may reach loopback's network besides public addresses."""
    made = HttpWebhooks(lambda: LOOPBACK, names, timeout=seconds)
    yield made
    await made.close()


def named(receiver: Receiver, host: str = "shop.example.com") -> str:
    """The receiver's URL with a name in place of its address."""
    return receiver.url.replace("127.0.0.1", host)


async def test_the_checked_address_is_connected_to_under_its_name() -> None:
    """The name is asked for once for each connection, and stands in the Host header."""
    names = Names(["127.0.0.1"])
    async with receiving() as receiver, sender(names) as sending:
        reply = await sending.post(named(receiver), [("content-type", "application/json")], b"{}")
        again = await sending.post(named(receiver), [], b"{}")

        port = int(receiver.url.split(":")[2].partition("/")[0])
        assert (reply.status, reply.detail, again.status) == (200, None, 200)
        assert names.asked == [("shop.example.com", port)]
        assert receiver.came[0].headers["host"] == f"shop.example.com:{port}"
        assert receiver.came[0].path == "/hooks"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "224.0.0.1",
        "0.0.0.0",
    ],
)
async def test_a_name_that_leads_inside(address: str) -> None:
    """Nothing is connected to, and the reply says why."""
    names = Names([address])
    async with sender(names) as sending:
        reply = await sending.post("https://shop.example.com/hooks", [], b"{}")

    assert reply.status is None
    assert NOWHERE in (reply.detail or "")


async def test_a_name_that_is_bound_anew() -> None:
    """A name that led to a public address first and inside later is checked each time it is connected to."""
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with receiving() as receiver, sender(names) as sending:
        receiver.answer = lambda _: (200, [("Connection", "close")])
        first = await sending.post(named(receiver), [], b"{}")
        second = await sending.post(named(receiver), [], b"{}")

    assert first.status == 200
    assert second.status is None
    assert NOWHERE in (second.detail or "")


async def test_of_several_addresses_only_permitted_ones_are_tried() -> None:
    """A name with a private address among others leads to the others."""
    names = Names(["10.0.0.1", "127.0.0.1"])
    async with receiving() as receiver, sender(names) as sending:
        assert (await sending.post(named(receiver), [], b"{}")).status == 200


async def test_only_some_addresses_are_tried() -> None:
    """A name with many addresses where nobody is does not keep the gateway busy with all of them."""
    names = Names([*(f"127.0.0.{number}" for number in range(2, 6)), "127.0.0.1"])
    async with receiving() as receiver, sender(names) as sending:
        reply = await sending.post(named(receiver), [], b"{}")

    assert reply.detail == "There was no answer: the receiver could not be connected to."
    assert receiver.came == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "localhost", "[::1]", "127.1"])
async def test_other_spellings_of_loopback(host: str) -> None:
    """Whatever the system resolves is checked, however it was written."""
    made = HttpWebhooks(lambda: ())
    reply = await made.post(f"http://{host}:9/", [], b"{}")
    await made.close()

    assert reply.status is None
    assert NOWHERE in (reply.detail or "")


async def test_a_name_that_is_not_there_is_refused_like_one_inside() -> None:
    """Nobody learns from a reply which names are known inside."""

    async def nobody(host: str, port: int) -> Sequence[Address]:
        raise OSError("no such host")

    made = HttpWebhooks(lambda: (), nobody)
    reply = await made.post("http://db.inside/", [], b"{}")
    await made.close()

    assert (reply.detail or "").startswith("db.inside leads to no public address")


async def test_redirects_and_proxies_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect is an answer like any other; proxies of the environment are not asked."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with receiving() as receiver, sender(Names(["127.0.0.1"])) as sending:
        receiver.answer = lambda _: (302, [("Location", "http://127.0.0.1:9/")])
        reply = await sending.post(named(receiver), [], b"{}")

        assert reply.status == 302
        assert len(receiver.came) == 1


async def test_one_that_never_answers() -> None:
    """The whole attempt has one time limit."""
    async with receiving() as receiver, sender(Names(["127.0.0.1"]), seconds=0.1) as sending:
        receiver.answer = lambda _: None
        reply = await sending.post(named(receiver), [], b"{}")

    assert reply.status is None
    assert "within 0.1 seconds" in (reply.detail or "")


async def test_an_endless_answer_is_cut() -> None:
    """No more than a little is read of an answer, however much comes."""
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while sent < 100 * MAX_ANSWER:
                writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                await writer.drain()
                sent += 0x1000
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender(Names(["127.0.0.1"])) as sending:
        reply = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")

    assert reply.status == 200
    assert sent < 100 * MAX_ANSWER


async def test_a_compressed_answer_is_thrown_away_as_it_is() -> None:
    """Nothing of an answer is decoded: a little that would become gigabytes stays little."""
    data = gzip.compress(gzip.compress(bytes(64 * 2**20)))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender(Names(["127.0.0.1"])) as sending:
        tracemalloc.start()
        try:
            reply = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert reply.status == 200
    assert peak < 4 * 2**20


@pytest.mark.parametrize("piece", [b"HTTP/1.1 102 \r\n\r\n", b"1\r\nx\r\n"])
async def test_a_flood_of_small_pieces_is_cut(piece: bytes) -> None:
    """Every byte counts, whatever it is for; others get their turn meanwhile, and the next webhook has its own."""
    poured = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal poured
        await reader.readuntil(b"\r\n\r\n")
        if piece.startswith(b"1"):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while poured < 100 * MAX_ANSWER:
                writer.write(piece * 1000)
                await writer.drain()
                poured += len(piece) * 1000
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender(Names(["127.0.0.1"])) as sending:
        reply = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")

    assert poured < 100 * MAX_ANSWER
    assert (reply.status, "sent more than" in (reply.detail or "")) in {(200, False), (None, True)}


async def test_a_kept_connection_counts_anew() -> None:
    """What earlier answers took of a connection is not taken off later ones."""
    async with receiving() as receiver, sender(Names(["127.0.0.1"])) as sending:
        receiver.answer = lambda _: (200, [("X-Long", "x" * (MAX_ANSWER // 4))])
        replies = [await sending.post(named(receiver), [], b"{}") for _ in range(8)]

    assert [reply.status for reply in replies] == [200] * 8


async def test_slow_names_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that takes long has one thread, which is none of those that everything else is asked by."""
    asked: list[str] = []
    hold = threading.Event()

    def slow(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        hold.wait(5)
        return []

    monkeypatch.setattr("ordergate.transport.names.socket.getaddrinfo", slow)
    names = SystemNames(timeout=0.05)
    try:
        told = await asyncio.gather(*(names("slow.example", 443) for _ in range(40)), return_exceptions=True)
        async with asyncio.timeout(2):
            await asyncio.get_running_loop().run_in_executor(None, int)
    finally:
        hold.set()
        names.close()

    assert all(isinstance(each, TimeoutError) for each in told)
    assert asked == ["slow.example"]


async def test_nothing_of_what_a_receiver_says_is_repeated() -> None:
    """A banner of something that is no web server stands in no reply."""

    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"-ERR inside-banner 7.2\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(banner, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sender(Names(["127.0.0.1"])) as sending:
        reply = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")

    assert reply.detail == "There was no answer: the receiver's answer is no HTTP."


async def test_what_is_no_http_is_a_reply_too() -> None:
    """A receiver that speaks nonsense, or is not there, is a failed attempt, and no failure of the gateway."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with sender(Names(["127.0.0.1"])) as sending:
        async with server:
            spoken = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")
        gone = await sending.post(f"http://shop.example.com:{port}/", [], b"{}")

    assert spoken.status is gone.status is None
    assert "There was no answer" in (spoken.detail or "")
    assert "There was no answer" in (gone.detail or "")
