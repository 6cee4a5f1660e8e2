"""Connections leave through a proxy, trust a private authority and show a certificate, as it is configured."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.unit.transport.conftest import NOW, Wire, account, serving
from tests.unit.transport.proxy import PrivateCa, proxying

from ordergate.domain.special_networks import Address
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.egress import Egress
from ordergate.gateway.runtime.ports import TransportError
from ordergate.settings.egress import ClientCertSettings, EgressSettings, read_egress
from ordergate.settings.secrets import References
from ordergate.settings.source import Files
from ordergate.spi.wire import WireRequest
from ordergate.transport.http import HttpTransport
from ordergate.transport.webhooks import HttpWebhooks

POST = WireRequest(method="POST", path="/orders/a%2Fb?x=%20", body=b"{}", acts=True)
PASSWORD = "proxypassword0123456789"


@pytest.fixture
def private(tmp_path: Path) -> PrivateCa:
    """An authority that nobody else trusts."""
    return PrivateCa(tmp_path)


def _egress(**settings: Any) -> Egress:
    found, errors = read_egress(EgressSettings(**settings), References({}, Files()))
    assert errors == []
    return found


def _shown(private: PrivateCa) -> ClientCertSettings:
    certificate, key = private.client()
    return ClientCertSettings(cert_file=str(certificate), key_file=str(key))


async def _answer(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await wire.read_request(reader):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()


@asynccontextmanager
async def _to(
    wire: Wire, scheme: str = "https", **settings: Any
) -> AsyncIterator[tuple[HttpTransport, Account]]:
    where = account(f"{scheme}://127.0.0.1:{wire.port}/v2", egress=_egress(**settings))
    transport = HttpTransport.to(where, lambda: NOW)
    yield transport, where
    await transport.close()


async def _failure(transport: HttpTransport, where: Account) -> TransportError:
    with pytest.raises(TransportError) as failed:
        await asyncio.wait_for(transport.send(where, POST), 60)
    return failed.value


# To providers


async def test_a_private_authority_is_trusted_and_no_other(private: PrivateCa, tmp_path: Path) -> None:
    """A server whose certificate is of the configured authority is talked to; by default it is not, nothing is sent."""
    other = tmp_path / "other"
    other.mkdir()
    async with serving(_answer, private.server()) as wire:
        async with _to(wire, ca_file=str(private.ca_file)) as (transport, where):
            assert (await transport.send(where, POST)).body == b"ok"
        for settings in ({}, {"ca_file": str(PrivateCa(other).ca_file)}):
            async with _to(wire, **settings) as (transport, where):
                failure = await _failure(transport, where)
            assert (failure.sent, "CERTIFICATE_VERIFY_FAILED" in failure.reason) == ("no", True)

    assert len(wire.requests) == 1


async def test_a_certificate_is_shown_to_a_server_that_asks(private: PrivateCa) -> None:
    """With the configured certificate the server takes the request, without it the request never gets there."""
    async with serving(_answer, private.server(asks=True)) as wire:
        ca_file = str(private.ca_file)
        async with _to(wire, ca_file=ca_file, client_cert=_shown(private)) as (transport, where):
            assert (await transport.send(where, POST)).status == 200
        async with _to(wire, ca_file=ca_file) as (transport, where):
            await _failure(transport, where)

    assert len(wire.requests) == 1


async def test_through_a_proxy_with_everything_at_once(private: PrivateCa) -> None:
    """A tunnel to the provider, with a login at the proxy; the provider's bytes are those without a proxy."""
    async with serving(_answer, private.server(asks=True)) as wire, proxying() as proxy:
        proxy.login = f"gate:{PASSWORD}"
        url = f"http://gate:{PASSWORD}@127.0.0.1:{proxy.port}"
        ca_file = str(private.ca_file)
        async with _to(wire, proxy=url, ca_file=ca_file, client_cert=_shown(private)) as (transport, where):
            answers = [await transport.send(where, POST) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert proxy.asked == [f"CONNECT 127.0.0.1:{wire.port} HTTP/1.1"]
    assert wire.requests[0].startswith(b"POST /v2/orders/a%2Fb?x=%20 HTTP/1.1\r\n")
    assert b"proxy" not in wire.requests[0].lower()


@pytest.mark.parametrize("trouble", ["gone", "refuses", "login", "mute"])
async def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(private: PrivateCa, trouble: str) -> None:
    """Whatever the proxy does before there is a tunnel, nothing was sent; the reason names the proxy, no password."""
    async with serving(_answer, private.server()) as wire, proxying() as proxy:
        proxy.refuses = 503 if trouble == "refuses" else None
        proxy.login = "gate:other" if trouble == "login" else None
        proxy.mute = trouble == "mute"
        url = f"http://gate:{PASSWORD}@127.0.0.1:{1 if trouble == 'gone' else proxy.port}"
        async with _to(wire, proxy=url, ca_file=str(private.ca_file)) as (transport, where):
            short = account(
                where.base_url, egress=where.egress, connect_timeout=0.3 if trouble == "mute" else 5
            )
            failure = await _failure(transport, short)

    assert (failure.sent, wire.connections) == ("no", 0)
    assert "the proxy 127.0.0.1:" in failure.reason
    assert PASSWORD not in failure.reason


async def test_no_proxy_of_the_environment_is_asked(
    private: PrivateCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A way out is configured or there is none."""
    async with serving(_answer, private.server()) as wire, proxying() as proxy:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with _to(wire, ca_file=str(private.ca_file)) as (transport, where):
            await transport.send(where, POST)

    assert proxy.asked == []


# To merchants


class Names:
    """A name server that knows one address, and remembers what it was asked."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = ip_address(address)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        return [self._address]


@asynccontextmanager
async def _webhooks(names: Names, egress: Egress) -> AsyncIterator[HttpWebhooks]:
    made = HttpWebhooks(lambda: [ip_network("127.0.0.0/8")], names, egress=lambda: egress)
    yield made
    await made.close()


@pytest.mark.parametrize("login", [None, f"gate:{PASSWORD}"])
async def test_webhooks_through_a_proxy(private: PrivateCa, login: str | None) -> None:
    """The proxy is asked for the address that was checked; the receiver sees its own name."""
    tls = private.server("shop.example.com", asks=True)
    async with serving(_answer, tls) as wire, proxying() as proxy:
        proxy.login = login
        egress = _egress(
            proxy=proxy.url.replace("//", f"//{login}@" if login else "//"),
            ca_file=str(private.ca_file),
            client_cert=_shown(private),
        )
        async with _webhooks(Names(), egress) as sending:
            replies = [
                await sending.post(f"https://shop.example.com:{wire.port}/hooks", [], b"{}") for _ in range(2)
            ]

    assert [(reply.status, reply.detail) for reply in replies] == [(200, None)] * 2
    assert proxy.asked == [f"CONNECT 127.0.0.1:{wire.port} HTTP/1.1"]
    assert f"host: shop.example.com:{wire.port}".encode() in wire.requests[0].lower()
    assert b"proxy" not in wire.requests[0].lower()


async def test_a_plain_webhook_through_a_proxy() -> None:
    """What is not encrypted goes through a tunnel, too: the proxy sees no more than an address."""
    async with (
        serving(_answer) as wire,
        proxying() as proxy,
        _webhooks(Names(), _egress(proxy=proxy.url)) as sending,
    ):
        reply = await sending.post(f"http://shop.example.com:{wire.port}/hooks", [], b"{}")

    assert reply.status == 200
    assert proxy.asked == [f"CONNECT 127.0.0.1:{wire.port} HTTP/1.1"]


async def test_a_proxy_is_no_way_inside() -> None:
    """A name that leads inside is refused before the proxy is asked."""
    async with proxying() as proxy, _webhooks(Names("10.0.0.1"), _egress(proxy=proxy.url)) as sending:
        reply = await sending.post("https://shop.example.com/hooks", [], b"{}")

    assert "leads to no public address" in (reply.detail or "")
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("gone", "the proxy could not be connected to"),
        ("refuses", "the proxy answered 503"),
        ("login", "the proxy answered 407"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel_for_webhooks(trouble: str, told: str) -> None:
    """A failed attempt like any other, which says that it is the proxy's."""
    async with proxying() as proxy:
        proxy.refuses = 503 if trouble == "refuses" else None
        proxy.login = "a:b" if trouble == "login" else None
        url = "http://127.0.0.1:1" if trouble == "gone" else proxy.url
        async with _webhooks(Names(), _egress(proxy=url)) as sending:
            reply = await sending.post("http://shop.example.com/hooks", [], b"{}")

    assert (reply.status, reply.detail) == (None, f"There was no answer: {told}.")


async def test_webhooks_with_wrong_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The attempt fails, says that it is the gateway's fault, and shows the merchant nothing of its files."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    async with _webhooks(Names(), Egress()) as sending:
        reply = await sending.post("https://shop.example.com/hooks", [], b"{}")

    told = "There was no answer: the gateway cannot read the certificate authorities that it trusts."
    assert (reply.status, reply.detail) == (None, told)


async def test_a_new_way_out_holds_for_the_next_webhook(private: PrivateCa) -> None:
    """After a reload connections of the former way out are used no more; what is on its way ends where it began."""
    ways = [Egress(), Egress()]
    async with serving(_answer) as wire, proxying() as first, proxying() as second:
        ways = [_egress(proxy=proxy.url) for proxy in (first, second, first)]
        sending = HttpWebhooks(lambda: [ip_network("127.0.0.0/8")], Names(), egress=lambda: ways[0])
        while ways:
            assert (await sending.post(f"http://shop.example.com:{wire.port}/", [], b"{}")).status == 200
            ways.pop(0)
        await sending.close()

    assert (len(first.asked), len(second.asked)) == (2, 1)
