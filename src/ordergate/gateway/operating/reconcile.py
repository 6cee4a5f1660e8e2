"""Compares the journal with the provider's own list, order by order. It reads, and writes nothing."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.assembly import OrderRecord, order_from_record, with_snapshot
from ordergate.domain.commands import ListFilters, ListOrders
from ordergate.domain.errors import Problem
from ordergate.domain.operation import OperationState
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.orders.read import read_command
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import read_order, read_page
from ordergate.journal import transactions as tx
from ordergate.journal.records.orders import OrderQuery

COMPARED = ("status", "currency", "total", "amount_paid", "amount_refunded", "fulfillment_status")
"""The members of an order that are compared; amounts in minor units."""

PAGE_SIZE = 100

Found = Literal["different", "gone", "stray", "elsewhere", "unread"]
"""The kind of a difference.

``different``: its figures or statuses are not those that the journal last saw. ``gone``: the provider has it no
more. ``stray``: it bears our mark, and the journal has no such order. ``elsewhere``: it was made without us.
``unread``: the provider could not be asked.
"""

Advance = Callable[[int], None]
"""Called with the number of orders that were read."""


class FieldDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One member of an order that is not the same on both sides."""

    field: str
    journal: str | int
    provider: str | int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An order with a difference, for a person.

    Attributes:
        order: The gateway's id; None if the journal does not have the order.
        operation: The write that its mark names.
        operation_state: State of the operation in the journal; None without one.
        merchant: The merchant in the journal, or in the order's mark.
        detail: A sentence for people; empty if the differences suffice.
    """

    found: Found
    order: str | None
    provider_order_id: str
    reference: str | None
    merchant: str | None
    operation: str | None = None
    operation_state: OperationState | None = None
    differences: tuple[FieldDifference, ...] = ()
    detail: str = ""


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the comparison of one account with the journal since a time.

    Attributes:
        in_journal: Orders of that time in the journal.
        in_list: Orders of that time in the provider's list.
        same: Orders that are the same on both sides.
        complete: The provider's list was read to its end; otherwise `failure` has the reason.
    """

    account: str
    since: datetime
    in_journal: int
    in_list: int
    same: int
    complete: bool
    failure: str | None
    findings: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether everything was read, and nothing differs."""
        return self.complete and not self.findings


def differences(record: OrderRecord, seen: ProviderOrder) -> tuple[FieldDifference, ...]:
    """Return the differences between the provider's order and the journal's last snapshot of it."""
    ours = order_from_record(record)
    theirs = order_from_record(with_snapshot(record, seen, record.synced_at))
    return tuple(
        FieldDifference(field=name, journal=getattr(ours, name), provider=getattr(theirs, name))
        for name in COMPARED
        if getattr(ours, name) != getattr(theirs, name)
    )


def stranger(seen: ProviderOrder, operation_state: OperationState | None) -> Finding:
    """Return the finding of an order that the journal does not have."""
    mark, merchant = seen.marked_operation, seen.marked_merchant
    ours = mark is not None or merchant is not None
    return Finding(
        found="stray" if ours else "elsewhere",
        order=None,
        provider_order_id=seen.provider_order_id,
        reference=seen.reference,
        merchant=None if merchant is None else str(merchant),
        operation=None if mark is None else str(mark),
        operation_state=operation_state,
        detail=_stray_detail(operation_state) if ours else "It was made without this gateway.",
    )


def _stray_detail(operation_state: OperationState | None) -> str:
    if operation_state is None:
        return "A gateway wrote it, and this journal does not know that write."
    if operation_state in {"in_progress", "unknown"}:
        return "Our write that made it is unsettled still."
    return f"Our write that bears its mark is settled as {operation_state}, and not with this order."


def known(record: OrderRecord, seen: ProviderOrder) -> Finding | None:
    """Return the finding of an order that both sides have; None if they agree."""
    found = differences(record, seen)
    return _finding("different", record, differences=found) if found else None


def _finding(
    found: Found, record: OrderRecord, detail: str = "", differences: tuple[FieldDifference, ...] = ()
) -> Finding:
    mark = record.seen.marked_operation
    return Finding(
        found=found,
        order=record.id,
        provider_order_id=record.seen.provider_order_id,
        reference=record.reference,
        merchant=record.merchant,
        operation=None if mark is None else str(mark),
        differences=differences,
        detail=detail,
    )


async def reconcile(runtime: Runtime, account: Account, since: datetime, advance: Advance) -> Reconciliation:
    """Compare an account's orders since a time: the provider's list, and the journal.

    A difference counts only after both sides were read once more, because orders change meanwhile.

    Args:
        runtime: This process.
        account: Which orders.
        since: By the provider's clock, when they were made.
        advance: Called with the progress.
    """
    since = since.replace(microsecond=0)
    listed, failure = await _listed(runtime, account, since, advance)
    records = {record.seen.provider_order_id: record async for record in _in_journal(runtime, account, since)}
    unmatched = [native for native in listed if native not in records]
    records_there = records | dict(
        await runtime.journal.read(tx.orders.find_imported(account.name, unmatched))
    )
    findings: list[Finding] = []
    for native, seen in listed.items():
        record = records_there.get(native)
        if record is None:
            findings.append(stranger(seen, await _state_of_mark(runtime, seen)))
        elif differences(record, seen):
            findings += await _read_both_again(runtime, account, record)
    # An incomplete list proves nothing about orders that are not in it.
    missing = [record for native, record in records.items() if failure is None and native not in listed]
    for count, record in enumerate(missing, start=1):
        findings += await _read_both_again(runtime, account, record)
        advance(len(listed) + count)
    return Reconciliation(
        account=account.name,
        since=since,
        in_journal=len(records),
        in_list=len(listed),
        same=len(listed) + len(missing) - len(findings),
        complete=failure is None,
        failure=failure,
        findings=tuple(findings),
    )


async def _listed(
    runtime: Runtime, account: Account, since: datetime, advance: Advance
) -> tuple[dict[str, ProviderOrder], str | None]:
    """Page through the provider's list; return the orders since then, and why it was not read to its end."""
    filters = ListFilters(created_gte=since) if _filters_by_time(account) else ListFilters()
    found: dict[str, ProviderOrder] = {}
    visited: set[str] = set()
    cursor: str | None = None
    first: ProviderOrder | None = None
    while True:
        command = ListOrders(limit=PAGE_SIZE, cursor=cursor, filters=filters)
        try:
            page = await read_page(runtime, account, command)
        except Problem as problem:
            return found, f"{problem.code}: {problem.detail}"
        first = first or next(iter(page.orders), None)
        ids = {order.provider_order_id for order in page.orders}
        if ids and ids <= visited:
            return found, "The provider's list answers the same page again."
        visited |= ids
        found |= {order.provider_order_id: order for order in page.orders if order.created_at >= since}
        advance(len(visited))
        if page.next_cursor is None or first is None or leads_into_the_past(page.orders, first, since):
            return found, None
        cursor = page.next_cursor


def leads_into_the_past(page: Collection[ProviderOrder], first: ProviderOrder, since: datetime) -> bool:
    """Return whether a page, and so every later one, is older than the period.

    The sort order of the provider is not documented. A list that starts with its oldest orders is old at first, too,
    and must be read further. Only a list whose rows have become older than its first row leads into the past.
    """
    newest = max((order.created_at for order in page), default=since)
    return newest < since and newest < first.created_at


def _filters_by_time(account: Account) -> bool:
    return "created_gte" in account.adapter.capabilities.list_filters


async def _in_journal(runtime: Runtime, account: Account, since: datetime) -> AsyncIterator[OrderRecord]:
    after: str | None = None
    while True:
        query = OrderQuery(
            world=account.world,
            account=account.name,
            created_gte=since,
            limit=PAGE_SIZE,
            starting_after=after,
        )
        rows = await runtime.journal.read(tx.orders.search(query))
        for record in rows[:PAGE_SIZE]:
            yield record
        if len(rows) <= PAGE_SIZE:
            return
        after = rows[PAGE_SIZE - 1].id


async def _read_both_again(runtime: Runtime, account: Account, record: OrderRecord) -> Iterable[Finding]:
    """Read one order at the provider, then in the journal; return the finding, if there is one."""
    try:
        seen = await read_order(runtime, account, read_command(record))
    except Problem as problem:
        gone = problem.code == "provider_rejected"
        detail = (
            f"The provider has it no more: {problem.detail}" if gone else f"{problem.code}: {problem.detail}"
        )
        return [_finding("gone" if gone else "unread", record, detail)]
    stored = await runtime.journal.read(tx.orders.find(record.id))
    finding = known(stored.record if stored is not None else record, seen)
    return [] if finding is None else [finding]


async def _state_of_mark(runtime: Runtime, seen: ProviderOrder) -> OperationState | None:
    mark = seen.marked_operation
    operation = await runtime.journal.read(tx.operations.find(mark)) if isinstance(mark, str) else None
    return None if operation is None else operation.state


def document(result: Reconciliation) -> Mapping[str, object]:
    """Return the result as one JSON document, with whether both sides agree."""
    return {**msgspec.to_builtins(result), "agrees": result.agrees}
