"""A write before and during its attempts: prepared, started, claimed."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ordergate.domain.changes import Change
from ordergate.domain.commands import Write
from ordergate.domain.order import Notice
from ordergate.domain.outcome import Applied
from ordergate.gateway.accounts.account import Account
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Operation, Work
from ordergate.journal.records.orders import StoredOrder
from ordergate.spi.adapter import Plan
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.redaction import MASK


class PreparedWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A write that has passed all checks.

    Attributes:
        command: The command for the adapter; None if the gateway does the write itself.
        change: The change to the gateway's own record of the order.
        before: The order as the gateway read it just before; None for a create.
        failover: Prepares the write for the next account of its route; None if the route has only one.
    """

    account: Account
    command: Write | None
    change: Change
    before: StoredOrder | None
    failover: "Failover | None" = None


Failover = Callable[[Operation], Awaitable[PreparedWrite | None]]
"""Prepares an operation for the first account of its route that has no attempt yet; returns None after the last."""


class StartedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter's plan up to its effectful request. Plan and request are None if the adapter sends nothing.

    Attributes:
        started_at: The event loop's time just before the attempt is made durable.
        notices: Notices for the merchant about the translation into the request.
    """

    plan: Plan | None
    request: WireRequest | None
    started_at: float
    notices: tuple[Notice, ...] = ()

    @property
    def body(self) -> bytes | None:
        """The bytes of the request; None if the adapter sends nothing."""
        return None if self.request is None else self.request.body


class ClaimedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that this process works on, with the data to settle it.

    Attributes:
        before: The order before the write; None for a create.
        owner: This process, if its lease on the operation may have been lost; None if it got the provider's answer.
        exchanges: Exchanges with the provider that are not in the journal yet.
    """

    operation: Operation
    work: Work
    account: Account
    before: StoredOrder | None
    owner: str | None = None
    exchanges: tuple[Exchange, ...] = ()


def start_plan(account: Account, command: Write | None) -> StartedPlan:
    """Run an adapter's plan up to its effectful request.

    Raises:
        Problem: The provider cannot do the write, or not with these fields.
    """
    started_at = asyncio.get_running_loop().time()
    if command is None:
        return StartedPlan(plan=None, request=None, started_at=started_at)
    plan = account.adapter.plan(command, account.settings)
    try:
        request = next(plan)
    except StopIteration as end:  # the adapter has nothing to send
        notices = end.value.notices if isinstance(end.value, Applied) else ()
        return StartedPlan(plan=None, request=None, started_at=started_at, notices=notices)
    return StartedPlan(plan=plan, request=request, started_at=started_at, notices=request.notices)


def work_of(prepared: PreparedWrite, started: StartedPlan) -> Work:
    """Return what another process needs to finish the write."""
    confidential = started.request is not None and started.request.confidential
    command = prepared.command if started.plan is not None else None
    if confidential and command is not None and hasattr(command, "extension"):
        command = msgspec.structs.replace(command, extension={})
    return Work(command=command, change=prepared.change, notices=started.notices, confidential=confidential)


def journaled_body(started: StartedPlan) -> bytes | None:
    """Return the bytes of the request for the journal: asterisks if they contain a one-time token."""
    if started.request is None:
        return None
    return MASK.encode() if started.request.confidential else started.request.body
