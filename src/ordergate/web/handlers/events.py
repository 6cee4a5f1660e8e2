"""Events: those of one order, and a merchant's feed of all."""

from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.params import FromPath, FromQuery, QueryParameter

from ordergate.api.event_documents import EventList
from ordergate.domain.event_type import EventType
from ordergate.gateway.outbound import feed
from ordergate.journal.records.events import EventQuery, Feed
from ordergate.web.authentication import caller_of
from ordergate.web.event_documents import event_document
from ordergate.web.openapi import READ_PROBLEMS
from ordergate.web.paging import Limit


@get(
    "/v1/orders/{order_id:str}/events",
    operation_id="list_order_events",
    summary="Read an order's timeline",
    tags=["events"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_order_events(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    after: Annotated[
        str | None, QueryParameter(description="The `id` of the last event of this order that you have.")
    ] = None,
    limit: Limit = 100,
) -> EventList:
    """Read the events of one order, the oldest first."""
    runtime, caller = request.app.state.runtime, caller_of(request)
    page = await feed.order_timeline(runtime, caller, order_id, after=after, limit=limit)
    return EventList(data=[event_document(event) for event in page.data], has_more=page.has_more)


@get(
    "/v1/events",
    operation_id="list_events",
    summary="Read the feed of events",
    tags=["events"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_events(
    request: Request[Any, Any, Any],
    after: Annotated[
        str | None,
        QueryParameter(description="The `number`, or the id, of the last event that you have; 0 for all."),
    ] = None,
    event_type: Annotated[EventType | None, QueryParameter(name="type")] = None,
    limit: Limit = 20,
    purpose: Annotated[
        Literal["comparison"] | None,
        QueryParameter(description="`comparison`: the feed of orders that comparisons made."),
    ] = None,
    merchant: FromQuery[str | None] = None,
) -> EventList:
    """Read a merchant's events, the oldest first: complete, numbered from 1, in an order that never changes.

    An operator's key names the merchant by `?merchant=`.
    """
    runtime, caller = request.app.state.runtime, caller_of(request)
    asked = Feed(merchant=caller.merchant_named(merchant), world=caller.world, purpose=purpose)
    place = await feed.place_in_feed(runtime, asked, after)
    page = await feed.list_events(runtime, EventQuery(feed=asked, after=place, type=event_type, limit=limit))
    return EventList(data=[event_document(event) for event in page.data], has_more=page.has_more)
