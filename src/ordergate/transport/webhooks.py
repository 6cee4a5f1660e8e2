"""Sends webhooks to addresses that merchants chose, and so trusts none of them.

Every address is checked after its name was resolved and just before the connection is made to it, so that a name that
leads elsewhere the second time leads nowhere. No redirects, no proxies, no cookies; what is answered is thrown away.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from ordergate.domain.webhooks import Address, Network, may_be_reached
from ordergate.gateway.event_ports import Reply

TIMEOUT = 15.0
"""Seconds for one attempt, from the name to the end of the answer."""

MAX_ANSWER = 64 * 2**10
"""Bytes of an answer that are read at most."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
Allowed = Callable[[], Sequence[Network]]

_USER_AGENT = ("user-agent", f"ordergate/{version('ordergate')}")
_KEPT_OPEN = 20


class AddressRefusedError(httpcore.ConnectError):
    """A name leads to no address that may be reached."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Ask the system for the addresses of a host.

    Raises:
        OSError: There is no such host.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(place[4][0]) for place in found]


class HttpWebhooks:
    """The way to the merchants' receivers over HTTP."""

    def __init__(self, allowed: Allowed, resolve: Resolve = resolve, *, timeout: float = TIMEOUT) -> None:
        """Open nothing yet.

        Args:
            allowed: The networks that may be reached although they are not public, as they are configured now.
            resolve: Asks for a host's addresses; the seam for tests.
            timeout: Seconds for one attempt.
        """
        self._backend = GuardedBackend(allowed, resolve)
        self._timeout = timeout
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send a webhook; whatever goes wrong is in the reply."""
        parts = urlsplit(url)
        sent = [("host", parts.netloc), _USER_AGENT, *headers]
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(parts.scheme, url, sent, body)
        except TimeoutError:
            return Reply(status=None, detail=f"The receiver did not answer within {self._timeout:g} seconds.")
        except AddressRefusedError as error:
            return Reply(status=None, detail=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, it is no failure of ours
            return Reply(status=None, detail=f"There was no answer: {str(error) or type(error).__name__}.")

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()

    async def _exchange(
        self, scheme: str, url: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Reply:
        async with self._pool(scheme).stream("POST", url, headers=list(headers), content=body) as response:
            length = 0
            async for chunk in response.aiter_stream():
                length += len(chunk)
                if length > MAX_ANSWER:
                    break
        asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), None)
        return Reply(
            status=response.status, retry_after=None if asked is None else asked.decode("ascii", "replace")
        )

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        """One for each scheme: reading certificates takes long, and not every process needs them."""
        if scheme not in self._pools:
            secure = httpx.create_ssl_context() if scheme == "https" else None
            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=secure,
                max_connections=None,
                max_keepalive_connections=_KEPT_OPEN,
                keepalive_expiry=5,
                network_backend=self._backend,
            )
        return self._pools[scheme]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that may be reached, and to no name: the name is for the Host header and TLS alone."""

    def __init__(self, allowed: Allowed, resolve: Resolve) -> None:
        """Know nothing yet."""
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a host, check what it leads to, and connect to that.

        Raises:
            AddressRefusedError: Nothing that it leads to may be reached.
        """
        found = await self._resolve(host, port)
        permitted = [address for address in found if may_be_reached(address, self._allowed())]
        if not permitted:
            raise AddressRefusedError(
                f"{host} leads to no public address; private, loopback and link-local ones are refused."
            )
        failure: Exception | None = None
        for address in permitted:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or AddressRefusedError(host)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise AddressRefusedError("A webhook goes to no socket file.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
