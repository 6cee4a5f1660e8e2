"""Operations: which need a person, the evidence of each, and a person's word."""

from typing import Any, get_args

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from ordergate.console.answers import answered_problem
from ordergate.console.listing import ROWS, cursor, one_of, pager
from ordergate.console.pages import Page, page, problem_in, redirect_to, runtime_of, to_page
from ordergate.console.session import OPERATOR, checked_form, text_of
from ordergate.console.timeline import of_operation
from ordergate.domain.draft import ResolveBody
from ordergate.domain.errors import PROBLEMS, Problem
from ordergate.domain.lifecycle import OperationKind, accepted_with
from ordergate.domain.operation import OperationState
from ordergate.domain.validation import decode_body
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.orders import read
from ordergate.gateway.orders.resolve import recheck_operation, resolve_operation
from ordergate.gateway.writes.next_step import next_step_of
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Existing, Operation, OperationQuery
from ordergate.journal.records.orders import StoredOrder
from ordergate.web.authentication import caller_of
from ordergate.web.problems import FAULTS, NEXT_STEPS, STATUSES

_STATES = get_args(OperationState)
_FIELDS = ("as", "evidence", "provider_order_id", "unseen")
"""Of the form with which a person settles an operation."""

_UNSETTLED = 100
"""Shown at most of those that need a person."""


@get("/operations")
async def list_operations(request: Page) -> Response[Any]:
    """Show writes, newest first; before all others those that need a person."""
    runtime, caller = runtime_of(request), caller_of(request)
    state = one_of(request.query_params.get("state", ""), _STATES)
    asked = cursor(request.query_params, "op")
    query = OperationQuery(
        world=caller.world,
        merchant=caller.merchant,
        state=state or None,  # type: ignore[arg-type]
        limit=ROWS,
        **msgspec.structs.asdict(asked),
    )
    found = await read.list_operations(runtime, query)
    unknown = OperationQuery(
        world=caller.world, merchant=caller.merchant, state="unknown", unattended=True, limit=_UNSETTLED
    )
    waiting = [each for each in (await read.list_operations(runtime, unknown)).data if each.needs_person]
    parameters = {"state": state} if state else {}
    ids = [operation.id for operation in found.data]
    return page(
        request,
        "operations",
        title="Operations",
        state=state,
        states=_STATES,
        rows=found.data,
        waiting=waiting,
        pager=pager("operations", parameters, ids, asked, has_more=found.has_more),
    )


@get("/operations/{operation_id:str}")
async def show_operation(request: Page, operation_id: FromPath[str]) -> Response[Any]:
    """Show one operation with all recorded facts, and its next step."""
    operation = await read.get_operation(runtime_of(request), caller_of(request), operation_id)
    return await _show(request, operation)


@post("/operations/{operation_id:str}/resolve", opt=OPERATOR, status_code=200)
async def resolve(request: Page, operation_id: FromPath[str]) -> Response[Any]:
    """Resolve an operation; a refusal shows its reason beside the form."""
    form = await checked_form(request)
    runtime, caller = runtime_of(request), caller_of(request)
    given = {name: text_of(form, name) for name in _FIELDS}
    try:
        said = {name: value or None for name, value in given.items()} | {"unseen": bool(given["unseen"])}
        body = decode_body(msgspec.json.encode(said), ResolveBody)
        await resolve_operation(runtime, caller, operation_id, body)
    except Problem as problem:
        operation = await read.get_operation(runtime, caller, operation_id)
        return await _show(request, operation, refused=problem, given=given)
    return redirect_to(to_page(f"operations/{operation_id}"))


@post("/operations/{operation_id:str}/recheck", status_code=200)
async def recheck(request: Page, operation_id: FromPath[str]) -> Response[Any]:
    """Probe the provider now for an operation."""
    await checked_form(request)
    runtime, caller = runtime_of(request), caller_of(request)
    caller.require("orders:write")
    try:
        await recheck_operation(runtime, caller, operation_id)
    except Problem as problem:
        operation = await read.get_operation(runtime, caller, operation_id)
        return await _show(request, operation, refused=problem)
    return redirect_to(to_page(f"operations/{operation_id}"))


async def _show(
    request: Page,
    operation: Operation,
    *,
    refused: Problem | None = None,
    given: dict[str, str] | None = None,
) -> Response[Any]:
    runtime, caller = runtime_of(request), caller_of(request)
    existing = await runtime.journal.read(tx.operations.find_existing(operation.id)) or Existing(
        operation, None
    )
    order = await runtime.journal.read(tx.orders.find(operation.order))
    concerns = order.record.concerns if order is not None else []
    return page(
        request,
        "operation",
        title=f"{operation.kind.value.capitalize()} {operation.id}",
        status=200 if refused is None else STATUSES[refused.code],
        operation=existing.operation,
        event=of_operation(existing.operation),
        order=None if order is None else order.record,
        next=next_step_of(existing, concerns),
        answer=answered_problem(existing),
        kind=PROBLEMS.get(operation.problem or ""),
        faults=FAULTS,
        next_steps=NEXT_STEPS,
        resolvable=_resolvable(caller, existing.operation, order),
        recheckable=existing.operation.state == "unknown"
        and (caller.operator or "orders:write" in caller.scopes),
        creates=operation.kind is OperationKind.CREATE and not operation.settled,
        problem=None if refused is None else problem_in(request, refused),
        given=given or dict.fromkeys(_FIELDS, ""),
    )


def _resolvable(caller: Caller, operation: Operation, order: StoredOrder | None) -> bool:
    accepted = accepted_with(operation.kind, order.record.concerns) if order is not None else []
    return caller.operator and (
        operation.state == "unknown" or (operation.state == "succeeded" and bool(accepted))
    )
