"""Translates a draft for an account: into the exact requests that a create would send, or into its refusal.

Nothing is sent: the journal is asked for links, and that is all.
"""

import asyncio
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
import structlog

from ordergate.api.exchanges import RequestDocument
from ordergate.domain.checks import Refusal, Side
from ordergate.domain.commands import CreateOrder
from ordergate.domain.draft import Draft, draft_errors
from ordergate.domain.errors import Problem, under
from ordergate.domain.mode import World
from ordergate.domain.order import Notice
from ordergate.domain.validation import summary
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.routing import require_route, route_request
from ordergate.gateway.orders.create import creation, unrecorded
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.prepared import StartedPlan, start_plan
from ordergate.spi.fields import UnreadableDocumentError, read
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.redaction import MASK, redact_headers

_log = structlog.get_logger("ordergate.gateway")


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """The requests for an account, or the reason why there are none.

    Attributes:
        requests: Each as it would be sent, as far as it is known before the first is answered.
        side: The same, read back.
    """

    account: str
    requests: tuple[RequestDocument, ...] = ()
    notices: tuple[Notice, ...] = ()
    problem: Problem | None = None
    side: Side


def check_draft(draft: Draft) -> None:
    """Refuse a draft under ``/order`` that no account could take.

    Raises:
        Problem: ``invalid_request``.
    """
    errors = under("/order", draft_errors(draft))
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)


async def translate(
    runtime: Runtime, merchant: str, world: World, draft: Draft, accounts: Sequence[str]
) -> list[Translation]:
    """Return the translation of a draft for each account, in the order of the accounts.

    Raises:
        Problem: ``invalid_request``: the draft is invalid for every account.
    """
    check_draft(draft)
    return [await translate_at(runtime, merchant, world, draft, name) for name in dict.fromkeys(accounts)]


async def translate_at(runtime: Runtime, merchant: str, world: World, draft: Draft, name: str) -> Translation:
    """Return the translation of a draft for one account, planned and signed as a create is."""
    draft = msgspec.structs.replace(draft, account=name)
    try:
        account = require_route(runtime.configuration, route_request(draft, merchant, world, None)).accounts[
            0
        ]
        command = await creation(runtime.journal, draft, account, unrecorded(runtime, merchant, world))
        started = _start_plan(account, command)
    except Problem as problem:
        return Translation(account=name, problem=problem, side=refused_side(runtime, name, problem))
    request = started.request
    side = Side(
        account=name,
        adapter=account.adapter.name,
        title=account.adapter.title,
        customer=command.customer,
        products=command.products,
        notices=request.notices if request is not None else (),
    )
    if request is None:
        return Translation(account=name, side=side)
    try:  # beside the event loop: with many lines this takes long
        sent = await asyncio.to_thread(read, account.adapter.fields.request, request.body)
        side = msgspec.structs.replace(side, sent=sent)
    except UnreadableDocumentError as error:
        refusal = Refusal(code="internal_error", detail=f"The request cannot be read back: {error}.")
        side = msgspec.structs.replace(side, refusal=refusal)
    return Translation(
        account=name,
        requests=(shown_request(account, _signed(runtime, account, request)),),
        notices=request.notices,
        side=side,
    )


def _start_plan(account: Account, command: CreateOrder) -> StartedPlan:
    """Begin as a create does; an adapter that fails does so for its own account alone.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.prepared.begin`; ``internal_error``.
    """
    try:
        return start_plan(account, command)
    except Problem:
        raise
    except Exception as error:
        _log.exception("adapter.failed", adapter=account.adapter.name)
        detail = f"The adapter for {account.adapter.title} failed on this order."
        raise Problem("internal_error", detail) from error


def refused_side(runtime: Runtime, name: str, problem: Problem) -> Side:
    """Return the side of an account that makes no order of the draft."""
    account = runtime.configuration.accounts.get(name)
    return Side(
        account=name,
        adapter=account.adapter.name if account is not None else "",
        title=account.adapter.title if account is not None else name,
        refusal=Refusal(code=problem.code, detail=problem.detail, errors=problem.errors),
    )


def shown_request(account: Account, request: WireRequest) -> RequestDocument:
    """Return a request as a person may see it."""
    return RequestDocument(
        method=request.method,
        path=urlsplit(account.base_url).path + request.path,
        headers=redact_headers(dict(request.headers)),
        body=MASK if request.confidential else request.body.decode(errors="replace"),
    )


def _signed(runtime: Runtime, account: Account, request: WireRequest) -> WireRequest:
    now = int(runtime.clock().timestamp())
    return account.adapter.sign(request, account.settings, now, secrets.token_hex(8))
