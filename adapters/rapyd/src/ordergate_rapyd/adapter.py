"""Rapyd's orders behind the gateway's adapter interface."""

from collections.abc import Callable, Generator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from ordergate.domain.account import Environment, Support
from ordergate.domain.commands import (
    Command,
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListOrders,
    PayOrder,
    Read,
    RetrieveOrder,
    ReturnGoods,
    UpdateOrder,
    WriteCommand,
)
from ordergate.domain.errors import FieldError
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.outcome import Applied, NotApplied, Outcome, Unknown
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import AdapterSettings, Baseline, Plan
from ordergate.spi.capabilities import Capabilities, RateLimit
from ordergate.spi.emulator import ProviderEmulator
from ordergate.spi.fields import FieldMap
from ordergate.spi.paging import page, read_cursor
from ordergate.spi.plans import one_call, start, unreadable
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate_rapyd import requests, responses, webhooks
from ordergate_rapyd.errors import MONEY_TAKEN, read_error, read_failure
from ordergate_rapyd.fields import FIELDS
from ordergate_rapyd.probes import PROBES
from ordergate_rapyd.responses import Known, known
from ordergate_rapyd.settings import BASE_URLS, RapydSettings, settings_errors
from ordergate_rapyd.signing import authentication_headers


class RapydAdapter:
    """Rapyd Collect orders, as documented in November 2025."""

    name: ClassVar[str] = "rapyd"
    title: ClassVar[str] = "Rapyd"
    settings_type: ClassVar[type[AdapterSettings]] = RapydSettings
    base_urls = BASE_URLS
    fields: ClassVar[FieldMap] = FIELDS
    capabilities: ClassVar[Capabilities] = Capabilities(
        operations={
            OperationKind.CREATE: Support(
                "partly",
                "Needs a customer, and a SKU and a price above zero on each product line; no expiry.",
            ),
            OperationKind.RETRIEVE: Support("yes"),
            OperationKind.LIST: Support(
                "partly", "No filters; Rapyd does not report whether there are more orders."
            ),
            OperationKind.UPDATE: Support("partly", "Metadata; tax and coupon while nothing is paid."),
            OperationKind.PAY: Support("partly", "In full only."),
            OperationKind.CANCEL: Support(
                "gateway", "Rapyd cannot cancel an unpaid order; it is abandoned there."
            ),
            OperationKind.FULFILL: Support("partly", "The whole order only."),
            OperationKind.RETURN: Support("partly", "Not for an order with tax or a coupon."),
        },
        list_filters=frozenset(),
        partial_pay=False,
        fulfill_lines=False,
        links_required=frozenset({"customers", "products", "payment_methods"}),
        # Docs, Request Rate Limits: in both environments, and both limits at once.
        rate_limits=dict.fromkeys(("sandbox", "production"), (RateLimit(200, 60), RateLimit(1000, 300))),
        # Requests are signed 10 s in the past, and Rapyd takes a signature for 60 s (docs, Request Signatures): 50 s
        # after it was sent, nothing can deliver it any more. The other 5 s are for the way and for the clocks.
        settling_seconds=55,
    )

    def plan(self, command: Command, settings: RapydSettings) -> Plan:  # noqa: ARG002 - the interface's
        """Start the plan of a command; nearly all are one request."""
        return start(_PLANS, command)

    def probe(self, command: WriteCommand, baseline: Baseline, settings: RapydSettings) -> Plan:  # noqa: ARG002
        """Start the probe of a write; it only reads."""
        return start(PROBES, command, baseline)

    def idempotent_for(self, command: WriteCommand, settings: RapydSettings) -> timedelta:  # noqa: ARG002
        """Return that no repeat is safe.

        By default Rapyd's idempotency does not include orders. If support has enabled it for every POST, the result of
        a retry during the first request is not documented (docs, Idempotency).
        """
        return timedelta(0)

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

    def verify(self, delivery: ReceivedWebhook, settings: RapydSettings, now: int) -> None:
        """Check the signature over the configured URL and the raw body."""
        webhooks.verify(delivery, settings, now)

    def read_event(self, body: bytes) -> ProviderEvent:
        """Read the event, and which order it is about."""
        return webhooks.read_event(body)

    def check_settings(self, settings: RapydSettings, environment: Environment) -> list[FieldError]:
        """Return keys that are mixed up, and a webhook address that cannot be the one in the portal."""
        return settings_errors(settings, environment)

    def emulator(self, seed: int) -> ProviderEmulator:
        """Build Rapyd's emulator."""
        from ordergate_rapyd.emulator import RapydEmulator  # noqa: PLC0415 - a server never needs it

        return RapydEmulator(seed)


def _one_call(
    request: WireRequest, command: Command, before: Known | None
) -> Generator[WireRequest, WireResponse, Outcome]:
    return (yield from one_call(request, lambda response: _read_answer(response, command, before)))


def _read_answer(response: WireResponse, command: Command, before: Known | None) -> Outcome:
    if response.status != 200:
        return read_failure(response, command)
    try:
        return Applied(order=responses.read_order(response.body, before))
    except responses.UnreadableAnswerError as error:
        return _unread(response, command, str(error))


def _pay(command: PayOrder) -> Generator[WireRequest, WireResponse, Outcome]:
    """Pay. Two of Rapyd's errors mean that the money was taken; the order is read after them."""
    request = requests.pay(command)
    response = yield request
    if read_error(response).code not in MONEY_TAKEN:
        return _read_answer(response, command, known(command.order))
    order = yield from _look(command.order)
    recorded = order.paid_in_full or order.payment_pending
    return Applied(order=order, concerns=() if recorded else (ReviewReason.PAYMENT_NOT_RECORDED,))


def _update(command: UpdateOrder) -> Generator[WireRequest, WireResponse, Outcome]:
    request = requests.update(command)
    if request is None:
        return Applied(order=command.order, notices=requests.update_notices(command))
    return (yield from _one_call(request, command, requests.as_asked(command)))


def _return_goods(command: ReturnGoods) -> Generator[WireRequest, WireResponse, Outcome]:
    """Make the return, then read the order: Rapyd answers a return with the return alone."""
    response = yield requests.return_goods(command)
    if response.status != 200:
        return read_failure(response, command)
    try:
        made = responses.read_return(response.body)
    except responses.UnreadableAnswerError as error:
        return _unread(response, command, str(error))
    refunded = command.order.amount_refunded + made.amount
    order = yield from _look(msgspec.structs.replace(command.order, amount_refunded=refunded))
    return Applied(order=order, returned=made)


def _look(otherwise: ProviderOrder) -> Generator[WireRequest, WireResponse, ProviderOrder]:
    """Read an order after its write was applied; if that fails, the known facts are used."""
    try:
        response = yield requests.retrieve(otherwise.provider_order_id)
        return responses.read_order(response.body, known(otherwise))
    except (NoAnswer, responses.UnreadableAnswerError):
        return otherwise


def _list(command: ListOrders) -> Generator[WireRequest, WireResponse, Outcome]:
    cursor = read_cursor(command.cursor)
    response = yield requests.list_orders(command, cursor)
    if response.status != 200:
        return read_failure(response, command)
    try:
        orders = responses.read_list(response.body)
    except responses.UnreadableAnswerError as error:
        return _unread(response, command, str(error))
    return page(orders, cursor, has_more=len(orders) == command.limit)


def _unread(response: WireResponse, command: Command, why: str) -> NotApplied | Unknown:
    """Return the outcome of a 200 without an order: a refusal in an envelope, or an unreadable response."""
    failure = read_failure(response, command)
    if failure.provider is not None and failure.provider.code is not None:
        return failure
    return unreadable(
        f"Rapyd answered 200 with a body that is no order: {why}.",
        response,
        acts=not isinstance(command, Read),
    )


_PLANS: Mapping[type[Command], Callable[[Any], Plan]] = {
    ListOrders: _list,
    RetrieveOrder: lambda command: _one_call(
        requests.retrieve(command.provider_order_id), command, command.before and known(command.before)
    ),
    CreateOrder: lambda command: _one_call(requests.create(command), command, requests.as_ordered(command)),
    PayOrder: _pay,
    UpdateOrder: _update,
    FulfillOrder: lambda command: _one_call(requests.fulfill(command), command, known(command.order)),
    ConfirmPayment: lambda command: _one_call(requests.confirm(command), command, known(command.order)),
    ReturnGoods: _return_goods,
}
"""How each command is carried out."""
