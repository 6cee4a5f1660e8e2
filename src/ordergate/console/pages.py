"""Renders pages: the common parts, and problems as pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import structlog
from litestar import MediaType
from litestar.connection import Request
from litestar.exceptions import MethodNotAllowedException
from litestar.response import Redirect, Response, Template

from ordergate.console.session import PATH, form_token, signed_in
from ordergate.domain.errors import Problem
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.telemetry.log import root_path
from ordergate.web.problems import NEXT_STEPS, OUTCOMES, document, problem_of

Page = Request[Any, Any, Any]

SECTIONS = (
    ("orders", "Orders", False),
    ("operations", "Operations", False),
    ("comparisons", "Compare", False),
    ("accounts", "Accounts", False),
    ("configuration", "Configuration", True),
)
"""Items of the navigation: the path below the console's, the name, and whether it is only for operators.

A page that is new gets its entry here, its handlers in the plugin's router, and a template.
"""

_log = structlog.get_logger("ordergate.console")


def runtime_of(request: Page) -> Runtime:
    """Return the gateway that the console belongs to."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def page(request: Page, name: str, *, title: str, status: int = 200, **context: Any) -> Template:
    """Return a page.

    Args:
        request: The request, with the signed-in key.
        name: The template's, without its ending; the navigation's entry of the same name is marked.
        title: Of the window.
        status: The answer's.
        **context: The values for the template.
    """
    caller = signed_in(request)
    shared = {
        "title": title,
        "caller": caller,
        "sections": [
            section for section in SECTIONS if caller is not None and (caller.operator or not section[2])
        ],
        "section": request.url.path.removeprefix(f"{PATH}/").partition("/")[0],
        "form_token": form_token(request),
        "now": runtime_of(request).clock(),
        "root": root_path(),
    }
    return Template(f"{name}.html", context=shared | context, status_code=status, media_type=MediaType.HTML)


def to_page(path: str, parameters: Mapping[str, str] | None = None) -> str:
    """Return a page's address."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{root_path()}{PATH}/{path}{query}"


def redirect_to(address: str) -> Redirect:
    """Send the browser to another page, which it will GET."""
    return Redirect(address, status_code=303)


def answer_problem(request: Page, error: Exception) -> Response[Any]:
    """Answer any exception as a page; without a session, redirect to the sign-in."""
    problem = problem_of(error)
    if problem.code == "unauthenticated":
        return _ask_to_sign_in(request)
    if problem.code == "internal_error":
        _log.error("request.failed", path=request.scope.get("path_template"), exc_info=error)
    reads = request.method in {"GET", "HEAD"}
    shown = document(problem, instance=request.url.path, reads=reads)
    answer = page(
        request,
        "problem",
        title=shown.title,
        status=shown.status,
        problem=shown,
        outcome=None if shown.outcome is None else OUTCOMES[shown.outcome],
        next_step=NEXT_STEPS[shown.retry],
    )
    if shown.retry_after is not None:
        answer.headers["Retry-After"] = str(shown.retry_after)
    if isinstance(error, MethodNotAllowedException) and error.headers:
        answer.headers["Allow"] = error.headers["allow"]
    return answer


def problem_in(request: Page, problem: Problem) -> Any:
    """Return a problem as a page's part."""
    return document(problem, instance=request.url.path, reads=request.method in {"GET", "HEAD"})


def _ask_to_sign_in(request: Page) -> Response[Any]:
    if request.method != "GET":
        return redirect_to(to_page("sign-in"))
    if request.headers.get("sec-fetch-site") == "cross-site":
        # A strict cookie is missing after a link from another site, but present when this page reloads itself.
        return page(request, "again", title="One moment", address=_here(request))
    here = _here(request)
    return redirect_to(to_page("sign-in", None if request.url.path == PATH else {"next": here}))


def _here(request: Page) -> str:
    query = request.url.query
    return root_path() + request.url.path + (f"?{query}" if query else "")
