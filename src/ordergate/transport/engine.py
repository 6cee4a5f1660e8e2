"""Carries HTTP: an httpx transport over aiohttp, which costs a tenth of the processor time of httpx's own.

An attempt counts as not sent only if aiohttp has not begun to write its headers. aiohttp's own errors do not tell:
it calls some connections that broke after the request a failure to connect.
"""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import NoReturn

import aiohttp
import httpx
from yarl import URL

KEEP_ALIVE = 15.0
"""Seconds for which an idle connection is kept: less than providers' proxies do, so that none closes under a send."""

_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends each request once: no redirects, no cookies, no second try, nothing from the environment."""

    def __init__(self, *, secure: bool) -> None:
        """Make the transport of one account; it connects when it first sends.

        Args:
            secure: Certificates are needed; without, loading them is spared.
        """
        self._secure = secure
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; its timeouts stand in its extensions, by phase.

        Raises:
            httpx.ConnectError: Not one byte of it can have left.
            httpx.TransportError: It may have arrived.
        """
        sending = _Sending()
        phases = request.extensions["timeout"]
        try:
            response = await self._opened().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
                ],
                data=request.content or None,
                skip_auto_headers=_OWN_HEADERS,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=phases["pool"] + phases["connect"],
                    sock_connect=phases["connect"],
                    sock_read=phases["read"],
                ),
                trace_request_ctx=sending,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _raise(error, sent=sending.began)
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=httpx.create_ssl_context() if self._secure else True,
                    limit=0,  # the guards bound what is on its way
                    keepalive_timeout=KEEP_ALIVE,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_watch()],
            )
            # aiohttp sends GET, PUT and DELETE a second time when a kept connection fails; there is no public switch.
            self._session._retry_connection = False  # noqa: SLF001 - a test on the wire holds it
        return self._session


class _Sending:
    """Whether a request's first byte may have left."""

    __slots__ = ("began",)

    def __init__(self) -> None:
        self.began = False


class _Body(httpx.AsyncByteStream):
    """An answer's body as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _raise(error, sent=True)

    async def aclose(self) -> None:
        self._response.close()


def _watch() -> aiohttp.TraceConfig:
    async def began(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.began = True

    watch = aiohttp.TraceConfig()
    watch.on_request_headers_sent.append(began)
    return watch


def _raise(error: Exception, *, sent: bool) -> NoReturn:
    """Raise httpx's error: by whether the request may have left, then by who ended the exchange."""
    text = str(error) or type(error).__name__
    if not sent:
        raise httpx.ConnectError(text) from error
    if isinstance(error, TimeoutError):
        raise httpx.ReadTimeout(text) from error
    raise httpx.ReadError(text) from error
