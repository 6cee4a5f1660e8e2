"""The emulator: it authenticates a request, runs its operation and writes the response envelope."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from ordergate.spi.emulator import (
    DeliveryAttempt,
    DeliveryRules,
    EmulatedRequest,
    EmulatedResponse,
    EmulatorDescription,
    InvalidControlError,
    UnknownOrderError,
    WebhookEvent,
)
from ordergate.spi.emulator_toolkit.catalogs import catalog_values
from ordergate.spi.emulator_toolkit.switches import change_switches, switch_values
from ordergate_rapyd.emulator import controls, errors, routes, settlement, views, webhooks
from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.catalog import Index, read_catalog
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.firewall import BLOCKED, Firewall
from ordergate_rapyd.emulator.idempotency import IdempotencyKeys
from ordergate_rapyd.emulator.identifiers import Identifiers
from ordergate_rapyd.emulator.javascript import JsonObject, stringify
from ordergate_rapyd.emulator.signature import Credentials, Gate
from ordergate_rapyd.emulator.stock import stock_catalog

_HEADERS = {"content-type": "application/json; charset=utf-8"}
_FAILURES = {400: "MISSING_INVALID_PARAMETERS", 401: "UNAUTHENTICATED_API_CALL"}


class RapydEmulator:
    """One Rapyd sandbox account, from its first order on.

    Equal seeds, requests and times give equal answers, ids included; a reset leads back to the very start.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Forget everything; catalog, switches and the sequence of ids start again."""
        ids = Identifiers(self._seed)
        self._credentials = Credentials(
            access_key=f"AKTEST{ids.hexadecimal(14).upper()}", secret_key=f"sk_test_{ids.hexadecimal(64)}"
        )
        catalog = stock_catalog(ids)
        self._account = Account(
            ids=ids,
            webhook_ids=Identifiers(f"webhooks {self._seed}"),
            catalog=Index(catalog),
            ewallet=ids.object_id("ewallet"),
        )
        self._gate = Gate(self._credentials)
        self._idempotency = IdempotencyKeys()
        self._firewall = Firewall()
        self._description = EmulatorDescription(
            base_path="",
            credentials=msgspec.structs.asdict(self._credentials),
            webhook_secret=None,
            customer=catalog.customers[0].id,
            products=[sku.id for sku in catalog.skus if not sku.shippable],
            payment_methods=[method.id for method in catalog.payment_methods],
        )

    def describe(self) -> EmulatorDescription:
        """Return the settings that a client needs; constant for one seed."""
        return self._description

    def handle(self, request: EmulatedRequest, now: float) -> EmulatedResponse:
        """Act on one request, and answer as Rapyd would."""
        if self._account.switches.rate_limits and self._firewall.blocks(now):
            return BLOCKED
        self.advance(now)
        try:
            return self._admitted(request, now)
        except RefusedError as refused:
            return self._refused(refused, self._account.ids.uuid())

    def advance(self, now: float) -> None:
        """Close, fail and expire the payments that are due."""
        settlement.settle(self._account, now)

    def rate_limited(self, now: float) -> EmulatedResponse:  # noqa: ARG002 - the firewall's page contains no time
        """Return the firewall's answer: HTML, not an envelope."""
        return BLOCKED

    def failure(self, status: int, now: float) -> EmulatedResponse:
        """Return an envelope with this HTTP status; Rapyd documents no code for a status above 401."""
        if status == 429:
            return self.rate_limited(now)
        code = _FAILURES.get(status) or _status_name(status)
        return self._refused(RefusedError(code, status=status), self._account.ids.uuid())

    def state(self) -> dict[str, Any]:
        """Return all orders, payments and returns as Rapyd shows them, oldest first."""
        account = self._account
        return {
            "orders": [_plain(views.order(account, order)) for order in account.orders.values()],
            "payments": [_plain(views.payment(account, payment)) for payment in account.payments.values()],
            "returns": [
                _plain(views.order_return(account, order_return)) for order_return in account.returns.values()
            ],
        }

    def act(self, order_id: str, action: str, amount: int | None, now: float) -> dict[str, Any]:
        """Perform an action at Rapyd without its client, and return the order.

        Raises:
            UnknownOrderError: There is no such order.
            InvalidControlError: The action is unknown, or impossible in the order's state.
        """
        self.advance(now)
        order = self._account.orders.get(order_id)
        if order is None:
            raise UnknownOrderError(f"There is no order {order_id}.")
        controls.act(self._account, order, action, amount, int(now))
        return _plain(views.order(self._account, order))

    def catalog(self) -> dict[str, Any]:
        """Return the customers, SKUs, coupons and payment methods that exist."""
        return catalog_values(self._account.catalog.catalog)

    def replace_catalog(self, catalog: bytes) -> None:
        """Replace the catalog; orders and payments that exist stay as they are.

        Raises:
            InvalidControlError: The document is not a catalog.
        """
        self._account.catalog = Index(read_catalog(catalog))

    def switches(self) -> dict[str, Any]:
        """Return every switch with its present value."""
        return switch_values(self._account.switches)

    def set_switches(self, switches: Mapping[str, Any]) -> None:
        """Change the named switches; the changes apply from the next request.

        Raises:
            InvalidControlError: A name is unknown or a value impossible.
        """
        self._account.switches = change_switches(self._account.switches, switches)

    def keep_events(self, *, wanted: bool) -> None:
        """Set whether webhooks are written and kept; no other id depends on it."""
        self._account.pending_webhooks.wanted = wanted

    def take_events(self) -> Sequence[WebhookEvent]:
        """Return the webhooks kept since the last call, oldest first."""
        return self._account.pending_webhooks.take()

    def delivery_rules(self) -> DeliveryRules:
        """Return the time-out and retries that the switches make; Rapyd documents neither."""
        return webhooks.rules(self._account.switches)

    def sign_delivery(self, event: WebhookEvent, attempt: DeliveryAttempt) -> Mapping[str, str]:
        """Return the headers of one attempt, signed with the account's keys."""
        return webhooks.headers(self._credentials, self._account.switches, event, attempt)

    def _admitted(self, request: EmulatedRequest, now: float) -> EmulatedResponse:
        """Process an authentic request, at most once per idempotency value if the account honours it."""
        switches = self._account.switches
        body = self._gate.admit(request, now, switches)
        if recalled := self._idempotency.find_response(request, now, switches):
            return recalled
        operation_id = self._account.operation_id = self._account.ids.uuid()
        try:
            operation, object_id = routes.find(request)
            data = operation(self._account, routes.read_call(request, object_id, body, now))
            response = _respond(200, errors.success(data, operation_id))
        except RefusedError as refused:
            response = self._refused(refused, operation_id)
        finally:
            self._account.operation_id = ""
        self._idempotency.store(request, response, now, switches)
        return response

    def _refused(self, refused: RefusedError, operation_id: str) -> EmulatedResponse:
        presence = self._account.switches.operation_id_on_errors
        envelope = errors.failure(refused, operation_id, presence)
        return _respond(refused.status, envelope)


def _respond(status: int, envelope: JsonObject) -> EmulatedResponse:
    return EmulatedResponse(status=status, headers=_HEADERS, body=stringify(envelope).encode("utf-8"))


def _plain(shown: JsonObject) -> dict[str, Any]:
    """Return the object as plain JSON values."""
    plain: dict[str, Any] = json.loads(stringify(shown))
    return plain


def _status_name(status: int) -> str:
    try:
        return HTTPStatus(status).name
    except ValueError:
        raise InvalidControlError(f"{status} is no HTTP status.") from None
