"""A proxy on loopback that makes tunnels, and counts them; and servers that speak TLS with authorities of their own."""

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import trustme


class Proxy:
    """What was asked of a proxy.

    Attributes:
        asked: The request lines.
        refuses: The status that it answers instead of making a tunnel.
        mute: It answers nothing at all.
        login: The user name and the password that it wants.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: int | None = None
        self.mute = False
        self.login: str | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.split("\r\n")
        self.asked.append(line)
        if self.mute:
            await reader.read()
            return
        wanted = self.login and f"Basic {b64encode(self.login.encode()).decode()}"
        given = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
        if self.refuses or (wanted and given.get("proxy-authorization") != wanted):
            writer.write(f"HTTP/1.1 {self.refuses or 407} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        host, _, port = line.split()[1].rpartition(":")
        there, onward = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, onward), _pump(there, writer))
        finally:
            onward.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@contextlib.asynccontextmanager
async def proxying() -> AsyncIterator[Proxy]:
    """Run a proxy."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await proxy.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class PrivateCa:
    """An authority that nobody else trusts, with the files that a configuration names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_file)

    def server(self, *names: str, asks: bool = False) -> ssl.SSLContext:
        """Return what a server uses; one that asks takes only clients with a certificate of this authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
        if asks:
            self.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self, password: bytes | None = None) -> tuple[Path, Path]:
        """Write a certificate for a client and its key, encrypted with the password, and return the files."""
        from cryptography.hazmat.primitives import serialization

        leaf = self.authority.issue_cert("gateway.example")
        certificate, key_file = self.folder / "client.pem", self.folder / "client.key"
        leaf.cert_chain_pems[0].write_to_path(certificate)
        key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
        protection = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        key_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        )
        return certificate, key_file

    def client_with_key(self) -> Path:
        """Write another certificate for a client and its key into one file, and return it."""
        both = self.folder / "both.pem"
        self.authority.issue_cert("gateway.example").private_key_and_cert_chain_pem.write_to_path(both)
        return both
