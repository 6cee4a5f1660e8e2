"""Operations: what became of a write."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import FromPath, FromQuery, QueryParameter

from ordergate.gateway import read
from ordergate.gateway.records import OperationQuery, OperationState
from ordergate.web.authentication import caller_of
from ordergate.web.documents import OperationDocument, OperationList, operation_document
from ordergate.web.openapi import READ_PROBLEMS
from ordergate.web.strictness import refuse_bad_cursors


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
    gateway = request.app.state.gateway
    return operation_document(await read.get_operation(gateway, caller_of(request), operation_id))


@get(
    "/v1/operations",
    operation_id="list_operations",
    summary="List operations",
    tags=["operations"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_operations(
    request: Request[Any, Any, Any],
    operation_state: Annotated[OperationState | None, QueryParameter(name="state")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Rows per page.")] = 20,
    starting_after: FromQuery[str | None] = None,
    ending_before: FromQuery[str | None] = None,
) -> OperationList:
    """List writes, newest first; `state=unknown` are those whose outcome is not known yet."""
    refuse_bad_cursors(starting_after, ending_before, "op")
    caller = caller_of(request)
    query = OperationQuery(
        world=caller.world,
        merchant=caller.merchant,
        state=operation_state,
        limit=limit,
        starting_after=starting_after,
        ending_before=ending_before,
    )
    page = await read.list_operations(request.app.state.gateway, query)
    return OperationList(data=[operation_document(row) for row in page.data], has_more=page.has_more)
