"""The emulator itself: from a request through authentication, limits and idempotency to an operation."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ordergate.spi.emulator import (
    DeliveryAttempt,
    DeliveryRules,
    EmulatedRequest,
    EmulatedResponse,
    EmulatorDescription,
    WebhookEvent,
)
from ordergate.spi.emulator_toolkit.catalogs import catalog_values
from ordergate.spi.emulator_toolkit.responses import json_response, with_default_headers
from ordergate.spi.emulator_toolkit.switches import change_switches, switch_values

from . import controls, errors, webhooks
from .account import Account
from .calls import Call, Cause
from .cancellation import cancel_expired
from .catalog import parse_catalog
from .errors import ApiError
from .forms import order_form, payment_form
from .idempotency import IdempotencyKeys, stored_by_status
from .limits import RateLimit, too_many_requests
from .payments import settle_due
from .routes import BASE_PATH, Route, object_id, require_scope, route_of, segments

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class RevKeenEmulator:
    """RevKeen's v2 Orders API, version 2026-05-01, as a pure state machine.

    It implements `ordergate.spi.emulator.ProviderEmulator`. Each point that RevKeen's documentation leaves open is a
    switch (see `Switches`).

    Attributes:
        seed: Decides every key, secret and id.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._account = Account(seed)
        self._description = _describe(self._account)
        self._idempotency = IdempotencyKeys()
        self._limit = RateLimit()

    def describe(self) -> EmulatorDescription:
        """Return the data for a client: the sandbox key and the catalog's first entries."""
        return self._description

    def handle(self, request: EmulatedRequest, now: float) -> EmulatedResponse:
        """Act on one request and answer as RevKeen would; every answer echoes `RevKeen-Version`."""
        self.advance(now)
        cause = Cause(
            now=now,
            request_id=self._request_id(),
            idempotency_key=request.headers.get("idempotency-key"),
        )
        call = Call(request=request, cause=cause)
        try:
            response = self._answer(call)
        except ApiError as error:
            response = self._refusal(error, call)
        return self._stamped(response, call)

    def advance(self, now: float) -> None:
        """Close due payments, cancel expired orders, delete keys after 24 hours."""
        settle_due(self._account, now)
        cancel_expired(self._account, now)
        self._idempotency.discard_expired(now)

    def rate_limited(self, now: float) -> EmulatedResponse:
        """Return RevKeen's 429 (CLI contract), asking for `forced_retry_after` seconds."""
        switches = self._account.switches
        return self._forced(too_many_requests(switches, now, switches.forced_retry_after))

    def failure(self, status: int, now: float) -> EmulatedResponse:
        """Return an error of any status in RevKeen's envelope."""
        if status == 429:
            return self.rate_limited(now)
        if status == 401:
            return self._forced(errors.unauthorized(self._account.switches))
        return self._forced(ApiError(status))

    def state(self) -> dict[str, Any]:
        """Return all orders and payments, oldest first; RevKeen's Orders API knows no returns."""
        account = self._account
        return {
            "orders": [order_form(order, account.switches) for order in account.orders.values()],
            "payments": [payment_form(payment, account.switches) for payment in account.payments.values()],
            "returns": [],
        }

    def reset(self) -> None:
        """Reset to the seed: no orders, the first catalog, default switches."""
        self._account = Account(self.seed)
        self._idempotency = IdempotencyKeys()
        self._limit = RateLimit()

    def act(self, order_id: str, action: str, amount: int | None, now: float) -> dict[str, Any]:
        """Perform an action at RevKeen, and return the order.

        Raises:
            UnknownOrderError: There is no such order.
            InvalidControlError: The action is unknown, or impossible in the order's state.
        """
        self.advance(now)
        return controls.act(self._account, order_id, action, amount, now)

    def catalog(self) -> dict[str, Any]:
        """Return the customers, products and means of payment, each with what it does."""
        return catalog_values(self._account.catalog)

    def replace_catalog(self, catalog: bytes) -> None:
        """Replace the catalog by a JSON document of the form that `catalog` returns.

        Raises:
            InvalidControlError: It is not a catalog.
        """
        self._account.catalog = parse_catalog(catalog)

    def switches(self) -> dict[str, Any]:
        """Return every switch with its present value, as JSON would hold it."""
        return switch_values(self._account.switches)

    def set_switches(self, switches: Mapping[str, Any]) -> None:
        """Change the named switches; the others keep their values.

        Raises:
            InvalidControlError: A name is unknown or a value impossible; nothing has changed.
        """
        self._account.switches = change_switches(self._account.switches, switches)

    def keep_events(self, *, wanted: bool) -> None:
        """Say whether events are kept to be delivered; `GET /events` lists them either way."""
        self._account.pending_events.wanted = wanted

    def take_events(self) -> Sequence[WebhookEvent]:
        """Return the events kept since the last call; `GET /events` lists them under the same ids."""
        return webhooks.take_events(self._account)

    def delivery_rules(self) -> DeliveryRules:
        """Return RevKeen's time-out and retries (Retry behavior)."""
        return webhooks.rules(self._account)

    def sign_delivery(self, event: WebhookEvent, attempt: DeliveryAttempt) -> Mapping[str, str]:
        """Return the headers of one attempt (Webhooks guide)."""
        return webhooks.headers(self._account, event, attempt)

    def _answer(self, call: Call) -> EmulatedResponse:
        """Check the key, the version and the rate, then the stored response, then run the operation (inferred)."""
        path = segments(call.request.path)
        if path is None:
            raise errors.not_found("endpoint")
        refusal = self._admission(call)
        switches = self._account.switches
        if refusal is not None and not stored_by_status(refusal.status, switches):
            raise refusal
        return self._idempotency.answer(call, switches, lambda: self._work(path, call, refusal))

    def _admission(self, call: Call) -> ApiError | None:
        switches = self._account.switches
        expired = switches.api_key_status == "expired"
        known = call.request.headers.get("x-api-key") == self._account.key
        if not known or switches.api_key_status != "active":
            return errors.unauthorized(switches, expired=known and expired)
        if switches.unknown_version == "refuse" and self._asked_version(call) != switches.pinned_version:
            return errors.invalid("Unknown RevKeen-Version")
        return self._limit.take(switches, call.now)

    def _work(
        self, path: tuple[str, ...], call: Call, refusal: ApiError | None
    ) -> tuple[EmulatedResponse, bool]:
        """Run the operation; return its answer and whether an idempotency key may keep it."""
        route: Route | None = None
        try:
            if refusal is not None:
                raise refusal
            route = route_of(call.request.method, path, self._account.switches)
            response, storable = self._operate(route, path, call), True
        except ApiError as error:
            response = self._refusal(error, call, route.error_shape if route else None)
            storable = error.stored and stored_by_status(error.status, self._account.switches)
        return self._versioned(response, call), storable

    def _operate(self, route: Route, path: tuple[str, ...], call: Call) -> EmulatedResponse:
        require_scope(route, self._account.switches)
        found_id = object_id(route, path, self._account.switches)
        reply = route.handler(self._account, msgspec.structs.replace(call, id=found_id))
        return json_response(reply.body, reply.status)

    def _refusal(self, error: ApiError, call: Call, shape: str | None = None) -> EmulatedResponse:
        assert call.cause.request_id is not None, "every request has an id"
        return errors.response(error, self._account.switches, call.cause.request_id, shape)

    def _forced(self, error: ApiError) -> EmulatedResponse:
        response = errors.response(error, self._account.switches, self._request_id())
        return with_default_headers(response, {"RevKeen-Version": self._account.switches.pinned_version})

    def _stamped(self, response: EmulatedResponse, call: Call) -> EmulatedResponse:
        """Add the version, and the rate if it is always sent; a replay keeps its stored headers."""
        response = self._versioned(response, call)
        switches = self._account.switches
        if switches.rate_limits and switches.rate_limit_headers == "always":
            response = with_default_headers(response, self._limit.headers(switches, call.now))
        return response

    def _versioned(self, response: EmulatedResponse, call: Call) -> EmulatedResponse:
        return with_default_headers(response, {"RevKeen-Version": self._effective_version(call)})

    def _effective_version(self, call: Call) -> str:
        switches, asked = self._account.switches, self._asked_version(call)
        echoed = switches.unknown_version == "echo" and _DATE.match(asked)
        return asked if echoed else switches.pinned_version

    def _asked_version(self, call: Call) -> str:
        return call.request.headers.get("revkeen-version", self._account.switches.pinned_version)

    def _request_id(self) -> str:
        return self._account.identifiers.prefixed("req_")


def _describe(account: Account) -> EmulatorDescription:
    return EmulatorDescription(
        base_path=BASE_PATH,
        credentials={"api_key": account.key},
        webhook_secret=account.webhook_secret,
        customer=account.catalog.customers[0].id,
        products=[product.id for product in account.catalog.products],
        payment_methods=[method.id for method in account.catalog.payment_methods],
    )
