"""The outermost layer: request ids, the headers that every answer carries, one log line per request."""

import asyncio
import re
import time
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ordergate.connections import REFUSED_BODY, Answer
from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import new_id
from ordergate.gateway.context import Gateway
from ordergate.observability import CallFacts, current_call
from ordergate.web.overload import Overload
from ordergate.web.problems import READS, document, headers_and_body, send_problem

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_log = structlog.get_logger("ordergate.web")


class Edge:
    """Wraps the whole application, 404s and errors included."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        """Wrap an application."""
        self.app = app
        self._gateway = gateway
        self._overload = Overload(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        facts = CallFacts(_request_id(scope), self._gateway.configuration.hash)
        metrics, tracing = self._gateway.metrics, self._gateway.tracing
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._headers(facts, started)]
                if place is not None:
                    place.leave()
            await send(message)

        place = self._overload.enter(scope["path"])
        if place is None:
            await self._overload.refuse(scope, send_with_headers, facts.request_id)
            return
        token = current_call.set(facts)
        structlog.contextvars.bind_contextvars(request_id=facts.request_id)
        traced = None if tracing is None else tracing.begin_request(scope, facts)
        metrics.in_flight += 1
        try:
            body = self._overload.body(place, _while_it_comes(scope, receive))
            await self.app(scope, body, send_with_headers)
        except asyncio.CancelledError:
            # The process ends, and this request has outlasted its patience; the server would say 500 in plain text.
            if status:
                raise
            await _answer_stopping(scope, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            route = scope.get("path_template")
            place.leave()
            metrics.in_flight -= 1
            metrics.request_served(
                scope["method"], route, status, seconds, facts.provider_seconds, facts.journal_seconds
            )
            _log_request(scope, status, facts, seconds)
            if traced is not None:
                traced.end(route, status, facts)
            structlog.contextvars.unbind_contextvars("request_id")
            current_call.reset(token)

    def refuse(self, code: str, detail: str, status: int | None = None) -> Answer:
        """Return the answer to a request of which the application hears nothing: it is refused before it is whole.

        Args:
            code: A problem's.
            detail: A sentence.
            status: Where it is not the code's own.
        """
        facts = CallFacts(new_id("req"), self._gateway.configuration.hash)
        problem = Problem(code, detail, retry_after=1 if code == "overloaded" else None)
        shown = document(problem, instance="", reads=False)
        shown = msgspec.structs.replace(shown, status=status or shown.status, request_id=facts.request_id)
        headers, body = headers_and_body(shown)
        self._gateway.metrics.request_served("", None, shown.status, 0.0, 0.0, 0.0)
        _log.info("request.refused", status=shown.status, code=code, request_id=facts.request_id)
        return shown.status, [*headers, *self._headers(facts, time.perf_counter())], body

    @staticmethod
    def _headers(facts: CallFacts, started: float) -> list[tuple[bytes, bytes]]:
        total = time.perf_counter() - started
        timing = (
            f"gateway;dur={max(total - facts.provider_seconds, 0.0) * 1000:.1f}, "
            f"provider;dur={facts.provider_seconds * 1000:.1f}, "
            f"journal;dur={facts.journal_seconds * 1000:.1f}"
        )
        headers = [
            (b"x-request-id", facts.request_id.encode()),
            (b"ordergate-config", facts.configuration.encode()),
            (b"server-timing", timing.encode()),
        ]
        if facts.account is not None:
            headers.append((b"ordergate-account", facts.account.encode()))
        return headers


def _while_it_comes(scope: Any, receive: Receive) -> Receive:
    """Return what reads a request's body, or refuses the request if the rest of its body will not be waited for."""

    async def receive_or_refuse() -> Any:
        message = await receive()
        if refused := scope.get(REFUSED_BODY):
            raise Problem(*refused)
        return message

    return receive_or_refuse


async def _answer_stopping(scope: Any, send: Send) -> None:
    """Tell a caller that nobody will answer him here any more; what he wanted written goes on, or is found out."""
    reads = scope["method"] in READS
    problem = (
        Problem("overloaded", "The gateway is stopping; ask again.", retry_after=1)
        if reads
        else Problem(
            "outcome_unknown",
            "The gateway is stopping before the answer is known. Repeat the same Idempotency-Key.",
            retry_after=1,
        )
    )
    shown = document(problem, instance=scope["path"], reads=reads)
    await send_problem(shown, scope["method"], send, (b"connection", b"close"))


def _request_id(scope: Scope) -> str:
    """The caller's own id, if it can stand in a log and a header."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode()
    return new_id("req")


def _logged_ids(scope: Any) -> dict[str, Any]:
    """The gateway's own ids in the address; a merchant's may be anything, an email among them."""
    given = scope.get("path_params") or {}
    return {name: given[name] for name in ("order_id", "operation_id") if name in given}


def _log_request(scope: Any, status: int, facts: CallFacts, seconds: float) -> None:
    caller = scope.get("state", {}).get("caller")
    log = _log.debug if facts.quiet else _log.info
    log(
        "request",
        method=scope["method"],
        path=scope.get("path_template") or "(no such address)",
        **_logged_ids(scope),
        status=status,
        milliseconds=round(seconds * 1000, 1),
        provider_milliseconds=round(facts.provider_seconds * 1000, 1),
        account=facts.account,
        configuration=facts.configuration,
        merchant=getattr(caller, "merchant", None),
        key=getattr(caller, "key", None),
    )
