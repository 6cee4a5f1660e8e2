"""The outermost layer: request ids, the headers that every answer carries, one log line per request."""

import asyncio
import re
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import new_id
from ordergate.gateway.context import Gateway
from ordergate.observability import CallFacts, current_call
from ordergate.web import door
from ordergate.web.overload import Overload
from ordergate.web.problems import READS, document, send_problem


class CallerGoneError(BaseException):
    """The caller went away before the body was there: nobody is left to be answered, and nothing went wrong here."""


_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_log = structlog.get_logger("ordergate.web")


class Edge:
    """Wraps the whole application, 404s and errors included."""

    def __init__(self, app: ASGIApp, gateway: Gateway, root_path: str = "") -> None:
        """Wrap an application; `root_path` stands before every address, as callers see them."""
        self.app = app
        self._root_path = root_path
        self._gateway = gateway
        self._overload = Overload(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        if self._root_path:
            _take_off(scope, self._root_path)
        facts = CallFacts(_request_id(scope), self._gateway.configuration.hash, root_path=self._root_path)
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
            await self._overload.refuse(scope, send_with_headers, facts)
            return
        token = current_call.set(facts)
        structlog.contextvars.bind_contextvars(request_id=facts.request_id)
        traced = None if tracing is None else tracing.begin_request(scope, facts)
        metrics.in_flight += 1
        try:
            if refused := door.refusal(scope):
                await _answer(refused, scope, send_with_headers)
            else:
                body = self._overload.body(place, receive)
                # Files are sent while their reader is listened for, who may go then as he likes.
                body = body if scope["method"] in READS else _until_gone(body)
                await self.app(scope, body, send_with_headers)
        except CallerGoneError:
            pass
        except asyncio.CancelledError:
            # The process ends, and this request has outlasted its patience; the server would say 500 in plain text.
            if status:
                raise
            await _answer(_stopping(scope), scope, send_with_headers, (b"connection", b"close"))
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


def _take_off(scope: Any, root_path: str) -> None:
    """Leave of the address what is the gateway's own, where the proxy has not done so."""
    raw = root_path.encode()
    if scope["path"] == root_path or scope["path"].startswith(f"{root_path}/"):
        scope["path"] = scope["path"].removeprefix(root_path) or "/"
        scope["raw_path"] = scope["raw_path"].removeprefix(raw) or b"/"


def _until_gone(receive: Receive) -> Receive:
    """Return what reads a body, and ends the request where the caller goes away in the middle of it."""

    async def receive_body() -> Any:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGoneError
        return message

    return receive_body


async def _answer(problem: Problem, scope: Any, send: Send, *headers: tuple[bytes, bytes]) -> None:
    """Answer a problem in place of the application."""
    shown = document(problem, instance=scope["path"], reads=scope["method"] in READS)
    await send_problem(shown, scope["method"], send, *headers)


def _stopping(scope: Any) -> Problem:
    """Tell a caller that nobody will answer him here any more; what he wanted written goes on, or is found out."""
    if scope["method"] in READS:
        return Problem("overloaded", "The gateway is stopping; ask again.", retry_after=1)
    return Problem(
        "outcome_unknown",
        "The gateway is stopping before the answer is known. Repeat the same Idempotency-Key.",
        retry_after=1,
    )


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
