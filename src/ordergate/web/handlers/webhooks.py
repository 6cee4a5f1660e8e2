"""Outgoing webhooks: the endpoints for events, and the deliveries."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import BodyKwarg, FromPath, FromQuery, JSONBody, QueryParameter

from ordergate.api.event_documents import (
    DeliveryDocument,
    DeliveryList,
    EndpointDocument,
    EndpointList,
    EndpointSecretDocument,
    PingDocument,
    ReplayedDocument,
)
from ordergate.domain.delivery import DeliveryState
from ordergate.domain.webhook_bodies import EndpointBody, EndpointUpdate, ReplayBody, RotateBody
from ordergate.gateway.outbound import endpoints, replay
from ordergate.journal import transactions as tx
from ordergate.journal.records.deliveries import DeliveryQuery, EndpointQuery
from ordergate.journal.records.paging import PageQuery, page_of
from ordergate.web import examples
from ordergate.web.authentication import caller_of
from ordergate.web.event_documents import (
    delivery_document,
    endpoint_document,
    endpoint_with_secret,
    ping_document,
)
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, READ_PROBLEMS, answers, problem
from ordergate.web.paging import paged

SCOPE = {"scope": "webhooks:write"}


@post(
    "/v1/webhook_endpoints",
    operation_id="create_webhook_endpoint",
    summary="Add an endpoint",
    tags=["webhooks"],
    opt=SCOPE,
    responses={
        **PLAIN_WRITE_PROBLEMS,
        201: answers(EndpointSecretDocument, "Added; the secret is shown this once"),
        409: problem("There are too many endpoints"),
    },
)
async def create_webhook_endpoint(
    request: Request[Any, Any, Any],
    data: Annotated[EndpointBody, BodyKwarg(examples=examples.ENDPOINT)],
    merchant: FromQuery[str | None] = None,
) -> EndpointSecretDocument:
    """Send events to a URL from now on, signed by the Standard Webhooks specification.

    An operator's key names the merchant by `?merchant=`.
    """
    caller = caller_of(request)
    owner = caller.merchant_named(merchant)
    made, secret = await endpoints.create_endpoint(request.app.state.runtime, caller, owner, data)
    return endpoint_with_secret(made, secret)


@get(
    "/v1/webhook_endpoints",
    operation_id="list_webhook_endpoints",
    summary="List endpoints",
    tags=["webhooks"],
    opt={"scope": "orders:read"},
    dependencies=paged("wh"),
    responses=READ_PROBLEMS,
)
async def list_webhook_endpoints(
    request: Request[Any, Any, Any],
    page: NamedDependency[PageQuery],
) -> EndpointList:
    """List endpoints, newest first."""
    query = EndpointQuery(**msgspec.structs.asdict(page))
    rows = await request.app.state.runtime.journal.read(tx.endpoints.search(query))
    shown, has_more = page_of(rows, query)
    return EndpointList(data=[endpoint_document(row) for row in shown], has_more=has_more)


@get(
    "/v1/webhook_endpoints/{endpoint_id:str}",
    operation_id="get_webhook_endpoint",
    summary="Read an endpoint",
    tags=["webhooks"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def get_webhook_endpoint(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str]
) -> EndpointDocument:
    """Read one endpoint."""
    runtime = request.app.state.runtime
    return endpoint_document(await endpoints.visible_endpoint(runtime, caller_of(request), endpoint_id))


@patch(
    "/v1/webhook_endpoints/{endpoint_id:str}",
    operation_id="update_webhook_endpoint",
    summary="Change an endpoint",
    tags=["webhooks"],
    opt=SCOPE,
    responses=PLAIN_WRITE_PROBLEMS,
)
async def update_webhook_endpoint(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str], data: JSONBody[EndpointUpdate]
) -> EndpointDocument:
    """Change URL, types or description; a pending delivery uses the new URL from its next try on."""
    runtime = request.app.state.runtime
    return endpoint_document(await endpoints.change_endpoint(runtime, caller_of(request), endpoint_id, data))


@delete(
    "/v1/webhook_endpoints/{endpoint_id:str}",
    operation_id="delete_webhook_endpoint",
    summary="Remove an endpoint",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=204,
    responses=READ_PROBLEMS,
)
async def delete_webhook_endpoint(request: Request[Any, Any, Any], endpoint_id: FromPath[str]) -> None:
    """Delete an endpoint and its queued deliveries; the events stay in the feed."""
    await endpoints.delete_endpoint(request.app.state.runtime, caller_of(request), endpoint_id)


@post(
    "/v1/webhook_endpoints/{endpoint_id:str}/rotate",
    operation_id="rotate_webhook_secret",
    summary="Rotate an endpoint's secret",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses={**PLAIN_WRITE_PROBLEMS, 200: answers(EndpointSecretDocument, "The secret is shown this once")},
)
async def rotate_webhook_secret(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str], data: JSONBody[RotateBody]
) -> EndpointSecretDocument:
    """Make a new secret; until `overlap_hours` are over the old one signs beside it."""
    runtime = request.app.state.runtime
    return endpoint_with_secret(
        *await endpoints.rotate_secret(runtime, caller_of(request), endpoint_id, data)
    )


@post(
    "/v1/webhook_endpoints/{endpoint_id:str}/enable",
    operation_id="enable_webhook_endpoint",
    summary="Enable an endpoint",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses=READ_PROBLEMS,
)
async def enable_webhook_endpoint(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str]
) -> EndpointDocument:
    """Enable an endpoint: its waiting deliveries are sent first. Events of the meantime can be replayed."""
    runtime, caller = request.app.state.runtime, caller_of(request)
    return endpoint_document(await endpoints.switch_endpoint(runtime, caller, endpoint_id, enabled=True))


@post(
    "/v1/webhook_endpoints/{endpoint_id:str}/disable",
    operation_id="disable_webhook_endpoint",
    summary="Disable an endpoint",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses=READ_PROBLEMS,
)
async def disable_webhook_endpoint(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str]
) -> EndpointDocument:
    """Disable an endpoint: queued deliveries wait, and no event is queued."""
    runtime, caller = request.app.state.runtime, caller_of(request)
    return endpoint_document(await endpoints.switch_endpoint(runtime, caller, endpoint_id, enabled=False))


@post(
    "/v1/webhook_endpoints/{endpoint_id:str}/ping",
    operation_id="ping_webhook_endpoint",
    summary="Try an endpoint out",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses=READ_PROBLEMS,
)
async def ping_webhook_endpoint(request: Request[Any, Any, Any], endpoint_id: FromPath[str]) -> PingDocument:
    """Send a signed `ping` now, and return its result; it is no event and has no retry."""
    runtime = request.app.state.runtime
    return ping_document(await replay.ping_endpoint(runtime, caller_of(request), endpoint_id))


@get(
    "/v1/webhook_deliveries",
    operation_id="list_webhook_deliveries",
    summary="List deliveries",
    tags=["webhooks"],
    opt={"scope": "orders:read"},
    dependencies=paged("dlv"),
    responses=READ_PROBLEMS,
)
async def list_webhook_deliveries(
    request: Request[Any, Any, Any],
    page: NamedDependency[PageQuery],
    endpoint: FromQuery[str | None] = None,
    delivery_state: Annotated[DeliveryState | None, QueryParameter(name="state")] = None,
    event: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
) -> DeliveryList:
    """List deliveries with their tries, newest first; those that ended are forgotten after the retention."""
    query = DeliveryQuery(
        **msgspec.structs.asdict(page),
        endpoint=endpoint,
        state=delivery_state,
        event=event,
        order=order,
    )
    rows = await request.app.state.runtime.journal.read(tx.deliveries.search(query))
    shown, has_more = page_of(rows, query)
    return DeliveryList(data=[delivery_document(row) for row in shown], has_more=has_more)


@post(
    "/v1/webhook_deliveries/replay",
    operation_id="replay_webhook_deliveries",
    summary="Deliver many again",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses={**PLAIN_WRITE_PROBLEMS, 200: answers(ReplayedDocument, "Queued")},
)
async def replay_webhook_deliveries(
    request: Request[Any, Any, Any], data: Annotated[ReplayBody, BodyKwarg(examples=examples.REPLAY)]
) -> ReplayedDocument:
    """Deliver to one endpoint again: all that failed, or everything since a time or after an event's number."""
    runtime = request.app.state.runtime
    return ReplayedDocument(replayed=await replay.replay_many(runtime, caller_of(request), data))


@post(
    "/v1/webhook_deliveries/{delivery_id:str}/replay",
    operation_id="replay_webhook_delivery",
    summary="Deliver again",
    tags=["webhooks"],
    opt=SCOPE,
    status_code=200,
    responses=READ_PROBLEMS,
)
async def replay_webhook_delivery(
    request: Request[Any, Any, Any], delivery_id: FromPath[str]
) -> DeliveryDocument:
    """Deliver one event again, with all its tries."""
    runtime = request.app.state.runtime
    return delivery_document(await replay.replay_one(runtime, caller_of(request), delivery_id))
