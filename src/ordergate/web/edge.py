"""The outermost layer: request ids, the headers that every answer carries, one log line per request."""

import asyncio
import contextlib
import re
import time
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ordergate.connections import REFUSED_BODY, Answer
from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import is_id, new_id
from ordergate.gateway.context import Gateway
from ordergate.metrics import Times
from ordergate.observability import CallFacts, current_call
from ordergate.web.overload import Overload
from ordergate.web.problems import READS, STATUSES, document, headers_and_body, send_problem

_API = "/v1/"
_FIRST_PROBLEM = 400
_FIRST_FAILURE = 500
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
                message["headers"] = [*message["headers"], *self._headers(facts, started, waited())]
                if place is not None:
                    place.leave()
            elif status >= _FIRST_PROBLEM and message["type"] == "http.response.body":
                _note_problem(facts, message["body"])
            await send(message)

        def waited() -> float:
            return 0.0 if place is None else place.waited

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
            times = Times(seconds, place.waited, facts.provider_seconds, facts.journal_seconds)
            metrics.request_served(scope["method"], route, status, times)
            if scope["method"] not in READS and scope["path"].startswith(_API):
                metrics.write_answered(facts.account, failed=status >= _FIRST_FAILURE)
            _log_request(scope, status, facts, seconds)
            if traced is not None:
                traced.end(route, status, facts)
            structlog.contextvars.unbind_contextvars("request_id", "operation_id", "order_id")
            current_call.reset(token)

    def refuse(self, code: str, detail: str, status: int | None = None) -> Answer:
        """Return the answer to a request of which the application hears nothing: it is refused before it is whole.

        Args:
            code: A problem's.
            detail: A sentence.
            status: Where it is not the code's own.
        """
        facts = CallFacts(new_id("req"), self._gateway.configuration.hash)
        problem = Problem(code, detail, retry_after=1 if STATUSES[code] == STATUSES["overloaded"] else None)
        shown = document(problem, instance="", reads=False)
        shown = msgspec.structs.replace(shown, status=status or shown.status, request_id=facts.request_id)
        headers, body = headers_and_body(shown)
        self._gateway.metrics.request_served("", None, shown.status, Times(0.0, 0.0, 0.0, 0.0))
        _log.info("request.refused", status=shown.status, code=code, request_id=facts.request_id)
        return shown.status, [*headers, *self._headers(facts, time.perf_counter(), 0.0)], body

    @staticmethod
    def _headers(facts: CallFacts, started: float, waited: float) -> list[tuple[bytes, bytes]]:
        times = Times(time.perf_counter() - started, waited, facts.provider_seconds, facts.journal_seconds)
        timing = (
            f"gateway;dur={times.gateway * 1000:.1f}, provider;dur={times.provider * 1000:.1f}, "
            f"journal;dur={times.journal * 1000:.1f}"
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


class _ProviderCode(msgspec.Struct):
    code: str | None = None


class _Told(msgspec.Struct):
    """What a problem's document tells that the log does, too."""

    code: str
    operation: str | None = None
    order: str | None = None
    provider: _ProviderCode | None = None


_problem = msgspec.json.Decoder(_Told)


def _note_problem(facts: CallFacts, body: bytes) -> None:
    """Note which problem is answered, wherever it was made: here, by a handler, or long ago for the same key."""
    with contextlib.suppress(msgspec.MsgspecError):  # a page for a person, or nothing
        told = _problem.decode(body)
        facts.code = told.code
        facts.operation = facts.operation or told.operation
        facts.order = facts.order or told.order
        facts.provider_code = None if told.provider is None else told.provider.code


def _logged_ids(scope: Any, facts: CallFacts) -> dict[str, str]:
    """The gateway's own ids; in an address may stand anything, an email among them."""
    given = scope.get("path_params") or {}
    found: dict[str, str] = {}
    order, operation = facts.order or given.get("order_id"), facts.operation or given.get("operation_id")
    if order is not None and is_id(order, "ord"):
        found["order_id"] = order
    if operation is not None and is_id(operation, "op"):
        found["operation_id"] = operation
    return found


def _log_request(scope: Any, status: int, facts: CallFacts, seconds: float) -> None:
    caller = scope.get("state", {}).get("caller")
    log = _log.debug if facts.quiet else _log.info
    log(
        "request",
        method=scope["method"],
        path=scope.get("path_template") or "(no such address)",
        **_logged_ids(scope, facts),
        status=status,
        **({} if facts.code is None else {"code": facts.code, "provider_code": facts.provider_code}),
        milliseconds=round(seconds * 1000, 1),
        provider_milliseconds=round(facts.provider_seconds * 1000, 1),
        account=facts.account,
        configuration=facts.configuration,
        merchant=getattr(caller, "merchant", None),
        key_id=getattr(caller, "key", None),
    )
