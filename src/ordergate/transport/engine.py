"""Carries HTTP: an httpx transport over aiohttp, which costs a tenth of the processor time of httpx's own.

An attempt counts as not sent only if it never had a connection; :func:`reached` returns that. aiohttp's own errors are
not enough: it reports some connections that broke after the request as failures to connect.
"""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

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
_REACHED = "ordergate.reached"

_connecting: ContextVar[httpx.Request | None] = ContextVar("ordergate_connecting", default=None)


def reached(request: httpx.Request) -> bool | None:
    """Return whether a request had a connection, and may have been sent; None if the engine does not report it."""
    return request.extensions.get(_REACHED)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends each request once: no redirects, no cookies, no second try, no proxy of the environment's."""

    def __init__(self, *, secure: bool, egress: Egress | None = None) -> None:
        """Make the transport of one account; it connects when it first sends.

        Args:
            secure: Certificates are needed; without, loading them is spared.
            egress: The way out; straight by default.
        """
        self._secure = secure
        self._egress = egress or Egress()
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; its timeouts are in its extensions, by phase.

        Raises:
            httpx.ConnectError: Not one byte of it can have left.
            httpx.TransportError: It may have arrived.
        """
        request.extensions[_REACHED] = False
        _connecting.set(request)
        try:
            response = await self._send(request)
        except httpx.TransportError:
            raise
        except Exception as error:
            if not reached(request):
                raise httpx.ConnectError(_text(error)) from error
            if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
                raise _broken(error) from error
            raise
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, request: httpx.Request) -> aiohttp.ClientResponse:
        phases = request.extensions["timeout"]
        session = self._session or await self._opened(phases["connect"])
        proxy = self._egress.proxy
        return await session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=[
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
            ],
            data=await request.aread() or None,
            allow_redirects=False,
            proxy=None if proxy is None else proxy.reveal(),
            timeout=aiohttp.ClientTimeout(
                connect=phases["pool"] + phases["connect"],
                sock_connect=phases["connect"],
                sock_read=phases["read"],
            ),
        )

    async def _opened(self, seconds: float) -> aiohttp.ClientSession:
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
            request.extensions[_REACHED] = True
        return connection


class _Body(httpx.AsyncByteStream):
    """An answer's body as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error) from error

    async def aclose(self) -> None:
        self._response.close()


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
