"""Finds out who calls, and whether their key may: a guard, so that no body is read for a stranger."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ordergate.gateway.caller import Caller, authenticate
from ordergate.gateway.context import Gateway


async def require_key(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let only a valid key with the handler's scope through; the caller is kept on the connection.

    Raises:
        Problem: ``unauthenticated`` or ``forbidden``.
    """
    gateway: Gateway = connection.app.state.gateway
    header = connection.headers.get("authorization")
    caller = await authenticate(gateway.journal, gateway.clock, header)
    scope = handler.opt.get("scope")
    if scope is not None:
        caller.require(scope)
    connection.state.caller = caller


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return who calls, as :func:`require_key` found out."""
    caller: Caller = connection.state.caller
    return caller
