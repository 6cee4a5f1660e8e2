"""RevKeen's orders behind the gateway's adapter interface."""

from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from ordergate.domain.account import Environment, Support
from ordergate.domain.commands import (
    CancelOrder,
    Command,
    CreateOrder,
    FulfillOrder,
    ListEvents,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    UpdateOrder,
    WriteCommand,
)
from ordergate.domain.errors import FieldError
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.outcome import Applied, EventPage, NotApplied, Outcome, Unknown
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import AdapterSettings, Baseline, Plan
from ordergate.spi.capabilities import Capabilities, RateLimit
from ordergate.spi.emulator import ProviderEmulator
from ordergate.spi.fields import FieldMap
from ordergate.spi.paging import Cursor, page, read_cursor, write_cursor
from ordergate.spi.plans import one_call, start, unreadable
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate_revkeen import requests, responses, webhooks
from ordergate_revkeen.errors import read_failure
from ordergate_revkeen.fields import FIELDS
from ordergate_revkeen.probes import PROBES
from ordergate_revkeen.settings import API_VERSION, BASE_URLS, RevKeenSettings, settings_errors

IDEMPOTENT_FOR = timedelta(hours=23)
"""RevKeen keeps a key for 24 hours from its first use (docs, Idempotency); one is for clocks that differ."""


class RevKeenAdapter:
    """RevKeen v2 orders, API version 2026-05-01."""

    name: ClassVar[str] = "revkeen"
    title: ClassVar[str] = "RevKeen"
    settings_type: ClassVar[type[AdapterSettings]] = RevKeenSettings
    base_urls = BASE_URLS
    fields: ClassVar[FieldMap] = FIELDS
    capabilities: ClassVar[Capabilities] = Capabilities(
        operations={
            OperationKind.CREATE: Support(
                "partly", "Currencies with two decimals, up to 2147483647; no tax, no coupon."
            ),
            OperationKind.RETRIEVE: Support("yes"),
            OperationKind.LIST: Support("yes"),
            OperationKind.PAY: Support("yes"),
            OperationKind.UPDATE: Support("partly", "Metadata, notes and the customer, before fulfilment."),
            OperationKind.CANCEL: Support("yes", "Before any money is taken."),
            OperationKind.FULFILL: Support("yes"),
            OperationKind.RETURN: Support("no", "Refund in RevKeen's dashboard, or with its refunds API."),
        },
        list_filters=frozenset({"customer", "status", "billing_type", "created_gte", "created_lte"}),
        partial_pay=True,
        fulfill_lines=True,
        links_required=frozenset({"customers", "payment_methods"}),
        event_feed=True,
        # API reference, Rate Limits; the burst that it grants on top is kept in reserve.
        rate_limits={"sandbox": (RateLimit(100, 60),), "production": (RateLimit(1000, 60),)},
    )

    def plan(self, command: Command, settings: RevKeenSettings) -> Plan:  # noqa: ARG002 - the interface's
        """Start the plan of a command; nearly all are one request."""
        return start(_PLANS, command)

    def probe(self, command: WriteCommand, baseline: Baseline, settings: RevKeenSettings) -> Plan:  # noqa: ARG002
        """Start the probe of a write; it only reads."""
        return start(PROBES, command, baseline)

    def idempotent_for(self, command: WriteCommand, settings: RevKeenSettings) -> timedelta:  # noqa: ARG002
        """Return for how long a repeat is safe: every write carries a key."""
        return IDEMPOTENT_FOR

    def sign(self, request: WireRequest, settings: RevKeenSettings, now: int, nonce: str) -> WireRequest:  # noqa: ARG002
        """Add the key and the API version; RevKeen signs nothing."""
        headers = (
            ("accept", "application/json"),
            ("revkeen-version", API_VERSION),
            ("x-api-key", settings.api_key.reveal()),
        )
        return msgspec.structs.replace(request, headers=request.headers + headers)

    def verify(self, delivery: ReceivedWebhook, settings: RevKeenSettings, now: int) -> None:
        """Check the signature with each of the account's secrets."""
        webhooks.verify(delivery, settings, now)

    def read_event(self, body: bytes) -> ProviderEvent:
        """Read the event, and which order it is about."""
        return webhooks.read_event(body)

    def check_settings(self, settings: RevKeenSettings, environment: Environment) -> list[FieldError]:
        """Return a key of the other world, and webhook secrets that add nothing."""
        return settings_errors(settings, environment)

    def emulator(self, seed: int) -> ProviderEmulator:
        """Build RevKeen's emulator."""
        from ordergate_revkeen.emulator import RevKeenEmulator  # noqa: PLC0415 - a server never needs it

        return RevKeenEmulator(seed)


def _one_call(
    request: WireRequest, command: Command, before: ProviderOrder | None
) -> Generator[WireRequest, WireResponse, Outcome]:
    def read(response: WireResponse) -> Outcome:
        if not 200 <= response.status < 300:
            return read_failure(response, command)
        try:
            return Applied(order=responses.read_order(response.body, before))
        except responses.UNREADABLE:
            return _unreadable(response, "an order", acts=request.acts)

    return (yield from one_call(request, read))


def _update(command: UpdateOrder) -> Generator[WireRequest, WireResponse, Outcome]:
    request = requests.update(command)
    if request is None:
        return Applied(order=command.order, notices=requests.update_notices(command))
    return (yield from _one_call(request, command, command.order))


def _list(command: ListOrders) -> Generator[WireRequest, WireResponse, Outcome]:
    cursor = read_cursor(command.cursor)
    response = yield requests.list_orders(command, cursor)
    if not 200 <= response.status < 300:
        return read_failure(response, command)
    try:
        orders, has_more = responses.read_list(response.body)
    except responses.UNREADABLE:
        return _unreadable(response, "a list of orders", acts=False)
    return page(orders, cursor, has_more=has_more)


def _list_events(command: ListEvents) -> Generator[WireRequest, WireResponse, Outcome]:
    """Read the feed, which is documented to begin with the newest: each page leads further into the past."""
    cursor = read_cursor(command.cursor)
    after = cursor.id if cursor is not None else None
    response = yield requests.list_events(command.limit, after, since=command.since)
    if not 200 <= response.status < 300:
        return read_failure(response, command)
    try:
        events, has_more = webhooks.read_feed(response.body)
    except ValueError:
        return _unreadable(response, "a list of events", acts=False)
    if not events or not has_more:
        return EventPage(events=tuple(events), next_cursor=None)
    if events[-1].id == after:
        # Not the end: a feed that does not heed its own cursor has not been read through.
        return _unreadable(response, "a further page of events", acts=False)
    return EventPage(events=tuple(events), next_cursor=write_cursor(Cursor("after", events[-1].id)))


def _unreadable(response: WireResponse, wanted: str, *, acts: bool) -> NotApplied | Unknown:
    return unreadable(
        f"RevKeen answered {response.status} with a body that is not {wanted}.", response, acts=acts
    )


_PLANS: Mapping[type[Command], Callable[[Any], Plan]] = {
    ListOrders: _list,
    ListEvents: _list_events,
    RetrieveOrder: lambda command: _one_call(
        requests.retrieve(command.provider_order_id), command, command.before
    ),
    CreateOrder: lambda command: _one_call(requests.create(command), command, None),
    PayOrder: lambda command: _one_call(requests.pay(command), command, command.order),
    UpdateOrder: _update,
    CancelOrder: lambda command: _one_call(requests.cancel(command), command, command.order),
    FulfillOrder: lambda command: _one_call(requests.fulfill(command), command, command.order),
}
"""How each command is carried out."""
