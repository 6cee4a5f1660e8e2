"""Carries HTTP over aiohttp, whose exchanges cost a tenth of the processor time of httpx's own.

Errors are httpx's: they tell apart who ended an exchange, and when. An attempt counts as not sent only if it never had
a connection; :attr:`Outgoing.reached` is that. aiohttp's own errors are not enough: it reports some connections that
broke after the request as failures to connect.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from typing import Protocol

import aiohttp
import httpx
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from ordergate.gateway.accounts.egress import Egress
from ordergate.host.blocking import run_blocking
from ordergate.host.certificates import default_context

KEEP_ALIVE = 15.0
"""Seconds for which an idle connection is kept: less than providers' proxies do, so that none closes under a send."""

_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Outgoing:
    """One request as it is sent, and whether it had a connection.

    Attributes:
        url: With its path exactly as it was signed.
        headers: All of them: an engine adds none.
        timeout: Seconds for a connection, and for each part of the answer.
        reached: The request had a connection, and may have been sent; None if the engine does not report it.
    """

    __slots__ = ("body", "headers", "method", "reached", "timeout", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        """Describe a request that was not sent yet."""
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.reached: bool | None = None


class Incoming(Protocol):
    """An answer whose body has not been read."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The headers as they came."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body, piece by piece as it arrives.

        Raises:
            httpx.TransportError: The exchange ended before the body did.
        """
        ...

    async def close(self) -> None:
        """Release the connection; one whose answer was read to its end is kept."""
        ...


class Engine(Protocol):
    """Sends each request once: no redirects, no cookies, no second try."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send one request, and return the head of its answer.

        Raises:
            httpx.ConnectError: Not one byte of it can have left.
            httpx.TransportError: It may have arrived.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class AiohttpEngine:
    """The engine of one account, with connections of its own, and no proxy of the environment's."""

    def __init__(self, *, secure: bool, egress: Egress | None = None) -> None:
        """Connect when the first request is sent.

        Args:
            secure: Certificates are needed; without, loading them is spared.
            egress: The way out; straight by default.
        """
        self._secure = secure
        self._egress = egress or Egress()
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def send(self, request: Outgoing) -> Incoming:
        """Send one request, as :meth:`Engine.send`."""
        request.reached = False
        _connecting.set(request)
        try:
            session = self._session or await self._opened(request.timeout.sock_connect)
            proxy = self._egress.proxy
            response = await session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                proxy=None if proxy is None else proxy.reveal(),
                timeout=request.timeout,
            )
        except httpx.TransportError:
            raise
        except Exception as error:
            if not request.reached:
                raise httpx.ConnectError(_text(error)) from error
            if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
                raise _broken(error) from error
            raise
        return _Answer(response)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _opened(self, seconds: float | None) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None:
                tls = self._egress.tls
                if tls is None and self._secure:
                    # The authorities are files, perhaps on a mount that hangs.
                    tls = await asyncio.wait_for(run_blocking(default_context), seconds)
                self._session = aiohttp.ClientSession(
                    connector=_Connector(
                        ssl=tls or True,
                        limit=0,  # the guards bound what is on its way
                        keepalive_timeout=KEEP_ALIVE,
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    skip_auto_headers=_OWN_HEADERS,
                    auto_decompress=False,
                    trust_env=False,
                )
                # aiohttp sends GET, PUT and DELETE a second time when a kept connection fails; there is no public
                # switch.
                self._session._retry_connection = False  # noqa: SLF001 - a test on the wire holds it
            return self._session


_connecting: ContextVar[Outgoing | None] = ContextVar("ordergate_connecting", default=None)


class _Connector(aiohttp.TCPConnector):
    """Notes that a request has its connection: before that not one byte of it has left."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the interface's own
    ) -> Connection:
        try:
            connection = await super().connect(req, traces, timeout)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection to {req.url.host}{_way(req)} in time") from error
        except aiohttp.ClientHttpProxyError as error:
            raise httpx.ConnectError(f"the proxy {_place(req)} answered {error.status}") from error
        except aiohttp.ClientProxyConnectionError as error:
            raise httpx.ConnectError(
                f"the proxy {_place(req)} could not be reached: {error.os_error}"
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise httpx.ConnectError(
                f"no connection to {error.host}:{error.port}: {error.os_error}"
            ) from error
        request = _connecting.get()
        if request is not None:
            request.reached = True
        return connection


class _Answer:
    """An answer of aiohttp's."""

    __slots__ = ("_response",)

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        return self._response.raw_headers

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        self._response.close()


class HttpxEngine:
    """Sends through any transport of httpx's: tests put their routers here."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        """Send through this transport."""
        self._transport = transport

    async def send(self, request: Outgoing) -> Incoming:
        """Send one request, as :meth:`Engine.send`; nothing is known of its connection."""
        phases = {"connect": request.timeout.sock_connect, "read": request.timeout.sock_read}
        return _HttpxAnswer(
            await self._transport.handle_async_request(
                httpx.Request(
                    request.method,
                    request.url,
                    headers=list(request.headers),
                    stream=httpx.ByteStream(request.body),
                    extensions={"timeout": {**phases, "pool": phases["connect"], "write": phases["read"]}},
                )
            )
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


class _HttpxAnswer:
    """An answer of httpx's."""

    def __init__(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self.status = response.status_code
        self.raw_headers = response.headers.raw
        self._stream = response.stream

    def chunks(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def close(self) -> None:
        await self._stream.aclose()


def _broken(error: Exception) -> httpx.TransportError:
    """Return httpx's error for an exchange that ended on a connection, by who ended it."""
    return (httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError)(_text(error))


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def _way(request: aiohttp.ClientRequest) -> str:
    return f" through the proxy {_place(request)}" if request.proxy else ""


def _place(request: aiohttp.ClientRequest) -> str:
    """The proxy without its password."""
    assert request.proxy is not None
    return f"{request.proxy.host}:{request.proxy.port}"
