"""The outermost layer: request ids, the headers that every answer carries, one log line per request."""

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import is_id, new_id
from ordergate.gateway.runtime.concurrency import Place
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.listener.connections import REFUSED_BODY, Answer
from ordergate.telemetry.log import CallFacts, in_call
from ordergate.telemetry.metrics import Times
from ordergate.web import door
from ordergate.web.overload import Overload
from ordergate.web.problems import READS, document, headers_and_body, send_problem

if TYPE_CHECKING:
    from ordergate.telemetry.tracing import RequestSpan

_API = "/v1/"
_FIRST_PROBLEM = 400
_FIRST_FAILURE = 500
_NO_TIME = Times(0.0, 0.0, 0.0, 0.0)


class CallerGoneError(BaseException):
    """The caller disconnected before the end of the body: there is nobody to answer, and it is no failure."""


_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_log = structlog.get_logger("ordergate.web")


class Edge:
    """Wraps the whole application, 404s and errors included."""

    def __init__(self, app: ASGIApp, runtime: Runtime, root_path: str = "") -> None:
        """Wrap an application; `root_path` is the prefix of every URL for callers."""
        self.app = app
        self._root_path = root_path
        self._runtime = runtime
        self._overload = Overload(runtime)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        if self._root_path:
            _strip_prefix(scope, self._root_path)
        facts = CallFacts(_request_id(scope), self._runtime.configuration.hash, root_path=self._root_path)
        exchange = _Exchange(facts, send)
        exchange.place = self._overload.enter(scope["path"])
        if exchange.place is None:
            await self._overload.refuse(scope, exchange.send, facts)
            return
        body = _body_receiver(scope, receive, exchange.place)
        with in_call(facts):
            span = self._begin(scope, facts)
            try:
                await self._serve(scope, body, exchange)
            finally:
                self._end(scope, exchange, exchange.place, span)

    async def _serve(self, scope: Any, receive: Receive, exchange: "_Exchange") -> None:
        """Answer at the door, or by the application."""
        try:
            if refused := door.refusal(scope):
                await _answer(refused, scope, exchange.send)
                return
            await self.app(scope, receive, exchange.send)
        except CallerGoneError:
            pass
        except asyncio.CancelledError:
            # The process ends, and this request has used up its time; the server would answer 500 in plain text.
            if exchange.status:
                raise
            await _answer(_stopping(scope), scope, exchange.send, (b"connection", b"close"))

    def _begin(self, scope: Any, facts: CallFacts) -> "RequestSpan | None":
        tracing = self._runtime.tracing
        span = None if tracing is None else tracing.begin_request(scope, facts)
        self._runtime.metrics.in_flight += 1
        return span

    def _end(self, scope: Any, exchange: "_Exchange", place: Place, span: "RequestSpan | None") -> None:
        """Measure, log and trace the request that was served."""
        metrics, facts = self._runtime.metrics, exchange.facts
        place.leave()
        metrics.in_flight -= 1
        status, times, route = exchange.status, exchange.times(), scope.get("path_template")
        metrics.request_served(scope["method"], route, status, times)
        if scope["method"] not in READS and scope["path"].startswith(_API):
            metrics.write_answered(facts.account, failed=status >= _FIRST_FAILURE)
        _log_request(scope, status, facts, times.total)
        if span is not None:
            span.end(route, status, facts)

    def refuse(self, code: str, detail: str, status: int | None = None) -> Answer:
        """Return the answer to a request of which the application hears nothing: it is refused before it is whole.

        Args:
            code: A problem's.
            detail: A sentence.
            status: The status, if it is not the code's own.
        """
        facts = CallFacts(new_id("req"), self._runtime.configuration.hash)
        problem = Problem(code, detail, retry_after=1 if code == "overloaded" else None)
        shown = document(problem, instance="", reads=False)
        shown = msgspec.structs.replace(shown, status=status or shown.status, request_id=facts.request_id)
        headers, body = headers_and_body(shown)
        self._runtime.metrics.request_served("", None, shown.status, _NO_TIME)
        _log.info("request.refused", status=shown.status, code=code, request_id=facts.request_id)
        return shown.status, [*headers, *_headers(facts, _NO_TIME)], body


class _Exchange:
    """One request and its answer, on its way out through the edge.

    Attributes:
        facts: Facts about the request, collected while it is served.
        place: Among the requests that compete; None for one that is refused.
        status: Of the answer; 0 as long as there is none.
    """

    def __init__(self, facts: CallFacts, send: Send) -> None:
        """Begin to measure."""
        self.facts = facts
        self.place: Place | None = None
        self.status = 0
        self._send = send
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Send a part of the answer, its head with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *_headers(self.facts, self.times())]
            if self.place is not None:
                self.place.leave()
        elif self.status >= _FIRST_PROBLEM and message["type"] == "http.response.body":
            _note_problem(self.facts, message["body"])
        await self._send(message)

    def times(self) -> Times:
        """Return the parts of the time so far."""
        waited = 0.0 if self.place is None else self.place.waited
        seconds = time.perf_counter() - self._started
        return Times(seconds, waited, self.facts.provider_seconds, self.facts.journal_seconds)


def _headers(facts: CallFacts, times: Times) -> list[tuple[bytes, bytes]]:
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


def _body_receiver(scope: Any, receive: Receive, place: Place) -> Receive:
    """Return the receiver of a request's body. A wait for the body does not compete.

    The request is refused if its body is aborted, and ends if the caller disconnects. A read goes on: while a file is
    sent, its reader may disconnect at any time.
    """
    reads = scope["method"] in READS

    async def receive_body() -> Any:
        with place:
            message = await receive()
        if refused := scope.get(REFUSED_BODY):
            raise Problem(*refused)
        if not reads and message["type"] == "http.disconnect":
            raise CallerGoneError
        return message

    return receive_body


def _strip_prefix(scope: Any, root_path: str) -> None:
    """Remove the prefix from the path, if the proxy has not done so."""
    raw = root_path.encode()
    if scope["path"] == root_path or scope["path"].startswith(f"{root_path}/"):
        scope["path"] = scope["path"].removeprefix(root_path) or "/"
        scope["raw_path"] = scope["raw_path"].removeprefix(raw) or b"/"


async def _answer(problem: Problem, scope: Any, send: Send, *headers: tuple[bytes, bytes]) -> None:
    """Answer a problem in place of the application."""
    shown = document(problem, instance=scope["path"], reads=scope["method"] in READS)
    await send_problem(shown, scope["method"], send, *headers)


def _stopping(scope: Any) -> Problem:
    """Tell a caller that this process ends without an answer. A write continues, or recovery finds out its outcome."""
    if scope["method"] in READS:
        return Problem("overloaded", "The gateway is stopping; ask again.", retry_after=1)
    return Problem(
        "outcome_unknown",
        "The gateway is stopping before the answer is known. Repeat the same Idempotency-Key.",
        retry_after=1,
    )


def _request_id(scope: Scope) -> str:
    """The caller's own request id, if it is valid in a log and a header."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode()
    return new_id("req")


class _ProviderCode(msgspec.Struct):
    code: str | None = None


class _LoggedProblem(msgspec.Struct):
    """Members of a problem document that the log contains too."""

    code: str
    operation: str | None = None
    order: str | None = None
    provider: _ProviderCode | None = None


_problem = msgspec.json.Decoder(_LoggedProblem)


def _note_problem(facts: CallFacts, body: bytes) -> None:
    """Note which problem is answered, wherever it was made: here, by a handler, or long ago for the same key."""
    with contextlib.suppress(msgspec.MsgspecError):  # a page for a person, or nothing
        told = _problem.decode(body)
        facts.code = told.code
        facts.operation = facts.operation or told.operation
        facts.order = facts.order or told.order
        facts.provider_code = None if told.provider is None else told.provider.code


def _logged_ids(scope: Any, facts: CallFacts) -> dict[str, str]:
    """The gateway's own ids in a path; other parts may be anything, such as an email."""
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
