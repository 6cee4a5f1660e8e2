"""Compares accounts for one draft: the requests that a create would send, or, for ``execute``, the real responses."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import msgspec

from ordergate.domain.assembly import expected_total
from ordergate.domain.checks import Side
from ordergate.domain.comparison import compare
from ordergate.domain.draft import ComparisonBody, Draft
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.fees import Fee, fee_for
from ordergate.domain.identifiers import new_id
from ordergate.domain.order import Order
from ordergate.domain.statements import Reading
from ordergate.domain.validation import summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.comparing.translate import Translation, check_draft, refused_side, translate_at
from ordergate.gateway.orders.create import create_for_comparison, unrecorded
from ordergate.gateway.orders.receipts import shown_exchange
from ordergate.gateway.runtime.comparison import ComparisonResult, Result
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.idempotency import check_key
from ordergate.journal import transactions as tx
from ordergate.journal.records.comparisons import COMPARISONS, Comparison, ComparisonQuery, comparison_key
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Existing, StoredResponse
from ordergate.spi.fields import Form, UnreadableDocumentError, read

_PAGE_BYTES = 4_000_000
"""Of documents on one page of a list, but for the first."""

_CHUNK = 10
"""Documents that are taken from the journal at once."""

WRITE = "orders:write"
"""The scope that an executed comparison needs: it creates orders."""


class ComparisonAnswer(msgspec.Struct, frozen=True):
    """A comparison's document, and whether it was given before."""

    body: bytes
    replayed: bool


class _Refused(msgspec.Struct, frozen=True):
    """The members of a problem document that a comparison reads."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry: str = ""


async def compare_accounts(
    runtime: Runtime, caller: Caller, merchant: str, body: ComparisonBody, key: str | None
) -> ComparisonAnswer:
    """Compare accounts, and record the comparison. A retry of its key completes unknown results.

    Args:
        runtime: This process.
        caller: Who asks.
        merchant: The merchant of the order; None for an operator's key, which may only translate.
        body: The request.
        key: The Idempotency-Key, if any.

    Raises:
        Problem: The draft is invalid for every account. For ``execute``: ``forbidden``, ``idempotency_key_missing``, an
            account that is neither emulator nor sandbox, or ``idempotency_key_reused``.
    """
    check_key(key)
    check_draft(body.order)
    if body.mode == "execute":
        _check_execution(runtime, caller, body, key)
    wanted = Comparison(
        id=new_id("cmp"),
        merchant=merchant,
        world=caller.world,
        key=key,
        content_hash=sha256(msgspec.json.encode(body, order="deterministic")).hexdigest(),
        created_at=runtime.steady_time(),
        reference=body.order.reference,
    )
    kept = await runtime.journal.write(
        tx.comparisons.add(wanted, runtime.steady_time() - runtime.configuration.retention)
    )
    if kept.content_hash != wanted.content_hash:
        detail = "This Idempotency-Key was used for another comparison; use a new key for a new one."
        raise Problem("idempotency_key_reused", detail)
    if kept.ended:
        return ComparisonAnswer(_unless_erased(kept), replayed=True)
    compared = await _compare(runtime, caller, kept, body)
    ended = await runtime.journal.write(
        tx.comparisons.finish(
            msgspec.structs.replace(
                kept,
                body=runtime.renderer.comparison(compared),
                ended=not any(result.retryable for result in compared.results),
            )
        )
    )
    return ComparisonAnswer(_unless_erased(ended), replayed=False)


async def get_comparison(runtime: Runtime, caller: Caller, comparison_id: str) -> bytes:
    """Return a comparison's document.

    Raises:
        Problem: ``not_found``.
    """
    found = await runtime.journal.read(tx.comparisons.find(comparison_id))
    if found is None or found.body is None or not caller.sees(found.merchant, found.world):
        raise Problem("not_found", f"There is no comparison {comparison_id!r}.")
    return found.body


async def list_comparisons(runtime: Runtime, query: ComparisonQuery) -> tuple[list[bytes], bool]:
    """Return the documents of one page of comparisons, newest first, and whether there are more.

    A page ends before its limit if its documents are large.
    """
    page: list[bytes] = []
    size, at = 0, query
    while True:
        at = msgspec.structs.replace(at, limit=min(_CHUNK, query.limit - len(page)))
        found = await runtime.journal.read(tx.comparisons.search(at))
        outwards = found[::-1] if query.backwards else found
        for each in outwards[: at.limit]:
            body = each.body or b""
            size += len(body)
            if page and size > _PAGE_BYTES:
                return page[::-1] if query.backwards else page, True
            page.append(body)
        if len(found) <= at.limit or len(page) == query.limit:
            return page[::-1] if query.backwards else page, len(found) > at.limit
        beyond = outwards[at.limit - 1].id
        at = msgspec.structs.replace(at, **{"ending_before" if query.backwards else "starting_after": beyond})


def _unless_erased(comparison: Comparison) -> bytes:
    if comparison.body is None:
        detail = (
            "An order of this comparison was redacted, and the comparison erased; use a new Idempotency-Key."
        )
        raise Problem("idempotency_key_reused", detail)
    return comparison.body


def _check_execution(runtime: Runtime, caller: Caller, body: ComparisonBody, key: str | None) -> None:
    caller.require(WRITE)
    caller.require_merchant()
    if key is None:
        raise Problem(
            "idempotency_key_missing",
            "An executed comparison creates orders: send an Idempotency-Key, and the same one when you repeat it.",
        )
    configured = runtime.configuration.accounts
    errors = [
        FieldError(
            pointer=f"/accounts/{index}",
            code="production_account",
            detail=f"{name} is a production account; a comparison creates orders at emulators and sandboxes only.",
        )
        for index, name in enumerate(body.accounts)
        if name in configured
        and configured[name].open_to(caller.merchant, caller.world)
        and configured[name].environment == "production"
    ]
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)


async def _compare(
    runtime: Runtime, caller: Caller, kept: Comparison, body: ComparisonBody
) -> ComparisonResult:
    names = list(dict.fromkeys(body.accounts))
    pairs = await asyncio.gather(*(_result(runtime, caller, kept, body, name) for name in names))
    sides = [side for _, side in pairs]
    differences = await asyncio.to_thread(compare, body.order, sides)  # with many lines this takes long
    return ComparisonResult(
        id=kept.id,
        mode=body.mode,
        created_at=kept.created_at,
        draft=body.order,
        results=tuple(result for result, _ in pairs),
        differences=tuple(differences),
    )


async def _result(
    runtime: Runtime, caller: Caller, kept: Comparison, body: ComparisonBody, name: str
) -> tuple[Result, Side]:
    translation = await translate_at(runtime, kept.merchant, kept.world, body.order, name)
    account = runtime.configuration.accounts.get(name)
    refused = translation.problem is not None and not (
        # A retry gets its first answer, even if links and routes have changed since.
        body.mode == "execute" and await _find_existing(runtime, kept, comparison_key(kept.id, name))
    )
    if body.mode == "translate" or account is None or refused:
        return _translated_result(runtime, account, body.order, translation), translation.side
    return await _execute(runtime, caller, kept, body.order, account, translation)


def _translated_result(
    runtime: Runtime, account: Account | None, draft: Draft, translation: Translation
) -> Result:
    refused = translation.problem
    # The problem is the same for a foreign account and for an unknown one.
    known = account if refused is None or refused.code != "no_route" else None
    return Result(
        account=translation.account,
        adapter=known.adapter.name if known is not None else None,
        request=translation.requests[0] if translation.requests else None,
        notices=translation.notices,
        problem=runtime.renderer.problem(refused) if refused is not None else None,
        fee=_fee(known, _expected(known, draft), draft.currency),
    )


async def _execute(
    runtime: Runtime,
    caller: Caller,
    kept: Comparison,
    draft: Draft,
    account: Account,
    translation: Translation,
) -> tuple[Result, Side]:
    """Create the order at one account, and read the exchanges from its receipt."""
    key = comparison_key(kept.id, account.name)
    draft_there = msgspec.structs.replace(draft, account=account.name)
    try:
        answer = await create_for_comparison(runtime, caller, draft_there, key=key, comparison=kept.id)
    except Problem as problem:
        answer = Answer(runtime.renderer.problem(problem), account.name)
    operation, exchanges = await _find_exchanges(runtime, kept, key)
    acting = next((each for each in reversed(exchanges) if each.acts), None)
    document = shown_exchange(acting, account) if acting is not None else None
    refused = _refusal(answer.response)
    order = None if refused is not None else msgspec.json.decode(answer.response.body, type=Order)
    result = Result(
        account=account.name,
        adapter=account.adapter.name,
        request=document.request if document is not None else None,
        notices=acting.notices if acting is not None else (),
        answer=document.answer if document is not None else None,
        order=answer.response if refused is None else None,
        problem=answer.response if refused is not None else None,
        retryable=refused is not None and refused.retry == "same_key",
        latency_ms=round(sum(each.milliseconds for each in exchanges), 1) if exchanges else None,
        calls=len(exchanges),
        fee=_fee(account, order.total if order is not None else None, draft.currency),
        operation=operation,
    )
    return result, _side(runtime, account, translation.side, acting, order, refused)


async def _find_existing(runtime: Runtime, kept: Comparison, key: str) -> Existing | None:
    """The operation behind a sub-key, if there is one."""
    wanted = msgspec.structs.replace(
        unrecorded(runtime, kept.merchant, kept.world), path=COMPARISONS, key=key
    )
    return await runtime.journal.read(tx.operations.find_by_key(wanted))


async def _find_exchanges(runtime: Runtime, kept: Comparison, key: str) -> tuple[str | None, list[Exchange]]:
    """The operation of an account's key, and its stored exchanges."""
    existing = await _find_existing(runtime, kept, key)
    if existing is None:
        return None, []
    found = existing.operation
    told = await runtime.journal.read(tx.operations.find_with_exchanges(found.order))
    return found.id, [
        exchange for each in told if each.operation.id == found.id for exchange in each.exchanges
    ]


def _refusal(response: StoredResponse) -> _Refused | None:
    return msgspec.json.decode(response.body, type=_Refused) if response.status >= 400 else None


def _side(
    runtime: Runtime,
    account: Account,
    side: Side,
    acting: Exchange | None,
    order: Order | None,
    refused: _Refused | None,
) -> Side:
    if refused is not None:
        problem = Problem(refused.code, refused.detail, errors=refused.errors)
        return refused_side(runtime, account.name, problem)
    if acting is None:
        return msgspec.structs.replace(side, order=order)
    fields = account.adapter.fields
    return msgspec.structs.replace(
        side,
        notices=acting.notices,
        sent=_read(fields.request, acting.body) or side.sent,
        answered=_read(fields.order, acting.answer),
        order=order,
        asked=(acting.started_at, acting.started_at + timedelta(milliseconds=acting.milliseconds)),
    )


def _read(form: Form, body: bytes) -> Reading | None:
    try:
        return read(form, body)
    except UnreadableDocumentError:
        return None


def _expected(account: Account | None, draft: Draft) -> int | None:
    """Return the provider's fee for the order, if the configuration has fees."""
    extension = (draft.extensions or {}).get(account.adapter.name if account is not None else "", {})
    return expected_total(draft, coupon=extension.get("coupon") is not None)


def _fee(account: Account | None, total: int | None, currency: str) -> Fee | None:
    if account is None or account.fees is None or total is None:
        return None
    return fee_for(account.fees, total, currency)
