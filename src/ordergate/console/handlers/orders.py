"""Orders: the list, and everything that is known of one."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect, Response

from ordergate.console.listing import cursor, order_filters, pager
from ordergate.console.pages import Page, page, redirect_to, runtime_of, to_page
from ordergate.console.search import find_orders
from ordergate.console.session import checked_form
from ordergate.console.timeline import events
from ordergate.domain.assembly import order_from_record
from ordergate.domain.identifiers import is_id
from ordergate.domain.lifecycle import WAYS_OUT, OrderStatus
from ordergate.gateway.orders import read
from ordergate.journal.records.operations import OperationQuery
from ordergate.web.authentication import caller_of

_OPERATIONS = 40
"""Of one order, shown on its page: the latest."""


@get("/")
async def start() -> Redirect:
    """Begin with the orders."""
    return redirect_to(to_page("orders"))


@get("/orders")
async def list_orders(request: Page) -> Response[Any]:
    """Show orders, newest first; a gateway id opens its page."""
    runtime, caller = runtime_of(request), caller_of(request)
    filters = order_filters(request.query_params, list(OrderStatus))
    if is_id(filters.text, "ord"):
        return redirect_to(to_page(f"orders/{filters.text}"))
    if is_id(filters.text, "op"):
        return redirect_to(to_page(f"operations/{filters.text}"))
    asked = cursor(request.query_params, "ord")
    found = await find_orders(runtime, caller, filters, asked)
    ids = [record.id for record in found.records]
    return page(
        request,
        "orders",
        title="Orders",
        filters=filters,
        statuses=list(OrderStatus),
        accounts=[account.name for account in read.visible_accounts(runtime, caller)],
        rows=[(order_from_record(record), record.merchant) for record in found.records],
        found_by=found.by,
        pager=pager("orders", filters.parameters(), ids, asked, has_more=found.has_more),
        first=asked.starting_after is None and asked.ending_before is None,
    )


@get("/orders/{order_id:str}")
async def show_order(request: Page, order_id: FromPath[str]) -> Response[Any]:
    """Show one order and its history."""
    runtime, caller = runtime_of(request), caller_of(request)
    stored = await read.visible_order(runtime, caller, order_id)
    order = order_from_record(stored.record)
    query = OperationQuery(
        world=caller.world, merchant=caller.merchant, order=stored.record.id, limit=_OPERATIONS
    )
    operations = await read.list_operations(runtime, query)
    return page(
        request,
        "order",
        title=f"Order {order.reference or order.id}",
        order=order,
        merchant=stored.record.merchant,
        redacted_at=stored.record.redacted_at,
        comparison=stored.record.comparison,
        events=events(order, operations.data),
        more_operations=operations.has_more,
        unsettled=[operation for operation in operations.data if not operation.settled],
        ways_out=WAYS_OUT,
    )


@post("/orders/{order_id:str}/read-again", status_code=200)
async def read_again(request: Page, order_id: FromPath[str]) -> Redirect:
    """Read the order at the provider, then show it."""
    await checked_form(request)
    order = await read.get_order(runtime_of(request), caller_of(request), order_id, refresh=True)
    return redirect_to(to_page(f"orders/{order.id}"))
