"""Comparisons of one order at several accounts."""

import asyncio
import uuid
from typing import Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.params import FromPath
from litestar.response import Response

from ordergate.console.comparing import (
    DIFFERS,
    KINDS,
    comparison_view,
    draft_text,
    read_comparison,
    read_past,
)
from ordergate.console.documents import position, weight
from ordergate.console.listing import cursor, pager
from ordergate.console.pages import Page, page, problem_in, redirect_to, runtime_of, to_page
from ordergate.console.session import checked_form, text_of
from ordergate.domain.assembly import draft_of
from ordergate.domain.draft import ComparisonBody, Draft
from ordergate.domain.errors import Problem, invalid_request, under
from ordergate.domain.validation import decode_body, summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.comparing import compare
from ordergate.gateway.comparing.shadow import shadow_report
from ordergate.gateway.orders import read
from ordergate.journal.records.comparisons import ComparisonQuery
from ordergate.web.authentication import caller_of
from ordergate.web.problems import STATUSES

_ROWS = 10
"""Comparisons on a page of their list."""

_ROOM = 100_000
"""For a draft in its field, in bytes of the page's source."""

_USED_KEY = frozenset({"idempotency_key_reused", "idempotency_key_invalid", "idempotency_key_missing"})


class ComparisonForm(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the form.

    Attributes:
        draft: As it was pasted, or taken from an order or an earlier comparison.
        accounts: Those that are chosen; None for all.
        key: The Idempotency-Key that an executed comparison will have: a repeat of the form makes no second order.
        merchant: The merchant of the links, for an operator.
        source: The source of the draft.
    """

    draft: str = ""
    accounts: tuple[str, ...] | None = None
    mode: str = "translate"
    key: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    merchant: str = ""
    source: str = ""


@get("/comparisons")
async def show_comparisons(request: Page) -> Response[Any]:
    """Show the form and the list of comparisons; `?order=` or `?again=` fill in a draft."""
    try:
        asked = await _form_of(request)
    except Problem as problem:
        return await _show(request, ComparisonForm(), refused=problem)
    return await _show(request, asked)


@post("/comparisons", status_code=200, request_max_body_size=4 * _ROOM)
async def make_comparison(request: Page) -> Response[Any]:
    """Compare, and show the comparison; a refusal shows the form again with the reason and the given values."""
    form = await checked_form(request)
    runtime, caller = runtime_of(request), caller_of(request)
    asked = ComparisonForm(
        draft=text_of(form, "draft"),
        accounts=_accounts(form),
        mode="execute" if text_of(form, "mode") == "execute" else "translate",
        key=text_of(form, "key"),
        merchant=text_of(form, "merchant"),
    )
    try:
        body = await asyncio.to_thread(_body, asked)  # a draft that fills the form takes long to read
        merchant = caller.merchant_named(asked.merchant or None)
        key = asked.key if asked.mode == "execute" else None
        answer = await compare.compare_accounts(runtime, caller, merchant, body, key)
    except Problem as problem:
        if problem.code in _USED_KEY:
            asked = msgspec.structs.replace(asked, key=ComparisonForm().key)
        return await _show(request, asked, refused=problem)
    return redirect_to(to_page(f"comparisons/{read_comparison(answer.body).id}"))


@get("/comparisons/{comparison_id:str}")
async def show_comparison(request: Page, comparison_id: FromPath[str]) -> Response[Any]:
    """Show one comparison as it was returned; `?show=differing` shows only the differences."""
    body = await compare.get_comparison(runtime_of(request), caller_of(request), comparison_id)
    only_differing = request.query_params.get("show") == "differing"
    shown = comparison_view(read_comparison(body), only_differing=only_differing)
    return page(
        request,
        "comparison",
        title=f"Comparison of {shown.reference or 'a draft'}",
        comparison=shown,
        only_differing=only_differing,
        kinds=KINDS,
        differing=sum(shown.counts[kind] for kind in DIFFERS),
    )


@get("/comparisons/shadow")
async def show_shadow_report(request: Page) -> Response[Any]:
    """Show the translations of real orders for shadow accounts."""
    runtime, caller = runtime_of(request), caller_of(request)
    accounts = {account.name for account in read.visible_accounts(runtime, caller)}
    return page(
        request,
        "shadow",
        title="Shadow report",
        report=await shadow_report(runtime, caller.world, caller.merchant),
        shadows=[name for name in runtime.configuration.shadow if name in accounts],
    )


async def _form_of(request: Page) -> ComparisonForm:
    """The draft that an address names.

    Raises:
        Problem: ``not_found``; ``payload_too_large`` if it does not fit on a page.
    """
    runtime, caller = runtime_of(request), caller_of(request)
    order, again = request.query_params.get("order"), request.query_params.get("again")
    if order:
        record = (await read.visible_order(runtime, caller, order)).record
        asked = ComparisonForm(
            draft=draft_text(draft_of(record)), merchant=record.merchant, source=f"order {order}"
        )
    elif again:
        before = read_comparison(await compare.get_comparison(runtime, caller, again))
        names = tuple(result.account for result in before.results)
        asked = ComparisonForm(draft=draft_text(before.order), accounts=names, source=f"comparison {again}")
    else:
        return ComparisonForm()
    if weight(asked.draft) > _ROOM:
        raise Problem(
            "payload_too_large",
            "This order is too long for a page; compare it with POST /v1/comparisons or ordergate compare.",
        )
    return asked


def _body(asked: ComparisonForm) -> ComparisonBody:
    """The given values, checked as the API does."""
    if not asked.draft:
        raise invalid_request("/order", "required", "Paste an order as JSON, as POST /v1/orders takes it.")
    draft = asked.draft.encode(errors="replace")
    try:
        order = decode_body(draft, Draft)
    except Problem as problem:
        errors = under("/order", problem.errors)
        raise Problem(
            problem.code,
            summary(errors) if errors else problem.detail + position(draft, problem.detail),
            errors=errors,
        ) from None
    if not asked.accounts:
        raise invalid_request("/accounts", "required", "Choose at least one account.")
    given = {"order": order, "accounts": asked.accounts, "mode": asked.mode}
    return decode_body(msgspec.json.encode(given), ComparisonBody)


async def _show(request: Page, asked: ComparisonForm, *, refused: Problem | None = None) -> Response[Any]:
    runtime, caller = runtime_of(request), caller_of(request)
    at = cursor(request.query_params, "cmp")
    query = ComparisonQuery(
        world=caller.world,
        merchant=caller.merchant,
        limit=_ROWS,
        **msgspec.structs.asdict(at),
    )
    bodies, has_more = await compare.list_comparisons(runtime, query)
    past = read_past(bodies)
    fits = weight(asked.draft) <= _ROOM
    return page(
        request,
        "comparisons",
        title="Compare",
        status=200 if refused is None else STATUSES[refused.code],
        asked=asked if fits else msgspec.structs.replace(asked, draft=""),
        accounts=read.visible_accounts(runtime, caller),
        executes=_may_execute(caller),
        problem=None if refused is None else problem_in(request, refused),
        past=past,
        pager=pager("comparisons", {}, [each.id for each in past], at, has_more=has_more),
        kinds=KINDS,
        shadows=bool(runtime.configuration.shadow),
    )


def _may_execute(caller: Caller) -> bool:
    return caller.merchant is not None and (caller.operator or compare.WRITE in caller.scopes)


def _accounts(form: FormMultiDict) -> tuple[str, ...]:
    return tuple(name for name in form.getall("accounts", []) if isinstance(name, str))
