"""Signing in with an API key, and out."""

from typing import Any

from litestar import get, post
from litestar.response import Response

from ordergate.console.pages import Page, page, problem_in, redirect_to, runtime_of, to_page
from ordergate.console.session import (
    FORM_TOKEN,
    SESSION_COOKIE,
    SIGN_IN_COOKIE,
    checked_form,
    form_token,
    no_cookie,
    session_cookie,
    sign_in_cookie,
    text_of,
)
from ordergate.domain.errors import Problem
from ordergate.gateway.access.sessions import caller_in_session, close_session, new_token, open_session
from ordergate.web.problems import STATUSES


@get("/sign-in")
async def show_sign_in(request: Page) -> Response[Any]:
    """Show the sign-in form; a signed-in person continues."""
    wanted = _safe_next(request.query_params.get("next", ""))
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None and await _is_good(request, token):
        return redirect_to(wanted)
    if SIGN_IN_COOKIE in request.cookies:
        return page(
            request, "sign_in", title="Sign in", wanted=wanted, form_token=form_token(request, SIGN_IN_COOKIE)
        )
    answer = page(request, "sign_in", title="Sign in", wanted=wanted)
    fresh = new_token()
    request.cookies[SIGN_IN_COOKIE] = fresh
    answer.context[FORM_TOKEN] = form_token(request, SIGN_IN_COOKIE)
    answer.set_cookie(sign_in_cookie(request, fresh))
    return answer


@post("/sign-in", status_code=200)
async def sign_in(request: Page) -> Response[Any]:
    """Open a session for a key with the scope to read orders."""
    form = await checked_form(request, SIGN_IN_COOKIE)
    wanted = _safe_next(text_of(form, "next"))
    address = "" if request.client is None else request.client.host
    try:
        token = await open_session(runtime_of(request), text_of(form, "key"), address)
    except Problem as problem:
        answer = page(
            request,
            "sign_in",
            title="Sign in",
            status=STATUSES[problem.code],
            wanted=wanted,
            problem=problem_in(request, problem),
            form_token=form_token(request, SIGN_IN_COOKIE),
        )
        if problem.retry_after is not None:
            answer.headers["Retry-After"] = str(problem.retry_after)
        return answer
    before = request.cookies.get(SESSION_COOKIE)
    if before is not None:
        await close_session(runtime_of(request), before)
    done = redirect_to(wanted)
    done.set_cookie(session_cookie(request, token))
    done.set_cookie(no_cookie(request, SIGN_IN_COOKIE))
    return done


@post("/sign-out", status_code=200)
async def sign_out(request: Page) -> Response[Any]:
    """End the session, here and on the server."""
    await checked_form(request)
    await close_session(runtime_of(request), request.cookies[SESSION_COOKIE])
    done = redirect_to(to_page("sign-in"))
    done.set_cookie(no_cookie(request, SESSION_COOKIE))
    return done


async def _is_good(request: Page, token: str) -> bool:
    try:
        await caller_in_session(runtime_of(request), token)
    except Problem:
        return False
    return True


def _safe_next(address: str) -> str:
    """Only pages of the console, never a foreign URL."""
    sane = (
        address.startswith(to_page("")) and not address.startswith(to_page("sign-")) and address.isprintable()
    )
    return address if sane and "\\" not in address else to_page("orders")
