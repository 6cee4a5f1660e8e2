"""Routes: the account of a new order, and the reason."""

from typing import Any

from litestar import Request, post
from litestar.params import FromQuery, JSONBody

from ordergate.api.documents import RouteDocument
from ordergate.domain.draft import RouteBody
from ordergate.gateway.accounts.routing import find_route, route_request
from ordergate.web.authentication import caller_of
from ordergate.web.documents import route_document
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, answers


@post(
    "/v1/routes/explain",
    operation_id="explain_route",
    summary="Explain the route of an order",
    tags=["accounts"],
    opt={"scope": "orders:read"},
    status_code=200,
    responses={**PLAIN_WRITE_PROBLEMS, 200: answers(RouteDocument, "The rule, and the accounts in order")},
)
async def explain_route(
    request: Request[Any, Any, Any], data: JSONBody[RouteBody], merchant: FromQuery[str | None] = None
) -> RouteDocument:
    """Return the matching rule for a draft, its accounts, and why an account is skipped.

    Nothing is sent. A weight is drawn by the draft's reference, else by `idempotency_key`. An operator's key names
    the merchant by `?merchant=`.
    """
    caller = caller_of(request)
    asked = route_request(data.order, caller.merchant_named(merchant), caller.world, data.idempotency_key)
    route = find_route(request.app.state.runtime.configuration, asked)
    return route_document(route, operator=caller.operator)
