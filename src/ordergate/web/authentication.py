"""Finds out who calls, and whether their key may: a guard, so that no body is read for a stranger."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ordergate.gateway.admission import count_request, identify
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Gateway

SCOPE = "scope"
"""Where a handler says, in its ``opt``, which scope a key needs for it."""


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let only a valid key with the handler's scope through; the caller is kept on the connection.

    Raises:
        Problem: ``unauthenticated``, ``rate_limited`` or ``forbidden``.
    """
    caller = await admit(connection)
    caller.require(handler.opt[SCOPE])


async def admit(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return whose valid key it is that came with the request, and count the request.

    Raises:
        Problem: ``unauthenticated`` or ``rate_limited``.
    """
    gateway: Gateway = connection.app.state.gateway
    address = "" if connection.client is None else connection.client.host
    caller = await identify(gateway, connection.headers.get("authorization"), address)
    connection.state.caller = caller
    await count_request(gateway, caller)
    return caller


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return who calls, as :func:`require_key` found out."""
    caller: Caller = connection.state.caller
    return caller
