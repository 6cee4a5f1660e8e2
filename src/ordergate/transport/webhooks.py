"""Sends webhooks to addresses that merchants chose, and so trusts none of them.

Every address is checked after its name was resolved and just before the connection, so that a second resolution cannot
change it. A proxy gets the checked address, not the name. There are no redirects and no cookies; the body of a response
is discarded undecoded.
"""

import asyncio
import contextlib
import select
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib.metadata import version
from ipaddress import IPv6Address
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import httpcore
import structlog

from ordergate.domain.special_networks import Address, Network
from ordergate.domain.webhooks import may_be_reached
from ordergate.gateway.accounts.egress import Egress
from ordergate.gateway.runtime.event_ports import Reply
from ordergate.host.blocking import run_blocking
from ordergate.host.certificates import default_context
from ordergate.spi.secret import Secret
from ordergate.transport.names import SystemNames

TIMEOUT = 15.0
"""Seconds for one attempt, from the name to the end of the answer."""

MAX_ANSWER = 64 * 2**10
"""Maximum bytes of a response, of any kind: lines, headers, frames or data."""

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
Allowed = Callable[[], Sequence[Network]]

_log = structlog.get_logger("ordergate.transport")
_USER_AGENT = ("user-agent", f"ordergate/{version('ordergate')}")
_KEPT_OPEN = 20
_CONNECTIONS = 256
_READ_AT_ONCE = 1024
_ADDRESSES = 4
_CONNECT_TIMEOUT = 4.0
"""Seconds for one of a host's addresses."""

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.ConnectTimeout, "the receiver could not be connected to in time"),
    (httpcore.ConnectError, "the receiver could not be connected to"),
    (httpcore.RemoteProtocolError, "the receiver's answer is no HTTP"),
    (httpcore.NetworkError, "the connection broke"),
)
_CERTIFICATE = "the receiver's certificate does not hold for this host"


class AddressRefusedError(httpcore.ConnectError):
    """A name leads to no address that may be reached."""


class EgressFailedError(httpcore.ConnectError):
    """Our own way out fails, not the receiver; the message is ours."""


class AnswerTooLongError(httpcore.ReadError):
    """A receiver sends more than is read of an answer."""


class HttpWebhooks:
    """The way to the merchants' receivers over HTTP."""

    def __init__(
        self,
        allowed: Allowed,
        resolve: Resolve | None = None,
        *,
        egress: Callable[[], Egress] = Egress,
        timeout: float = TIMEOUT,
    ) -> None:
        """Open nothing yet.

        Args:
            allowed: The networks that may be reached although they are not public, as they are configured now.
            resolve: Asks for a host's addresses, in place of the system.
            egress: The way out, as it is configured now.
            timeout: Seconds for one attempt.
        """
        self._names = SystemNames()
        self._allowed = allowed
        self._resolve = resolve or self._names
        self._egress = egress
        self._timeout = timeout
        self._opening = asyncio.Lock()
        self._pools: dict[tuple[str, str], httpcore.AsyncConnectionPool] = {}
        self._retired: set[asyncio.Task[None]] = set()

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send a webhook; a failure is part of the reply."""
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
            return Reply(status=None, detail=f"There was no answer: {_reason(error)}.")

    async def close(self) -> None:
        """Close every connection."""
        for task in self._retired:
            task.cancel()
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()
        self._names.close()

    async def _exchange(
        self, scheme: str, url: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> Reply:
        pool = await self._pool(scheme, self._egress())
        async with pool.stream("POST", url, headers=list(headers), content=body) as response:
            with contextlib.suppress(AnswerTooLongError):
                async for _ in response.aiter_stream():
                    pass
        asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), None)
        return Reply(
            status=response.status, retry_after=None if asked is None else asked.decode("ascii", "replace")
        )

    async def _pool(self, scheme: str, egress: Egress) -> httpcore.AsyncConnectionPool:
        """One for each scheme: reading certificates takes long, and not every process needs them."""
        key = scheme, egress.fingerprint
        async with self._opening:
            if key not in self._pools:
                tls = egress.tls
                if tls is None and scheme == "https":
                    tls = await _authorities()
                for other in [other for other in self._pools if other[1] != egress.fingerprint]:
                    self._retire(self._pools.pop(other))
                self._pools[key] = httpcore.AsyncConnectionPool(
                    ssl_context=tls,
                    max_connections=_CONNECTIONS,
                    max_keepalive_connections=_KEPT_OPEN,
                    keepalive_expiry=5,
                    network_backend=GuardedBackend(self._allowed, self._resolve, egress.proxy),
                )
            return self._pools[key]

    def _retire(self, pool: httpcore.AsyncConnectionPool) -> None:
        """Close the connections of a former way out once the attempts that it carries are over."""

        async def close() -> None:
            try:
                await asyncio.sleep(self._timeout)
            finally:
                await pool.aclose()

        self._retired.add(task := asyncio.create_task(close()))
        task.add_done_callback(self._retired.discard)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that may be reached, and to no name: the name is for the Host header and TLS alone."""

    def __init__(self, allowed: Allowed, resolve: Resolve, proxy: Secret | None = None) -> None:
        """Start without state; with a proxy every connection uses it."""
        self._allowed = allowed
        self._resolve = resolve
        self._proxy = proxy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
        local_address: str | None = None,  # noqa: ARG002 - as above
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.AsyncNetworkStream:
        """Resolve a host, check its addresses, and connect to them.

        Raises:
            AddressRefusedError: Nothing that it leads to may be reached.
        """
        permitted = await self._permitted(host, port)
        seconds = _CONNECT_TIMEOUT if timeout is None else min(timeout, _CONNECT_TIMEOUT)
        failure: Exception | None = None
        for address in permitted[:_ADDRESSES]:
            try:
                stream = await self._connect(address, port, seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return stream
        assert failure is not None
        raise failure

    async def _connect(self, address: Address, port: int, seconds: float) -> httpcore.AsyncNetworkStream:
        if self._proxy is None:
            return BoundedStream(await self._inner.connect_tcp(str(address), port, seconds))
        try:
            async with asyncio.timeout(seconds):
                return await _through(self._inner, self._proxy.reveal(), address, port)
        except TimeoutError as error:
            raise EgressFailedError("the proxy made no connection in time") from error

    async def _permitted(self, host: str, port: int) -> Sequence[Address]:
        """An unknown host and an internal one have the same refusal, so that nobody learns internal names."""
        try:
            found = await self._resolve(host, port)
        except OSError:
            found = ()
        permitted = [address for address in found if may_be_reached(address, self._allowed())]
        if not permitted:
            raise AddressRefusedError(
                f"{host} leads to no public address; private, loopback and link-local ones are refused."
            )
        return permitted

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise AddressRefusedError("A webhook cannot be sent to a socket file.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


async def _authorities() -> ssl.SSLContext:
    try:
        return await run_blocking(default_context)
    except OSError as error:
        _log.error("webhooks.not_sent", reason=str(error))
        raise EgressFailedError(
            "the gateway cannot read the certificate authorities that it trusts"
        ) from error


async def _through(
    backend: httpcore.AsyncNetworkBackend, proxy: str, address: Address, port: int
) -> httpcore.AsyncNetworkStream:
    """Have a proxy connect to an address, and return the connection as if it were straight."""
    url = urlsplit(proxy)
    host, proxy_port = url.hostname or "", url.port or 80
    place = f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"
    headers = [("host", place), _USER_AGENT]
    if url.username is not None:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
        headers.append(("proxy-authorization", f"Basic {b64encode(login).decode()}"))
    target = httpcore.URL(scheme="http", host=host, port=proxy_port, target=place)
    try:
        stream = BoundedStream(await backend.connect_tcp(host, proxy_port))
    except httpcore.NetworkError as error:
        raise EgressFailedError("the proxy could not be connected to") from error
    async with contextlib.AsyncExitStack() as failing:
        failing.push_async_callback(stream.aclose)
        connection = httpcore.AsyncHTTP11Connection(target.origin, stream)
        try:
            answer = await connection.handle_async_request(
                httpcore.Request("CONNECT", target, headers=headers)
            )
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise EgressFailedError("the connection to the proxy broke") from error
        if answer.status // 100 != 2:
            raise EgressFailedError(f"the proxy answered {answer.status}")
        failing.pop_all()
    tunnel: httpcore.AsyncNetworkStream = answer.extensions["network_stream"]
    return tunnel


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection of which so much is read for each request, in small pieces between which others get their turn."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        """Take a connection over."""
        self._inner = inner
        self._left = MAX_ANSWER
        self._poll: select.poll | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """Read some of an answer.

        Raises:
            AnswerTooLongError: As much was read as may be.
        """
        if self._left <= 0:
            raise AnswerTooLongError
        data = await self._inner.read(min(max_bytes, _READ_AT_ONCE, self._left), timeout)
        self._left -= len(data)
        await asyncio.sleep(0)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Send a part of a request, and reset the count of the response's bytes."""
        self._left = MAX_ANSWER
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Self:
        """Return the connection with TLS on it."""
        return type(self)(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return the state of the connection."""
        return self._is_readable() if info == "is_readable" else self._inner.get_extra_info(info)

    def _is_readable(self) -> bool:
        """Return whether an idle connection was closed by the receiver.

        The pool asks this of every idle connection for each request, so the object that asks the system is kept.
        """
        if self._poll is None:
            socket = self._inner.get_extra_info("socket")
            if socket is None or socket.fileno() < 0:
                return True
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)
        return bool(self._poll.poll(0))


def _reason(error: Exception) -> str:
    """Return a sentence of our own: the text of an exception may contain the receiver's data."""
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return _CERTIFICATE
    if isinstance(error, EgressFailedError):
        return str(error)
    if isinstance(error, AnswerTooLongError):
        return f"the receiver sent more than {MAX_ANSWER} bytes before an answer"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "the request failed")
