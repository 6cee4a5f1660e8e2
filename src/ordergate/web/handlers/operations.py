"""Operations: the outcomes of writes."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from ordergate.api.documents import OperationDocument, OperationList
from ordergate.domain.draft import ResolveBody
from ordergate.domain.operation import OperationState
from ordergate.gateway.orders import read
from ordergate.gateway.orders.resolve import recheck_operation as recheck
from ordergate.gateway.orders.resolve import resolve_operation as resolve
from ordergate.journal.records.operations import OperationQuery
from ordergate.journal.records.paging import PageQuery
from ordergate.web.authentication import caller_of
from ordergate.web.documents import operation_document
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, READ_PROBLEMS, answers, problem
from ordergate.web.paging import paged


@get(
    "/v1/operations/{operation_id:str}",
    operation_id="get_operation",
    summary="Read an operation",
    tags=["operations"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def get_operation(request: Request[Any, Any, Any], operation_id: FromPath[str]) -> OperationDocument:
    """Read one write: its attempts, and whether it was applied."""
    runtime = request.app.state.runtime
    return operation_document(await read.get_operation(runtime, caller_of(request), operation_id))


@get(
    "/v1/operations",
    operation_id="list_operations",
    summary="List operations",
    tags=["operations"],
    opt={"scope": "orders:read"},
    dependencies=paged("op"),
    responses=READ_PROBLEMS,
)
async def list_operations(
    request: Request[Any, Any, Any],
    page: NamedDependency[PageQuery],
    operation_state: Annotated[OperationState | None, QueryParameter(name="state")] = None,
) -> OperationList:
    """List operations, newest first; `state=unknown` lists those with an unknown outcome."""
    query = OperationQuery(**msgspec.structs.asdict(page), state=operation_state)
    found = await read.list_operations(request.app.state.runtime, query)
    return OperationList(data=[operation_document(row) for row in found.data], has_more=found.has_more)


@post(
    "/v1/operations/{operation_id:str}/recheck",
    operation_id="recheck_operation",
    summary="Recheck an operation",
    tags=["operations"],
    opt={"scope": "orders:write"},
    status_code=200,
    responses={
        **PLAIN_WRITE_PROBLEMS,
        200: answers(OperationDocument, "The operation after the probe"),
        409: problem("The operation is being worked on at this moment"),
    },
)
async def recheck_operation(
    request: Request[Any, Any, Any], operation_id: FromPath[str]
) -> OperationDocument:
    """Probe the provider now for an unsettled operation; nothing is sent again.

    The answer is the operation: settled, or with one more probe and its result. A settled operation is returned
    unchanged.
    """
    runtime = request.app.state.runtime
    return operation_document(await recheck(runtime, caller_of(request), operation_id))


@post(
    "/v1/operations/{operation_id:str}/resolve",
    operation_id="resolve_operation",
    summary="Resolve an operation",
    tags=["operations"],
    opt={"scope": "admin"},
    status_code=200,
    responses={
        **PLAIN_WRITE_PROBLEMS,
        200: answers(OperationDocument, "As it is settled now"),
        409: problem(
            "The operation is settled or in progress, or the provider contradicts the given outcome"
        ),
    },
)
async def resolve_operation(
    request: Request[Any, Any, Any], operation_id: FromPath[str], data: JSONBody[ResolveBody]
) -> OperationDocument:
    """Resolve an operation that could not settle itself, with your evidence.

    `applied` reads the order at the provider and settles the write as its caller wanted; for a create, name the order
    there. `not_applied` lets a retry of its key send it again. The provider is probed first. If it shows that the write
    was applied, the answer is 409 and the operation is settled as applied. If it cannot be probed, the answer is 409
    unless you send `unseen: true`, and a retry of the key then probes before it sends.

    To accept the review reasons of an applied operation's order, resolve the operation as `applied`.
    """
    runtime = request.app.state.runtime
    return operation_document(await resolve(runtime, caller_of(request), operation_id, data))
