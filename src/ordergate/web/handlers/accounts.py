"""Accounts: their configuration, their capabilities, and the provider's own orders."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from ordergate.api.documents import AccountDocument, AccountList
from ordergate.api.pages import ProviderPage
from ordergate.domain.commands import ListFilters
from ordergate.domain.draft import BillingType, ImportBody
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.order import Order
from ordergate.gateway.orders import imports as adopt
from ordergate.gateway.orders import read
from ordergate.journal import transactions as tx
from ordergate.web.authentication import caller_of
from ordergate.web.documents import account_document
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, READ_PROBLEMS, answers
from ordergate.web.paging import Limit
from ordergate.web.strictness import require_zone


@get(
    "/v1/accounts",
    operation_id="list_accounts",
    summary="List accounts",
    tags=["accounts"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_accounts(request: Request[Any, Any, Any]) -> AccountList:
    """List the accounts that this key reaches."""
    runtime = request.app.state.runtime
    accounts = read.visible_accounts(runtime, caller_of(request))
    inbound = await runtime.journal.read(tx.resync.usage([account.name for account in accounts]))
    return AccountList(
        data=[
            account_document(account, runtime.transport.health(account), inbound[account.name])
            for account in accounts
        ]
    )


@get(
    "/v1/accounts/{account:str}",
    operation_id="get_account",
    summary="Read an account",
    tags=["accounts"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def get_account(request: Request[Any, Any, Any], account: FromPath[str]) -> AccountDocument:
    """Read one account: its capabilities, limits and health."""
    runtime = request.app.state.runtime
    found = read.visible_account(runtime, caller_of(request), account)
    inbound = await runtime.journal.read(tx.resync.usage([found.name]))
    return account_document(found, runtime.transport.health(found), inbound[found.name])


@get(
    "/v1/accounts/{account:str}/orders",
    operation_id="list_provider_orders",
    summary="List the provider's own orders",
    tags=["accounts"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_provider_orders(
    request: Request[Any, Any, Any],
    account: FromPath[str],
    customer: FromQuery[str | None] = None,
    status: FromQuery[OrderStatus | None] = None,
    billing_type: FromQuery[BillingType | None] = None,
    created_gte: FromQuery[datetime | None] = None,
    created_lte: FromQuery[datetime | None] = None,
    cursor: Annotated[
        str | None, QueryParameter(description="The cursor of an earlier page, unchanged.")
    ] = None,
    limit: Limit = 20,
) -> ProviderPage:
    """Read one page of the provider's own list; orders that were not made here have no `id`.

    Only the filters that the account's capabilities declare are taken.
    """
    filters = ListFilters(
        customer=customer,
        status=status,
        billing_type=billing_type,
        created_gte=require_zone(created_gte, "created_gte"),
        created_lte=require_zone(created_lte, "created_lte"),
    )
    return await read.list_at_provider(
        request.app.state.runtime, caller_of(request), account, filters=filters, cursor=cursor, limit=limit
    )


@post(
    "/v1/accounts/{account:str}/orders/import",
    operation_id="import_order",
    summary="Adopt one of the provider's orders",
    tags=["accounts"],
    opt={"scope": "orders:write"},
    status_code=200,
    responses={**PLAIN_WRITE_PROBLEMS, 200: answers(Order, "Adopted")},
)
async def import_order(
    request: Request[Any, Any, Any], account: FromPath[str], data: JSONBody[ImportBody]
) -> Order:
    """Adopt an order that was made at the provider without the gateway; once adopted, it is read again.

    An operator's key names the merchant in the body.
    """
    return await adopt.import_order(request.app.state.runtime, caller_of(request), account, data)
