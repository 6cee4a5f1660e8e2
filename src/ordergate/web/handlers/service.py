"""Addresses that need no key: health, and a page for each problem."""

from html import escape
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.params import FromPath

from ordergate.api.documents import Readiness
from ordergate.domain.errors import PROBLEMS, Problem
from ordergate.gateway.operating.gauges import exposition
from ordergate.telemetry.log import root_path
from ordergate.telemetry.metrics import MEDIA_TYPE
from ordergate.web.authentication import admit
from ordergate.web.loopback import made_here
from ordergate.web.openapi import READ_PROBLEMS
from ordergate.web.problems import FAULTS, NEXT_STEPS, OUTCOMES, STATUSES

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "code{font-size:1.05em}"
)


@get("/health/live", operation_id="health_live", summary="Is the process up", tags=["service"])
async def live() -> Readiness:
    """Answer while the process runs."""
    return Readiness(status="live")


@get(
    "/health/ready",
    operation_id="health_ready",
    summary="Can requests be served",
    tags=["service"],
    responses=READ_PROBLEMS,
)
async def ready(request: Request[Any, Any, Any]) -> Readiness:
    """Answer 200 while the journal accepts writes, independent of the providers."""
    runtime = request.app.state.runtime
    await runtime.store_check.require_writable(runtime.journal)
    return Readiness(status="ready")


@get("/metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the metrics to an operator's key, and without a key to callers on this machine."""
    runtime = request.app.state.runtime
    peer = None if request.client is None else request.client.host
    if not made_here(peer, request.scope["http_version"], request.scope["headers"]):
        caller = await admit(request)
        if not caller.operator:
            raise Problem("forbidden", "Metrics are the operator's: use an operator's key.")
    return Response(await exposition(runtime), media_type=MEDIA_TYPE)


@get("/problems", include_in_schema=False, media_type=MediaType.HTML)
async def problems() -> str:
    """List every problem."""
    root = root_path()
    rows = "".join(
        f"<tr><td>{STATUSES[code]}<td><a href='{root}/problems/{code}'><code>{code}</code></a><td>{escape(kind.title)}"
        for code, kind in sorted(PROBLEMS.items(), key=lambda item: (STATUSES[item[0]], item[0]))
    )
    return _page("Problems", f"<h1>Problems</h1><table><tr><th>HTTP<th>code<th>meaning{rows}</table>")


@get("/problems/{code:str}", include_in_schema=False, media_type=MediaType.HTML)
async def problem_page(code: FromPath[str]) -> str:
    """Explain one problem."""
    kind = PROBLEMS.get(code)
    if kind is None:
        raise Problem("not_found", "There is no such problem; /problems lists them all.")
    rows = (
        ("HTTP status", str(STATUSES[code])),
        ("Fault", FAULTS[kind.fault]),
        ("Outcome", OUTCOMES[kind.outcome]),
        ("Next step", NEXT_STEPS[kind.retry]),
    )
    table = "".join(f"<tr><th>{name}<td>{escape(value)}" for name, value in rows)
    return _page(
        code,
        f"<h1>{escape(kind.title)}</h1><p><code>{code}</code></p><table>{table}</table>"
        f"<p><a href='{root_path()}/problems'>All problems</a></p>",
    )


def _page(title: str, body: str) -> str:
    return f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{_STYLE}</style>{body}"
