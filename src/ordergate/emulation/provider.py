"""The provider's own paths: each request is processed by the emulator, or by the fault rule that hits it."""

from http import HTTPStatus

from ordergate.emulation.exchange import (
    BodyTooLargeError,
    ClientGoneError,
    HttpExchange,
    Receive,
    Scope,
    Send,
)
from ordergate.emulation.faults import FaultRule
from ordergate.emulation.session import EmulationSession
from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse


class ProviderApplication:
    """An ASGI application that responds exactly as the provider, without traces of this server."""

    def __init__(self, session: EmulationSession) -> None:
        """Serve this session's emulator."""
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        exchange = HttpExchange(scope, receive, send)
        try:
            request = await exchange.read()
        except ClientGoneError:
            return
        except BodyTooLargeError:
            self._session.requests += 1
            await exchange.answer(self._session.failure(413))
            return
        self._session.requests += 1
        await self._serve(exchange, request)

    async def _serve(self, exchange: HttpExchange, request: EmulatedRequest) -> None:
        rule = self._session.faults.choose(request.method, request.path)
        if rule is None:
            await exchange.answer(self._session.handle(request))
        else:
            await self._apply_fault(exchange, request, rule)

    async def _apply_fault(self, exchange: HttpExchange, request: EmulatedRequest, rule: FaultRule) -> None:
        session = self._session
        committed = session.handle(request) if rule.at == "after" else None
        match rule.do:
            case "drop":
                await exchange.drop()
            case "delay":
                await session.pause(rule.seconds or 0)
                await exchange.answer(committed or session.handle(request))
            case "truncate":
                await exchange.truncate(committed or session.failure(rule.status or 500))
            case "status":
                await exchange.answer(session.failure(rule.status or 500))
            case "html":
                await exchange.answer(html_page(rule.status or 502))
            case "rate_limit":
                await exchange.answer(session.rate_limited())


def html_page(status: int) -> EmulatedResponse:
    """Return the error page of a proxy in front of a provider."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    title = f"{status} {phrase}"
    page = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return EmulatedResponse(
        status=status, headers={"content-type": "text/html; charset=utf-8"}, body=page.encode()
    )
