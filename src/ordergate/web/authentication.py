"""Finds out who calls, and whether their key may, before anything of the body is read."""

from typing import Any

from litestar.connection import ASGIConnection

from ordergate.gateway.admission import count_request, identify
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Gateway

SCOPE = "scope"
"""Where a handler says, in its ``opt``, which scope a key needs for it."""

CALLER = "caller"
"""Where the state of a connection says who calls."""

Connection = ASGIConnection[Any, Any, Any, Any]


async def require_key(request: Connection) -> None:
    """Let only a valid key with the handler's scope through; the caller is kept on the connection.

    Raises:
        Problem: ``unauthenticated``, ``rate_limited`` or ``forbidden``.
    """
    caller = await admit(request)
    caller.require(request.route_handler.opt[SCOPE])


async def admit(connection: Connection) -> Caller:
    """Return whose valid key it is that came with the request, and count the request.

    Raises:
        Problem: ``unauthenticated`` or ``rate_limited``.
    """
    gateway: Gateway = connection.app.state.gateway
    client = connection.scope["client"]
    address = "" if client is None else client[0]
    caller = await identify(gateway, connection.headers.get("authorization"), address)
    connection.scope["state"][CALLER] = caller
    await count_request(gateway, caller)
    return caller


def caller_of(connection: Connection) -> Caller:
    """Return who calls, as :func:`require_key` found out."""
    caller: Caller = connection.scope["state"][CALLER]
    return caller
