"""Whatever fails before a request has its connection has sent nothing, whatever it is that fails."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.unit.transport.conftest import NOW, Wire, account, serving

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.egress import Egress
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.wire import WireRequest
from ordergate.transport.engine import AiohttpEngine
from ordergate.transport.http import HttpTransport

POST = WireRequest(method="POST", path="/orders", body=b"{}", acts=True)


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """The transport as it is in use, with the authorities that the environment names."""
    made = HttpTransport(lambda: NOW, AiohttpEngine(secure=True))
    yield made
    await made.close()


@pytest_asyncio.fixture
async def ready() -> AsyncIterator[HttpTransport]:
    """A transport whose TLS is set up."""
    egress = Egress(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    made = HttpTransport(lambda: NOW, AiohttpEngine(secure=True, egress=egress))
    yield made
    await made.close()


async def _failure(transport: HttpTransport, where: Account) -> TransportError:
    with pytest.raises(TransportError) as failed:
        await asyncio.wait_for(transport.send(where, POST), 60)
    return failed.value


async def _mute(_wire: Wire, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["missing", "empty", "other"])
async def test_wrong_authorities(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Where TLS cannot be set up nobody is connected to, and the reason names the variable and the file."""
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with serving(_mute) as wire:
        failure = await _failure(transport, account(f"https://127.0.0.1:{wire.port}"))

    assert (failure.sent, failure.code, wire.connections) == ("no", "provider_unavailable", 0)
    assert f"SSL_CERT_FILE names {file}" in failure.reason


async def test_authorities_that_cannot_be_read_in_time(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that never ends blocks neither the loop nor the attempt; once it can be read, the next attempt is made."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setenv("SSL_CERT_FILE", str(pipe))
    async with serving(_mute) as wire:
        where = account(f"https://127.0.0.1:{wire.port}", connect_timeout=0.2)
        blocked = await _failure(transport, where)
        pipe.open("wb").close()  # lets go of the thread

        assert (blocked.sent, wire.connections) == ("no", 0)

        monkeypatch.delenv("SSL_CERT_FILE")
        after = await _failure(transport, account(where.base_url, connect_timeout=2))

        assert (after.sent, "SSL_CERT_FILE" in after.reason) == ("no", False)


async def test_the_whole_time_is_over_before_there_is_a_connection(ready: HttpTransport) -> None:
    """An attempt whose whole time ends during the handshake has sent nothing."""
    async with serving(_mute) as wire:
        where = account(f"https://127.0.0.1:{wire.port}", connect_timeout=9, total_timeout=0.2)
        failure = await _failure(ready, where)

    assert failure.sent == "no"
    assert (wire.connections, wire.requests) == (1, [])


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "xn--.test", "a..test", "127.0.0.1:0"])
async def test_hosts_that_cannot_be_connected_to(ready: HttpTransport, host: str) -> None:
    """A name that no name server takes, or a port that nobody has."""
    assert (await _failure(ready, account(f"https://{host}"))).sent == "no"


async def test_no_descriptor_is_left(ready: HttpTransport) -> None:
    """A socket that cannot be opened is no connection."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(_mute) as wire:
        await _failure(ready, account(f"https://127.0.0.1:{wire.port}", connect_timeout=0.1))
        used = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is wanted
        taken = [os.dup(0) for _ in range(10)]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
            while True:
                try:
                    taken.append(os.dup(0))
                except OSError:
                    break
            failure = await _failure(ready, account(f"https://127.0.0.1:{wire.port}"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in taken:
                os.close(descriptor)

    assert failure.sent == "no"
    assert wire.connections == 1
