"""Reads orders, operations and accounts; each merchant gets only its own."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from ordergate.api.pages import Page, ProviderPage
from ordergate.domain.assembly import (
    OrderRecord,
    last_known,
    order_from_provider,
    order_from_record,
    with_shown_total,
    with_snapshot,
)
from ordergate.domain.commands import ListFilters, ListOrders, RetrieveOrder
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.order import Customer, Order
from ordergate.domain.outcome import OrderPage
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.routing import require_account_of
from ordergate.gateway.links.links import NATIVE, resolve
from ordergate.gateway.orders.confirm import confirm_if_due
from ordergate.gateway.runtime.order_log import refresh as refreshed
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import read_order, read_page
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Operation, OperationQuery
from ordergate.journal.records.orders import OrderQuery, StoredOrder
from ordergate.journal.records.paging import page_of
from ordergate.telemetry.log import note_account, note_order

T = TypeVar("T")


class OperationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of operations, and whether there are more in the direction of travel."""

    data: list[Operation]
    has_more: bool


async def visible_order(runtime: Runtime, caller: Caller, order_id: str) -> StoredOrder:
    """Return an order that the caller may know of.

    Raises:
        Problem: ``not_found``; with the operation while the create is unsettled.
    """
    stored = await runtime.journal.read(tx.orders.find(order_id))
    if stored is not None and caller.sees(stored.record.merchant, stored.record.world):
        note_order(order_id)
        return stored
    creating = await runtime.journal.read(tx.operations.find_unsettled(order_id)) if stored is None else None
    if creating is not None and caller.sees(creating.merchant, creating.world):
        raise Problem(
            "not_found",
            f"The order is still being created; read GET /v1/operations/{creating.id}.",
            operation=creating.id,
            order=order_id,
        )
    raise Problem("not_found", f"There is no order {order_id!r}.")


def read_command(record: OrderRecord) -> RetrieveOrder:
    """Return the command that reads an order again, with the known facts that a response may leave out."""
    return RetrieveOrder(provider_order_id=record.seen.provider_order_id, before=last_known(record))


async def get_order(runtime: Runtime, caller: Caller, order_id: str, *, refresh: bool) -> Order:
    """Return one order: from the journal, or, to `refresh`, as the provider has it now.

    Raises:
        Problem: ``not_found``; with a refresh, also the failure to read the provider.
    """
    stored = await visible_order(runtime, caller, order_id)
    note_account(stored.record.account)
    if refresh:
        account = require_account_of(runtime.configuration, stored.record)
        seen = await read_order(runtime, account, read_command(stored.record))
        record = with_snapshot(stored.record, seen, runtime.steady_time())
        stored = await refreshed(runtime, record, stored)
        stored = await confirm_if_due(runtime, account, stored)
    if caller.merchant is not None:
        stored = await record_shown_total(runtime, stored, stored.record.seen.total)
    return order_from_record(stored.record)


async def record_shown_total(runtime: Runtime, stored: StoredOrder, total: int) -> StoredOrder:
    """Record that the merchant was shown this total; usually it is recorded already."""
    record = with_shown_total(stored.record, total)
    if record is stored.record:
        return stored
    return await runtime.journal.write(tx.orders.update(record, stored))


async def list_orders(runtime: Runtime, query: OrderQuery) -> Page:
    """Return one page of orders from the journal, newest first."""
    records, has_more = await list_records(runtime, query)
    return Page(data=[order_from_record(record) for record in records], has_more=has_more)


async def list_records(runtime: Runtime, query: OrderQuery) -> tuple[Sequence[OrderRecord], bool]:
    """Return one page of orders as the journal keeps them, newest first, and whether there are more."""
    records = await runtime.journal.read(tx.orders.search(query))
    return page_of(records, query)


async def get_operation(runtime: Runtime, caller: Caller, operation_id: str) -> Operation:
    """Return one operation.

    Raises:
        Problem: ``not_found``.
    """
    operation = await runtime.journal.read(tx.operations.find(operation_id))
    if operation is None or not caller.sees(operation.merchant, operation.world):
        raise Problem("not_found", f"There is no operation {operation_id!r}.")
    return operation


async def list_operations(runtime: Runtime, query: OperationQuery) -> OperationPage:
    """Return one page of operations, newest first."""
    operations = await runtime.journal.read(tx.operations.search(query))
    shown, has_more = page_of(operations, query)
    return OperationPage(data=list(shown), has_more=has_more)


def visible_accounts(runtime: Runtime, caller: Caller) -> list[Account]:
    """Return the accounts that the caller's keys reach, by name."""
    accounts = runtime.configuration.accounts.values()
    return sorted(
        (account for account in accounts if account.open_to(caller.merchant, caller.world)),
        key=lambda account: account.name,
    )


def visible_account(runtime: Runtime, caller: Caller, name: str) -> Account:
    """Return one account that the caller's keys reach.

    Raises:
        Problem: ``not_found``.
    """
    account = runtime.configuration.accounts.get(name)
    if account is None or not account.open_to(caller.merchant, caller.world):
        raise Problem("not_found", f"There is no account {name!r} for these keys.")
    note_account(name)
    return account


async def list_at_provider(
    runtime: Runtime, caller: Caller, name: str, *, filters: ListFilters, cursor: str | None, limit: int
) -> ProviderPage:
    """Return one page of the provider's own list; orders that the gateway does not know have no id.

    Raises:
        Problem: ``forbidden`` on a shared account, ``invalid_request`` for a filter that the provider lacks.
    """
    account = visible_account(runtime, caller, name)
    require_whole_account(account, caller)
    _refuse_undeclared(account, filters)
    command = ListOrders(
        limit=limit,
        cursor=_unwrap(cursor, account),
        filters=await _native_filters(runtime, account, caller, filters),
    )
    page = await read_page(runtime, account, command)
    rows = await _rows(runtime, caller, account, page)
    return ProviderPage(
        data=rows,
        has_more=page.has_more,
        next_cursor=_wrap(page.next_cursor, account),
        previous_cursor=_wrap(page.previous_cursor, account),
    )


def require_whole_account(account: Account, caller: Caller) -> None:
    """Refuse a merchant the list of a shared account: it contains orders of others.

    Raises:
        Problem: ``forbidden``.
    """
    if caller.operator or account.merchants == frozenset({caller.merchant}):
        return
    raise Problem(
        "forbidden",
        f"The account {account.name} is open to more than one merchant, so only an operator's key may list the "
        "provider's orders.",
    )


def _refuse_undeclared(account: Account, filters: ListFilters) -> None:
    given = [name for name, value in msgspec.structs.asdict(filters).items() if value is not None]
    declared = account.adapter.capabilities.list_filters
    known = ", ".join(sorted(declared)) or "none"
    errors = [
        FieldError(
            pointer=f"/{name}",
            code="unsupported_filter",
            detail=f"{account.adapter.title}'s list cannot be filtered so; its filters: {known}.",
        )
        for name in given
        if name not in declared
    ]
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)


async def _native_filters(
    runtime: Runtime, account: Account, caller: Caller, filters: ListFilters
) -> ListFilters:
    customer = filters.customer
    if customer is None:
        return filters
    if customer.startswith(NATIVE):
        return msgspec.structs.replace(filters, customer=customer.removeprefix(NATIVE))
    wanted = [("customers", customer, "/customer")]
    native = await resolve(runtime.journal, account, caller.merchant or "", caller.world, wanted)  # type: ignore[arg-type]
    return msgspec.structs.replace(filters, customer=native["customers", customer])


async def _rows(runtime: Runtime, caller: Caller, account: Account, page: OrderPage) -> list[Order]:
    known = await runtime.journal.read(
        tx.orders.find_imported(account.name, [seen.provider_order_id for seen in page.orders])
    )
    return [
        await _row(runtime, caller, account, seen, known.get(seen.provider_order_id)) for seen in page.orders
    ]


async def _row(
    runtime: Runtime, caller: Caller, account: Account, seen: ProviderOrder, record: OrderRecord | None
) -> Order:
    now = runtime.clock()
    if record is not None and caller.sees(record.merchant, record.world):
        return order_from_record(with_snapshot(record, seen, now))
    order = order_from_provider(seen, account=account.name, adapter=account.adapter.name, synced_at=now)
    if seen.customer is None or caller.merchant is None:
        return order
    linked = await runtime.journal.read(
        tx.links.find_merchant_id(caller.merchant, caller.world, account.name, "customers", seen.customer)
    )
    return msgspec.structs.replace(order, customer=Customer(id=linked, email=seen.email)) if linked else order


def _wrap(cursor: str | None, account: Account) -> str | None:
    """Bind a cursor to its account, so that one of another is refused."""
    if cursor is None:
        return None
    return urlsafe_b64encode(f"{account.name} {cursor}".encode()).decode().rstrip("=")


def _unwrap(cursor: str | None, account: Account) -> str | None:
    if cursor is None:
        return None
    try:
        name, _, inner = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
    except ValueError:
        name, inner = "", ""
    if name != account.name:
        detail = "The cursor is none that a page of this account's list has answered."
        error = FieldError(pointer="/cursor", code="invalid_cursor", detail=detail)
        raise Problem("invalid_request", detail, errors=[error])
    return inner
