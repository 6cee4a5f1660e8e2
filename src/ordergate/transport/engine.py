"""Carries HTTP: an httpx transport over aiohttp, which costs a tenth of the processor time of httpx's own.

An attempt counts as not sent only if it never had a connection. aiohttp's own errors do not tell: it calls some
connections that broke after the request a failure to connect.
"""

from collections.abc import AsyncIterator

import aiohttp
import httpx
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
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
        phases = request.extensions["timeout"]
        try:
            response = await self._opened().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
                ],
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=phases["pool"] + phases["connect"],
                    sock_connect=phases["connect"],
                    sock_read=phases["read"],
                ),
            )
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise httpx.UnsupportedProtocol(_text(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _broken(error) from error
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(
                    ssl=httpx.create_ssl_context() if self._secure else True,
                    limit=0,  # the guards bound what is on its way
                    keepalive_timeout=KEEP_ALIVE,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OWN_HEADERS,
                auto_decompress=False,
                trust_env=False,
            )
            # aiohttp sends GET, PUT and DELETE a second time when a kept connection fails; there is no public switch.
            self._session._retry_connection = False  # noqa: SLF001 - a test on the wire holds it
        return self._session


class _Connector(aiohttp.TCPConnector):
    """Says in httpx's words that there is no connection: that error alone means that not one byte has left."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the interface's own
    ) -> Connection:
        try:
            return await super().connect(req, traces, timeout)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection to {req.url.host} in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx.ConnectError(_text(error)) from error


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
