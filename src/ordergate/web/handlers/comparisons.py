"""Translations and comparisons of one order at several providers."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, FromQuery, HeaderParameter

from ordergate.api.documents import ComparisonDocument, ComparisonList, TranslationList
from ordergate.domain.draft import ComparisonBody, TranslationBody
from ordergate.gateway.comparing import compare
from ordergate.gateway.comparing.translate import translate
from ordergate.journal.records.comparisons import ComparisonQuery
from ordergate.journal.records.paging import PageQuery
from ordergate.web import examples
from ordergate.web.authentication import caller_of
from ordergate.web.documents import translation_document
from ordergate.web.openapi import (
    IDEMPOTENCY_KEY,
    PLAIN_WRITE_PROBLEMS,
    READ_PROBLEMS,
    WRITE_PROBLEMS,
    answers,
)
from ordergate.web.paging import paged

Merchant = FromQuery[str | None]
_JSON = "application/json"


@post(
    "/v1/translations",
    operation_id="translate_order",
    summary="Translate an order",
    tags=["comparisons"],
    opt={"scope": "orders:read"},
    status_code=200,
    responses={
        **PLAIN_WRITE_PROBLEMS,
        200: answers(TranslationList, "By account: the requests, or the refusal"),
    },
)
async def translate_order(
    request: Request[Any, Any, Any],
    data: Annotated[TranslationBody, BodyKwarg(examples=examples.TRANSLATION)],
    merchant: Merchant = None,
) -> TranslationList:
    """Return the requests that would create the order at each account, byte for byte; nothing is sent.

    An operator's key names the merchant of the links with `?merchant=`.
    """
    caller = caller_of(request)
    owner = caller.merchant_named(merchant)
    found = await translate(request.app.state.runtime, owner, caller.world, data.order, data.accounts)
    return TranslationList(results=[translation_document(each) for each in found])


@post(
    "/v1/comparisons",
    operation_id="create_comparison",
    summary="Compare accounts",
    tags=["comparisons"],
    opt={"scope": "orders:read"},
    status_code=200,
    responses={
        **WRITE_PROBLEMS,
        200: answers(ComparisonDocument, "Translated, and compared"),
        201: answers(ComparisonDocument, "Executed, and compared"),
    },
)
async def create_comparison(
    request: Request[Any, Any, Any],
    data: Annotated[ComparisonBody, BodyKwarg(examples=examples.COMPARISON)],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name=IDEMPOTENCY_KEY,
            description="To `execute`, one is required; a repeat gets the first answer again once nothing more can "
            "be found out.",
        ),
    ] = None,
    merchant: Merchant = None,
) -> Response[bytes]:
    """Compare accounts for one order: the requests for each, or the real responses of each.

    `execute` creates the order at each account, emulators and sandboxes only; it needs the scope `orders:write` too.
    Such orders have the purpose `comparison`. An operator's key may only `translate`, and names the merchant by
    `?merchant=`.
    """
    caller = caller_of(request)
    owner = caller.merchant_named(merchant)
    answer = await compare.compare_accounts(request.app.state.runtime, caller, owner, data, idempotency_key)
    return Response(
        answer.body,
        status_code=201 if data.mode == "execute" else 200,
        media_type=_JSON,
        headers={"Idempotent-Replayed": "true"} if answer.replayed else {},
    )


@get(
    "/v1/comparisons/{comparison_id:str}",
    operation_id="get_comparison",
    summary="Read a comparison",
    tags=["comparisons"],
    opt={"scope": "orders:read"},
    responses={**READ_PROBLEMS, 200: answers(ComparisonDocument, "The comparison")},
)
async def get_comparison(request: Request[Any, Any, Any], comparison_id: FromPath[str]) -> Response[bytes]:
    """Read one comparison as it was answered; it is kept as long as keys are."""
    body = await compare.get_comparison(request.app.state.runtime, caller_of(request), comparison_id)
    return Response(body, media_type=_JSON)


@get(
    "/v1/comparisons",
    operation_id="list_comparisons",
    summary="List comparisons",
    tags=["comparisons"],
    opt={"scope": "orders:read"},
    dependencies=paged("cmp"),
    responses={**READ_PROBLEMS, 200: answers(ComparisonList, "One page, newest first")},
)
async def list_comparisons(
    request: Request[Any, Any, Any],
    page: NamedDependency[PageQuery],
) -> Response[bytes]:
    """List comparisons, newest first; `starting_after` and `ending_before` are their ids."""
    query = ComparisonQuery(**msgspec.structs.asdict(page))
    rows, has_more = await compare.list_comparisons(request.app.state.runtime, query)
    more = b"true" if has_more else b"false"
    return Response(b'{"data":[' + b",".join(rows) + b'],"has_more":' + more + b"}", media_type=_JSON)
