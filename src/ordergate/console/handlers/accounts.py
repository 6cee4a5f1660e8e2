"""Accounts: their health and their capabilities."""

from litestar import get
from litestar.response import Template

from ordergate.console.pages import Page, page, runtime_of
from ordergate.domain.lifecycle import OperationKind
from ordergate.gateway.orders import read
from ordergate.web.authentication import caller_of
from ordergate.web.documents import account_document


@get("/accounts")
async def list_accounts(request: Page) -> Template:
    """Show health, limits and capabilities of every account that the key reaches."""
    runtime = runtime_of(request)
    accounts = read.visible_accounts(runtime, caller_of(request))
    return page(
        request,
        "accounts",
        title="Accounts",
        accounts=[account_document(account, runtime.transport.health(account)) for account in accounts],
        providers={account.name: account.adapter.title for account in accounts},
        kinds=list(OperationKind),
    )
