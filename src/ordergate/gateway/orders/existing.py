"""The start of each change of an existing order: read it again, and refuse a change that its state does not allow."""

import contextlib

import msgspec

from ordergate.domain.account import Support
from ordergate.domain.assembly import OrderRecord, review_reasons, settled_status, with_snapshot
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import WAYS_OUT, OperationKind, ReviewReason, refusal
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.routing import require_account_of
from ordergate.gateway.orders.confirm import confirm_if_due
from ordergate.gateway.orders.read import read_command, record_shown_total, visible_order
from ordergate.gateway.runtime.order_log import refresh
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.plans import read_order
from ordergate.gateway.writes.problems import order_busy
from ordergate.gateway.writes.write import CallOptions, WriteCall
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.orders import StoredOrder
from ordergate.telemetry.log import note_account


def call_on(
    caller: Caller,
    kind: OperationKind,
    order_id: str,
    body: msgspec.Struct,
    options: CallOptions,
    path: str = "",
) -> WriteCall:
    """Return the call that changes one order; its path is part of the idempotency key's scope."""
    return WriteCall(
        caller=caller,
        kind=kind,
        method="PATCH" if kind is OperationKind.UPDATE else "POST",
        path=f"/v1/orders/{order_id}{path}",
        options=options,
        body=body,
        order=order_id,
    )


async def read_again(
    runtime: Runtime, caller: Caller, order_id: str, kind: OperationKind
) -> tuple[Account, StoredOrder]:
    """Read an order at the provider, and record it.

    Raises:
        Problem: ``not_found``, ``unsupported_operation``, ``order_busy``, ``invalid_state``, or the failure to read the
            provider.
    """
    stored = await visible_order(runtime, caller, order_id)
    account = require_account_of(runtime.configuration, stored.record)
    note_account(account.name)
    support(account, kind)
    unsettled = await runtime.journal.read(tx.operations.find_unsettled(order_id))
    if unsettled is not None:
        raise order_busy(unsettled)
    seen = await read_order(runtime, account, read_command(stored.record))
    stored = await refresh(runtime, with_snapshot(stored.record, seen, runtime.steady_time()), stored)
    stored = await confirm_if_due(runtime, account, stored)
    why = refusal(kind, settled_status(stored.record))
    if why is not None:
        raise Problem("invalid_state", why, order=order_id)
    return account, stored


async def note_shown_total(runtime: Runtime, order_id: str, answer: Answer) -> None:
    """Record that an answer showed the total to the merchant. The write stands even if this fails."""
    if answer.accepted or answer.response.status >= 400:
        return
    with contextlib.suppress(JournalUnavailableError):
        stored = await runtime.journal.read(tx.orders.find(order_id))
        if stored is not None:
            await record_shown_total(
                runtime, stored, msgspec.json.decode(answer.response.body, type=_ShownTotal).total
            )


class _ShownTotal(msgspec.Struct):
    """The facts of an order that a merchant must know before a charge."""

    total: int


def support(account: Account, kind: OperationKind) -> Support:
    """Return how far the provider can do this.

    Raises:
        Problem: ``unsupported_operation``, with an alternative.
    """
    declared = account.adapter.capabilities.support(kind)
    if declared.level == "no":
        raise Problem(
            "unsupported_operation",
            f"{account.adapter.title} cannot {kind.value} an order. {declared.detail}",
        )
    return declared


def refuse_in_review(record: OrderRecord, *, except_for: ReviewReason | None = None) -> None:
    """Refuse to move money of an order in review.

    Raises:
        Problem: ``invalid_state``, with each reason's way out.
    """
    reasons = [reason for reason in review_reasons(record) if reason is not except_for]
    if reasons:
        ways = "; ".join(f"{reason}: {WAYS_OUT[reason]}" for reason in reasons)
        raise Problem("invalid_state", f"The order is in review. {ways}.", order=record.id)
