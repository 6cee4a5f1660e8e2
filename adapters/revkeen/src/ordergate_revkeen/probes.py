"""Probes: whether RevKeen applied a write whose response was lost, by reads only.

RevKeen's events contain the idempotency key of their request (Events API in OpenAPI), so they prove the origin of a
change; the order proves the present state. Some lists of event types leave out ``order.updated``, ``order.fulfilled``
or ``order.canceled``, so a missing event proves nothing.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from msgspec import UnsetType

from ordergate.domain.commands import (
    CancelOrder,
    CreateOrder,
    FulfillOrder,
    ListFilters,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    UpdateOrder,
    WriteCommand,
)
from ordergate.domain.errors import ProviderError
from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import Baseline, Plan
from ordergate.spi.paging import Cursor
from ordergate.spi.proof import Change, judge_changes, unread
from ordergate.spi.search import PAGE_SIZE, ListedOrders, Search, find_created
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate_revkeen import requests, responses
from ordergate_revkeen.errors import read_failure
from ordergate_revkeen.wire import Event

MAX_EVENT_PAGES = 20
"""Pages of one order's events after which a probe gives up: 2000 events belong before a person."""
SUCCEEDED = frozenset({"payment.succeeded", "order.paid", "invoice.paid"})
FAILED = frozenset({"payment.failed", "invoice.payment_failed"})
"""The events of a payment (Event catalogue).

A pay also makes an invoice, whose other events and an ``order.updated`` may accompany them.
"""
HANDED_OVER = frozenset({FulfillmentStatus.FULFILLED, FulfillmentStatus.RETURNED})

_Conversation = Generator[WireRequest, WireResponse, Outcome]
_Events = list[Event] | Unknown
_Judge = Callable[[Any, ProviderOrder], Applied | NotFound | Unknown]


def _create(command: CreateOrder, baseline: Baseline) -> _Conversation:
    listing = ListOrders(limit=PAGE_SIZE, cursor=None, filters=ListFilters())

    def ask(cursor: Cursor | None) -> WireRequest:
        return requests.list_orders(listing, cursor)

    def read(response: WireResponse) -> ListedOrders | NotApplied | Unknown:
        if not 200 <= response.status < 300:
            return read_failure(response, listing)
        try:
            orders, has_more = responses.read_list(response.body)
        except responses.UNREADABLE:
            return _unreadable(response, "a list of orders")
        return ListedOrders(orders=tuple(orders), has_more=has_more)

    outcome = yield from find_created(Search(operation=command.operation, ask=ask, read=read), baseline)
    if not isinstance(outcome, Applied) or outcome.order.line_items:
        return outcome
    # Lines are promised for a single order only (Orders reference); the row has proven the write already.
    try:
        order = yield from _read_order(outcome.order)
    except NoAnswer:
        return outcome
    return Applied(order=order) if isinstance(order, ProviderOrder) else outcome


def _pay(command: PayOrder, baseline: Baseline) -> _Conversation:  # noqa: ARG001 - every probe's
    """Find the payment by our key in an event, and its amount in the order.

    The events are read first and the order last. A payment that arrives between the two reads, or whose event is
    written after its money, is then visible in the order without an event, and the outcome is unknown. In the other
    order it would be in neither, and count as absent.
    """
    events = yield from _read_events(command)
    if isinstance(events, Unknown):
        return events
    order = yield from _read_order(command.order)
    if isinstance(order, Unknown):
        return order
    return _judge_payment(command, events, order)


def _judge_payment(
    command: PayOrder, events: list[Event], order: ProviderOrder
) -> Applied | NotApplied | NotFound | Unknown:
    if any(event.type in SUCCEEDED for event in events):
        return Applied(order=order)
    # An earlier key was replaced after a certain refusal; its events prove nothing about the lost request.
    types = {event.type for event in events if event.key == command.provider_key}
    if types & FAILED:
        return NotApplied(
            code="payment_declined",
            detail="RevKeen recorded that the payment failed.",
            provider=ProviderError(http_status=200, code=min(types & FAILED)),
        )
    if any(kind.startswith("order.") for kind in types):
        return Applied(order=order)
    if types:
        return Unknown(reason=f"RevKeen knows the payment, and not how it ended: {', '.join(sorted(types))}.")
    if _money(order) == _money(command.order):
        return NotFound(order=order)
    return Unknown(reason="The order has a payment, and no event at RevKeen identifies it as this one.")


def _money(order: ProviderOrder) -> tuple[int, bool, bool]:
    """The fields of an order that a payment changes; a pending one changes no amount yet."""
    return order.amount_paid, order.payment_pending, order.paid_in_full


def _change(judge: _Judge) -> Callable[[Any, Baseline], Plan]:
    """Return the probe of a write with a visible effect on its order."""

    def begin(command: Any, baseline: Baseline) -> _Conversation:  # noqa: ARG001 - every probe's
        order = yield from _read_order(command.order)
        if isinstance(order, Unknown):
            return order
        outcome = judge(command, order)
        if isinstance(outcome, Applied):
            return outcome
        events = yield from _read_events(command)
        if isinstance(events, Unknown):
            return events
        if not events:
            return outcome
        # It was applied after the read of the order, or changed again since, so the order is read once more.
        order = yield from _read_order(command.order)
        return order if isinstance(order, Unknown) else Applied(order=order)

    return begin


def _canceled(command: CancelOrder, order: ProviderOrder) -> Applied | NotFound | Unknown:  # noqa: ARG001
    if order.phase is Phase.CANCELED:
        return Applied(order=order)
    return _unmapped(order) or NotFound(order=order)


def _fulfilled(command: FulfillOrder, order: ProviderOrder) -> Applied | NotFound | Unknown:
    """Judge by the fulfilment of the whole order: RevKeen shows none of single lines."""
    before, found = command.order.fulfillment_status, order.fulfillment_status
    if found in HANDED_OVER:
        return Applied(order=order)
    if found is not before and found is FulfillmentStatus.PARTIAL and command.lines is not None:
        return Applied(order=order)
    if found is FulfillmentStatus.PARTIAL:
        return Unknown(reason="Some lines are fulfilled at RevKeen, which does not report which ones.")
    return _unmapped(order) or NotFound(order=order)


def _updated(command: UpdateOrder, order: ProviderOrder) -> Applied | NotFound | Unknown:
    """Compare the sent fields; fields that only the gateway stores change nothing there."""
    before = command.order
    asked = (
        (command.metadata, before.metadata, order.metadata),
        (_blank(command.notes), before.notes or None, order.notes or None),
        (command.customer, before.customer, order.customer),
    )
    changes = [
        Change(asked=wanted, before=was, found=found)
        for wanted, was, found in asked
        if not isinstance(wanted, UnsetType)
    ]
    return judge_changes(order, changes)


def _blank(text: str | UnsetType | None) -> str | UnsetType | None:
    return text if isinstance(text, UnsetType) else text or None


def _unmapped(order: ProviderOrder) -> Unknown | None:
    """An order with an unknown status may have the requested state."""
    if order.phase is not Phase.UNMAPPED:
        return None
    return Unknown(reason=f"RevKeen's order has a status that is not known: {order.provider_status}.")


def _read_order(before: ProviderOrder) -> Generator[WireRequest, WireResponse, ProviderOrder | Unknown]:
    response = yield requests.retrieve(before.provider_order_id)
    if not 200 <= response.status < 300:
        return unread(read_failure(response, RetrieveOrder(provider_order_id=before.provider_order_id)))
    try:
        return responses.read_order(response.body, before)
    except responses.UNREADABLE:
        return _unreadable(response, "an order")


def _read_events(command: Any) -> Generator[WireRequest, WireResponse, _Events]:
    """Return the order's events that one of our keys is behind."""
    order = command.order.provider_order_id
    ours: list[Event] = []
    after = None
    for _ in range(MAX_EVENT_PAGES):
        response = yield requests.list_events(PAGE_SIZE, after, provider_order_id=order)
        if not 200 <= response.status < 300:
            return unread(read_failure(response, RetrieveOrder(provider_order_id=order)))
        try:
            page = responses.read_events(response.body)
        except responses.UNREADABLE:
            return _unreadable(response, "a list of events")
        ours += [event for event in page.data if event.key in command.provider_keys]
        if not page.has_more or not page.data:
            return ours
        if page.data[-1].id == after:
            break
        after = page.data[-1].id
    return Unknown(reason="RevKeen's events of the order do not end: there are too many to search.")


def _unreadable(response: WireResponse, wanted: str) -> Unknown:
    return Unknown(
        reason=f"RevKeen answered {response.status} with a body that is not {wanted}.",
        provider=ProviderError(http_status=response.status),
    )


def _update(command: UpdateOrder, baseline: Baseline) -> Plan:
    if requests.update(command) is None:
        return _nothing_sent(command)
    return _change(_updated)(command, baseline)


def _nothing_sent(command: UpdateOrder) -> _Conversation:
    """A change that only the gateway keeps was applied without a request."""
    yield from ()
    return Applied(order=command.order)


PROBES: Mapping[type[WriteCommand], Callable[[Any, Baseline], Plan]] = {
    CreateOrder: _create,
    PayOrder: _pay,
    UpdateOrder: _update,
    CancelOrder: _change(_canceled),
    FulfillOrder: _change(_fulfilled),
}
"""The probe of each write."""
