"""Imports an order that was made at the provider without the gateway."""

from collections.abc import Mapping

from ordergate.domain.assembly import OrderedLine, OrderRecord, order_from_record, with_snapshot
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.draft import ImportBody
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.identifiers import new_id
from ordergate.domain.mode import World
from ordergate.domain.order import Customer, Order
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderLine, ProviderOrder
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.orders.read import (
    read_command,
    record_shown_total,
    require_whole_account,
    visible_account,
)
from ordergate.gateway.runtime.order_log import log_status, refresh
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import read_order
from ordergate.gateway.writes.problems import order_busy
from ordergate.journal import transactions as tx
from ordergate.telemetry.log import note_order


async def import_order(runtime: Runtime, caller: Caller, account_name: str, body: ImportBody) -> Order:
    """Adopt an order of an account for a merchant; one that is known already is read again.

    Raises:
        Problem: ``forbidden`` on a shared account, ``provider_rejected`` if there is no such order.
    """
    account = visible_account(runtime, caller, account_name)
    require_whole_account(account, caller)
    merchant = _merchant(caller, body)
    known = (await runtime.journal.read(tx.orders.find_imported(account.name, [body.provider_order_id]))).get(
        body.provider_order_id
    )
    if known is not None and known.merchant != merchant:
        raise _no_such_order(body)
    command = (
        RetrieveOrder(provider_order_id=body.provider_order_id) if known is None else read_command(known)
    )
    seen = await read_order(runtime, account, command)
    marked = seen.marks.get(MERCHANT_MARK)
    if marked is not None and marked != merchant:
        raise _no_such_order(body)
    await _refuse_unsettled(runtime, seen)
    if known is not None:
        stored = await runtime.journal.read(tx.orders.find(known.id))
        assert stored is not None
        again = await refresh(runtime, with_snapshot(stored.record, seen, runtime.steady_time()), stored)
        if caller.merchant is not None:
            again = await record_shown_total(runtime, again, again.record.seen.total)
        return order_from_record(again.record)
    record = await _record(runtime, account, caller.world, merchant, seen)
    adopted = await _adopt(runtime, record)
    if adopted.merchant != merchant:
        raise _no_such_order(body)
    note_order(adopted.id)
    return order_from_record(adopted)


async def import_marked(
    runtime: Runtime, account: Account, merchant: str, seen: ProviderOrder
) -> OrderRecord:
    """Import an order that has a merchant's mark; return its record.

    The caller has made sure that no operation here is about to make it an order of its own.
    """
    return await _adopt(runtime, await _record(runtime, account, account.world, merchant, seen))


async def _adopt(runtime: Runtime, record: OrderRecord) -> OrderRecord:
    adopted = await runtime.journal.write(tx.orders.add_imported(record))
    if adopted.id == record.id:
        log_status(None, adopted)
    return adopted


def _no_such_order(body: ImportBody) -> Problem:
    """Return the same answer whether the order is not there or another merchant's."""
    return Problem("not_found", f"There is no order {body.provider_order_id!r} to import.")


async def _refuse_unsettled(runtime: Runtime, seen: ProviderOrder) -> None:
    """Refuse an order whose create in this journal has not settled: that operation will record it."""
    mark = seen.marks.get(OPERATION_MARK)
    creating = await runtime.journal.read(tx.operations.find(mark)) if isinstance(mark, str) else None
    if creating is not None and creating.state in {"in_progress", "unknown"}:
        raise order_busy(creating)


def _merchant(caller: Caller, body: ImportBody) -> str:
    if caller.merchant is None and body.merchant is None:
        raise invalid_request("/merchant", "required", "An operator's key must name the merchant.")
    if caller.merchant is not None and body.merchant not in {None, caller.merchant}:
        raise Problem("forbidden", "This key belongs to another merchant.")
    return caller.merchant or body.merchant or ""


async def _record(
    runtime: Runtime, account: Account, world: World, merchant: str, seen: ProviderOrder
) -> OrderRecord:
    natives = {line.product for line in seen.line_items if line.product}
    skus = {
        native: await runtime.journal.read(
            tx.links.find_merchant_id(merchant, world, account.name, "products", native)
        )
        for native in natives
    }
    customer = seen.customer and await runtime.journal.read(
        tx.links.find_merchant_id(merchant, world, account.name, "customers", seen.customer)
    )
    return OrderRecord(
        id=new_id("ord"),
        merchant=merchant,
        world=world,
        account=account.name,
        adapter=account.adapter.name,
        reference=seen.reference,
        lines=[_line(line, skus) for line in seen.line_items],
        customer=Customer(id=customer, email=seen.email) if customer or seen.email else None,
        shipping_address=seen.shipping_address,
        metadata=seen.metadata,
        notes=seen.notes,
        tax_percent=seen.tax_percent,
        expires_at=seen.expires_at,
        currency=seen.currency,
        expected_total=None,
        extensions={},
        notices=[],
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=seen,
        synced_at=runtime.steady_time(),
    )


def _line(line: ProviderLine, skus: Mapping[str, str | None]) -> OrderedLine:
    return OrderedLine(
        id=new_id("li"),
        type=line.type,
        sku=skus.get(line.product) if line.product else None,
        product=line.product,
        description=line.description,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        metadata=line.metadata,
    )
