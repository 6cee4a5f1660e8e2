"""A write that is ready to be sent: what is asked of the provider, what it changes here, what is journaled."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ordergate.domain.changes import Change
from ordergate.domain.commands import Write
from ordergate.domain.order import Notice
from ordergate.domain.outcome import Applied
from ordergate.gateway.accounts.account import Account
from ordergate.journal.records.operations import Operation, Work
from ordergate.journal.records.orders import StoredOrder
from ordergate.spi.adapter import Plan
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.redaction import MASK


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that stands at its effectful request; both None where nothing is to be sent.

    Attributes:
        recorded: The event loop's time just before the attempt is made durable.
        notices: What the merchant is to know about how the write was put into the request, or needs none.
    """

    plan: Plan | None
    request: WireRequest | None
    recorded: float
    notices: tuple[Notice, ...] = ()


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A write that nothing stands against any more.

    Attributes:
        command: What to ask the provider; None where the gateway does it itself.
        change: What it changes in the gateway's own record.
        before: The order as it was read just before; None for a create.
        elsewhere: Prepares it for another account, where nothing can have happened at this one.
    """

    account: Account
    command: Write | None
    change: Change
    before: StoredOrder | None
    elsewhere: "Elsewhere | None" = None


Elsewhere = Callable[[Operation], Awaitable[Prepared | None]]
"""Prepares an operation for the next account after those that its attempts name; None where there is none."""


def begin(account: Account, command: Write | None) -> Begun:
    """Plan up to the effectful request; an adapter that has nothing to send ends its plan at once.

    Raises:
        Problem: The provider cannot do it, or not with these fields.
    """
    recorded = asyncio.get_running_loop().time()
    if command is None:
        return Begun(plan=None, request=None, recorded=recorded)
    plan = account.adapter.plan(command, account.settings)
    try:
        request = next(plan)
    except StopIteration as end:
        notices = end.value.notices if isinstance(end.value, Applied) else ()
        return Begun(plan=None, request=None, recorded=recorded, notices=notices)
    return Begun(plan=plan, request=request, recorded=recorded, notices=request.notices)


def work_of(prepared: Prepared, begun: Begun) -> Work:
    """Return all that another process needs to carry on."""
    confidential = begun.request is not None and begun.request.confidential
    command = prepared.command if begun.plan is not None else None
    if confidential and command is not None and hasattr(command, "extension"):
        command = msgspec.structs.replace(command, extension={})
    return Work(
        command=command,
        change=prepared.change,
        notices=begun.notices,
        confidential=confidential,
    )


def kept_bytes(begun: Begun) -> bytes | None:
    """Return the bytes to send as they are journaled; stars where they hold a one-time token."""
    if begun.request is None:
        return None
    return MASK.encode() if begun.request.confidential else begun.request.body
