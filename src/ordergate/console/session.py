"""Who is signed in: cookies, the guard of every page, and the token that each form carries.

Cookies are ``SameSite=Strict``, so no other site's form sends them. In addition, each form has a token that only a page
of the same session can contain.
"""

import hmac
from ipaddress import ip_address
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie, FormMultiDict
from litestar.handlers import BaseRouteHandler

from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.validation import NULL_CHARACTER, pointer_to
from ordergate.gateway.access.caller import OPERATOR_SCOPE, Caller
from ordergate.gateway.access.sessions import SCOPE, SESSION_SECONDS, caller_in_session, confirm_session
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.telemetry.log import root_path

PATH = "/console"
SESSION_COOKIE = "ordergate_session"
SIGN_IN_COOKIE = "ordergate_sign_in"
FORM_TOKEN = "form_token"  # noqa: S105 - the field's name
OPERATOR = {"scope": OPERATOR_SCOPE}
"""Key in a handler's ``opt``: only an operator's key is allowed."""

_OWN_SITE = frozenset({None, "same-origin", "none"})

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_session(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let only who is signed in through, with a key that is good for the page; a guard.

    Raises:
        Problem: ``unauthenticated``, ``rate_limited`` or ``forbidden``.
    """
    runtime: Runtime = connection.app.state.runtime
    token = connection.cookies.get(SESSION_COOKIE)
    if token is None:
        raise Problem("unauthenticated", "Sign in with an API key.")
    caller = await caller_in_session(runtime, token)
    connection.state.caller = caller
    caller.require(handler.opt.get("scope", SCOPE))


def signed_in(connection: Connection) -> Caller | None:
    """Return who is signed in, as :func:`require_session` found out."""
    caller: Caller | None = connection.state.get("caller")
    return caller


def form_token(connection: Connection, cookie: str = SESSION_COOKIE) -> str:
    """Return the token of this browser's forms; it is derived from a cookie and does not reveal it."""
    return _form_token(connection.cookies.get(cookie, ""))


async def checked_form(request: Request[Any, Any, Any], cookie: str = SESSION_COOKIE) -> FormMultiDict:
    """Return a form that a page of this session has sent.

    Raises:
        Problem: ``forbidden`` for any other token; ``unauthenticated`` if the session has ended meanwhile;
            ``invalid_request`` for text with U+0000.
    """
    secret = request.cookies.get(cookie)
    if secret and request.headers.get("sec-fetch-site") in _OWN_SITE:
        form = await request.form()
        if cookie == SESSION_COOKIE:  # the form may have taken its time, and the key is revoked
            await confirm_session(request.app.state.runtime, secret)
        _refuse_null_characters(form)
        given = form.get(FORM_TOKEN)
        if isinstance(given, str) and _same(given, _form_token(secret)):
            return form
    raise Problem(
        "forbidden", "This form belongs to another session. Return to the page, load it again, and repeat."
    )


def _refuse_null_characters(form: FormMultiDict) -> None:
    """Refuse text that not every store accepts."""
    for name, value in form.multi_items():
        if isinstance(value, str) and "\0" in value:
            raise invalid_request(pointer_to("", name), "invalid_value", NULL_CHARACTER)


def text_of(form: FormMultiDict, name: str) -> str:
    """Return a field of a form without surrounding spaces; empty if it is missing."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def session_cookie(connection: Connection, token: str) -> Cookie:
    """Return the cookie of a new session."""
    return _cookie(connection, SESSION_COOKIE, token, SESSION_SECONDS)


def sign_in_cookie(connection: Connection, token: str) -> Cookie:
    """Return the cookie that binds the form for signing in to this browser."""
    return _cookie(connection, SIGN_IN_COOKIE, token, None)


def no_cookie(connection: Connection, name: str) -> Cookie:
    """Return the header that deletes one of the cookies."""
    return _cookie(connection, name, "", 0)


def _cookie(connection: Connection, name: str, value: str, seconds: int | None) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=seconds,
        path=root_path() + PATH,
        httponly=True,
        samesite="strict",
        secure=not _is_plain_loopback(connection),
    )


def _is_plain_loopback(connection: Connection) -> bool:
    """Whether a browser speaks to this very machine, without TLS: only there does a cookie need none."""
    forwarded = connection.headers.get("x-forwarded-proto", "")
    schemes = {part.strip().lower() for part in (connection.scope["scheme"], *forwarded.split(","))}
    host = (connection.base_url.hostname or "").lower()
    try:
        return "https" not in schemes and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _form_token(secret: str) -> str:
    return hmac.new(secret.encode(), b"form", "sha256").hexdigest()
