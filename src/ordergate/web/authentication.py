"""Finds out who calls, and whether their key may, before anything of the body is read."""

import asyncio
from typing import Any

from litestar.connection import ASGIConnection

from ordergate.gateway.access.authentication import count_request, identify
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.runtime.known_keys import KEPT
from ordergate.gateway.runtime.runtime import Runtime

SCOPE = "scope"
"""Key in a handler's ``opt`` for the scope that it needs."""

CALLER = "caller"
"""Key in the state of a connection for the caller."""

_ADMITTED_AT = "admitted_at"

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_key(request: Connection) -> None:
    """Let only a valid key with the handler's scope through; the caller is kept on the connection.

    Raises:
        Problem: ``unauthenticated``, ``rate_limited`` or ``forbidden``.
    """
    caller = await admit(request)
    caller.require(request.route_handler.opt[SCOPE])


async def admit(connection: Connection) -> Caller:
    """Return the caller of a request's valid key, and count the request.

    Raises:
        Problem: ``unauthenticated`` or ``rate_limited``.
    """
    caller = await _identify(connection)
    await count_request(connection.app.state.runtime, caller)
    return caller


async def admit_again(connection: Connection) -> None:
    """Check the key again after a slow body: it may have been revoked.

    Raises:
        Problem: ``unauthenticated``.
    """
    admitted_at = connection.scope["state"].get(_ADMITTED_AT)
    if admitted_at is not None and _now() - admitted_at >= KEPT:
        await _identify(connection)


async def _identify(connection: Connection) -> Caller:
    runtime: Runtime = connection.app.state.runtime
    client = connection.scope["client"]
    address = "" if client is None else client[0]
    caller = await identify(runtime, connection.headers.get("authorization"), address)
    state = connection.scope["state"]
    state[CALLER], state[_ADMITTED_AT] = caller, _now()
    return caller


def _now() -> float:
    return asyncio.get_running_loop().time()


def caller_of(connection: Connection) -> Caller:
    """Return who calls, as :func:`require_key` found out."""
    caller: Caller = connection.scope["state"][CALLER]
    return caller
