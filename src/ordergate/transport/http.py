"""Sends one signed request and returns its response, or raises with whether the request may have arrived.

Nothing here sends twice: no retries, no redirects, no cookies.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version

import aiohttp
import httpx
import structlog

from ordergate.domain.errors import Sent
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.echoes import Echoes, credentials_of
from ordergate.gateway.runtime.ports import Clock, TransportError
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.telemetry.log import current_call
from ordergate.transport.decoding import TooLongError, read_limited
from ordergate.transport.engine import AiohttpEngine, Engine, Outgoing

MAX_ANSWER = 16 * 2**20
"""Maximum bytes of a response; no order is near it."""

NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)
"""Raised before a connection existed, so not one byte can have left."""

CLOSED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.DecodingError)
"""The other side ended the exchange, so nothing is under way; after a time-out of ours something may be."""

_log = structlog.get_logger("ordergate.transport")
_USER_AGENT = ("user-agent", f"ordergate/{version('ordergate')}")


class HttpTransport:
    """The way to one base URL over HTTP."""

    def __init__(self, clock: Clock, engine: Engine) -> None:
        """Keep connections of its own, so that no account starves another.

        Args:
            clock: The time, for signatures.
            engine: Carries the requests; the seam for tests.
        """
        self._clock = clock
        self._engine = engine
        self._credentials: tuple[Account, Sequence[bytes]] | None = None

    @classmethod
    def to(cls, account: Account, clock: Clock) -> "HttpTransport":
        """Return the way to an account; certificates are loaded only if its base URL is ``https:``."""
        secure = account.base_url.startswith("https:")
        return cls(clock, AiohttpEngine(secure=secure, egress=account.egress))

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Sign and send one request, and return the answer.

        Raises:
            TransportError: No complete response arrived; it has whether the request may have arrived.
        """
        started = time.perf_counter()
        facts: dict[str, object] = {}
        try:
            response = await self._send(account, request)
            facts = {"sent": "yes", "status": response.status}
        except TransportError as error:
            facts = {"sent": error.sent, "error": error.reason}
            raise
        finally:
            _note_attempt(account, request, time.perf_counter() - started, facts)
        return response

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.close()

    async def _send(self, account: Account, request: WireRequest) -> WireResponse:
        outgoing = self._outgoing(account, request)
        if self._credentials is None or self._credentials[0] is not account:
            self._credentials = account, credentials_of(account)
        echoes = Echoes(self._credentials[1], outgoing.headers)
        try:
            async with asyncio.timeout(account.total_timeout):
                return await _exchange(self._engine, outgoing, echoes)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            sent = _sent(outgoing, error)
            closed = sent == "maybe" and isinstance(error, CLOSED)
            # The text of a parser's error contains the provider's data.
            reason = echoes.mask_text(" ".join(_sentence(account, error).split()))
            raise TransportError(sent, reason, closed=closed) from error

    def _outgoing(self, account: Account, request: WireRequest) -> Outgoing:
        """Sign just before the send. A request that cannot be written was not sent, and is not the provider's fault."""
        now = int(self._clock().timestamp())
        try:
            signed = account.adapter.sign(request, account.settings, now, secrets.token_hex(8))
            return _request(account, signed)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            reason = f"The request cannot be written: {type(error).__name__}."
            raise TransportError("no", reason, code="internal_error") from error


async def _exchange(engine: Engine, outgoing: Outgoing, echoes: Echoes) -> WireResponse:
    response = await engine.send(outgoing)
    headers = echoes.mask_headers({name.lower(): value for name, value in response.raw_headers})
    codings = headers.get("content-encoding", "")
    try:
        body = await read_limited(response.chunks(), codings, MAX_ANSWER)
    except TooLongError as error:
        raise TransportError("maybe", f"The answer is longer than {MAX_ANSWER} bytes.") from error
    finally:
        await response.close()
    return WireResponse(status=response.status, headers=headers, body=echoes.mask(body))


@lru_cache(256)
def _address(text: str) -> tuple[str, str]:
    """Return an address, and its host for the header; parsing takes long, and those of creates are few."""
    url = httpx.URL(text)
    return str(url), url.netloc.decode("ascii")


@lru_cache(256)
def _timeout(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=2 * connect, sock_connect=connect, sock_read=read)


def _request(account: Account, signed: WireRequest) -> Outgoing:
    url, host = _address(account.base_url + signed.path)
    headers = [("Host", host), *signed.headers, _USER_AGENT]
    if signed.body:
        headers.append(("Content-Length", str(len(signed.body))))
    for name, value in headers:
        if not (name.isascii() and value.isascii()):
            raise UnicodeError(f"the header {name!a} is not ASCII")
    timeout = _timeout(account.connect_timeout, account.read_timeout)
    return Outgoing(signed.method, url, headers, signed.body, timeout)


def _sent(request: Outgoing, error: Exception) -> Sent:
    """Whether a request that failed may have arrived: only one that never had a connection surely has not."""
    return "no" if request.reached is False or isinstance(error, NOT_SENT) else "maybe"


def _sentence(account: Account, error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"{account.adapter.title} did not answer: {text}."


def _note_attempt(account: Account, request: WireRequest, seconds: float, facts: dict[str, object]) -> None:
    call = current_call.get()
    if call is not None:
        call.provider_seconds += seconds
    _log.info(
        "provider.attempt",
        account=account.name,
        adapter=account.adapter.name,
        method=request.method,
        path=request.path.partition("?")[0],
        milliseconds=round(seconds * 1000, 1),
        **facts,
    )
