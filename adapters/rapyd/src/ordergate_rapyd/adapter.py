"""Rapyd's orders behind the gateway's adapter interface."""

from collections.abc import Generator
from typing import ClassVar

import msgspec

from ordergate.domain.commands import Command, CreateOrder, FulfillOrder, ListOrders, PayOrder, RetrieveOrder
from ordergate.domain.errors import FieldError, ProviderError
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.outcome import Applied, NotApplied, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import AdapterSettings, Environment, Plan
from ordergate.spi.capabilities import Capabilities, Support
from ordergate.spi.emulator import ProviderEmulator
from ordergate.spi.paging import page, read_cursor
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate_rapyd import requests, responses
from ordergate_rapyd.errors import read_failure
from ordergate_rapyd.settings import BASE_URLS, RapydSettings
from ordergate_rapyd.signing import authentication_headers


class RapydAdapter:
    """Rapyd Collect orders, as documented in November 2025."""

    name: ClassVar[str] = "rapyd"
    title: ClassVar[str] = "Rapyd"
    settings_type: ClassVar[type[AdapterSettings]] = RapydSettings
    base_urls = BASE_URLS
    capabilities: ClassVar[Capabilities] = Capabilities(
        operations={
            OperationKind.CREATE: Support(
                "partly",
                "Needs a customer, and a SKU and a price above zero on each product line; no expiry.",
            ),
            OperationKind.RETRIEVE: Support("yes"),
            OperationKind.LIST: Support("partly", "No filters; Rapyd does not say whether there are more."),
            OperationKind.PAY: Support("partly", "In full only."),
            OperationKind.CANCEL: Support(
                "gateway", "Rapyd cannot cancel an unpaid order; it is abandoned there."
            ),
            OperationKind.FULFILL: Support("partly", "The whole order only."),
        },
        list_filters=frozenset(),
        partial_pay=False,
        fulfill_lines=False,
        links_required=frozenset({"customers", "products", "payment_methods"}),
    )

    def plan(self, command: Command, settings: RapydSettings) -> Plan:  # noqa: ARG002 - the interface's
        """Begin the conversation for a command: one request each, since Rapyd needs no preparation."""
        match command:
            case ListOrders():
                return _list(command)
            case RetrieveOrder():
                return _one_call(requests.retrieve(command.provider_order_id), command, None)
            case CreateOrder():
                return _one_call(requests.create(command), command, None)
            case PayOrder():
                return _one_call(requests.pay(command), command, command.order)
            case FulfillOrder():
                return _one_call(requests.fulfill(command), command, command.order)
            case _:
                raise TypeError(f"Rapyd declares nothing for {type(command).__name__}")

    def sign(self, request: WireRequest, settings: RapydSettings, now: int, nonce: str) -> WireRequest:
        """Add the four headers that authenticate the exact bytes of this request."""
        headers = authentication_headers(
            method=request.method,
            path=request.path,
            body=request.body,
            access_key=settings.access_key.reveal(),
            secret_key=settings.secret_key.reveal(),
            now=now,
            salt=nonce,
        )
        return msgspec.structs.replace(request, headers=request.headers + headers)

    def check_settings(self, settings: RapydSettings, environment: Environment) -> list[FieldError]:  # noqa: ARG002
        """Return nothing: Rapyd's keys do not say which environment they belong to."""
        return []

    def emulator(self, seed: int) -> ProviderEmulator:
        """Build Rapyd's emulator."""
        from ordergate_rapyd.emulator import RapydEmulator  # noqa: PLC0415 - a server never needs it

        return RapydEmulator(seed)


def _one_call(
    request: WireRequest, command: Command, before: ProviderOrder | None
) -> Generator[WireRequest, WireResponse, Outcome]:
    response = yield request
    try:
        if response.status == 200:
            return Applied(order=responses.read_order(response.body, before))
    except responses.UnreadableAnswerError as error:
        return _unread(response, command, str(error), acts=request.acts)
    return read_failure(response, command)


def _list(command: ListOrders) -> Generator[WireRequest, WireResponse, Outcome]:
    cursor = read_cursor(command.cursor)
    response = yield requests.list_orders(command, cursor)
    if response.status != 200:
        return read_failure(response, command)
    try:
        orders = responses.read_list(response.body)
    except responses.UnreadableAnswerError as error:
        return _unread(response, command, str(error), acts=False)
    return page(orders, cursor, has_more=len(orders) == command.limit)


def _unread(response: WireResponse, command: Command, why: str, *, acts: bool) -> NotApplied | Unknown:
    """A 200 without an order: Rapyd's refusal in an envelope, or what nobody can read."""
    failure = read_failure(response, command)
    if failure.provider is not None and failure.provider.code is not None:
        return failure
    reason = f"Rapyd answered 200 with a body that is no order: {why}."
    provider = ProviderError(http_status=200)
    if acts:
        return Unknown(reason=reason, provider=provider)
    return NotApplied(code="provider_protocol_error", detail=reason, provider=provider)
