"""The interface of an emulator: a provider's behaviour without sockets, threads or a clock of its own.

An emulator is a state machine over requests. The server in ``ordergate.emulation`` owns the socket, the clock, the
faults and the control plane. The emulator gets the time and returns the provider's responses.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class EmulatedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived.

    Attributes:
        method: Upper case.
        path: The raw path as sent, still percent-encoded, without the query.
        query: The raw query string without ``?``; empty when there was none.
        headers: Names in lower case; of repeated headers the last value.
        body: The bytes of the body; empty when there was none.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class EmulatedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, complete: the server adds only ``Content-Length`` and ``Date``."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class EmulatorDescription(msgspec.Struct, frozen=True, kw_only=True):
    """The data that a client needs to use a running emulator.

    Attributes:
        base_path: Appended to ``http://host:port`` to form the account's ``base_url``; ``""`` or ``"/v2"``.
        credentials: The keys and values that the adapter's account configuration wants.
        webhook_secret: The key for the signatures of webhooks; null if the credentials sign them.
        customer: A customer with an email and a default card that pays without further action.
        products: Values for product links: ids that exist in the catalog from the start.
        payment_methods: Ids that exist from the start; the first is the default card of `customer`.
    """

    base_path: str
    credentials: Mapping[str, str]
    webhook_secret: str | None
    customer: str
    products: Sequence[str]
    payment_methods: Sequence[str]


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook event of a provider. Each attempt to deliver it is the same.

    Attributes:
        id: The provider's id of the event.
        type: The provider's name of the event.
        order_id: The provider's id of the order that it happened to.
        body: As it is posted, in the provider's own form.
    """

    id: str
    type: str
    order_id: str
    body: bytes


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver an event.

    Attributes:
        number: 1 for the first.
        url: The URL, exactly as configured.
        signed_at: Unix time in seconds.
        first_signed_at: The same of the first attempt, for a provider that signs an event only once.
        secrets: The keys to sign with, each separately; none for the emulator's own key. Only an emulator that
            describes a `webhook_secret` gets any.
    """

    number: int
    url: str
    signed_at: float
    first_signed_at: float
    secrets: Sequence[str] = ()


class DeliveryRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider delivers its events.

    Attributes:
        timeout: Seconds until an attempt counts as failed.
        waits: Seconds between each failed attempt and the next; after the last one the event is given up.
        delivered: The lowest and the highest HTTP status of a successful delivery.
    """

    timeout: float
    waits: Sequence[float]
    delivered: tuple[int, int] = (200, 299)


class UnknownOrderError(LookupError):
    """The control plane named an order that does not exist here."""


class InvalidControlError(ValueError):
    """An invalid call of the control plane; the message gives the reason."""


class ProviderEmulator(Protocol):
    """A provider's behaviour as a pure state machine.

    Every method takes ``now``: Unix time in seconds, already shifted by the control plane's offset. An
    instance is used by one task at a time. It is built from a seed, and equal seeds, requests and times give
    equal answers, ids included.
    """

    def describe(self) -> EmulatorDescription:
        """Return the data for a client; it is constant for a seed."""
        ...

    def handle(self, request: EmulatedRequest, now: float) -> EmulatedResponse:
        """Act on one request to one of the provider's own paths, and answer as the provider would."""
        ...

    def advance(self, now: float) -> None:
        """Perform everything that is due: payments close, keys expire. It is called before each request, and often."""
        ...

    def rate_limited(self, now: float) -> EmulatedResponse:
        """Return the provider's own 429 answer, for a fault rule."""
        ...

    def failure(self, status: int, now: float) -> EmulatedResponse:
        """Return an error answer with this HTTP status in the provider's own form, for a fault rule."""
        ...

    def state(self) -> dict[str, Any]:
        """Return ``{"orders": [...], "payments": [...], "returns": [...]}`` in the provider's own form."""
        ...

    def reset(self) -> None:
        """Forget everything; the catalog and the switches return to their defaults."""
        ...

    def act(self, order_id: str, action: str, amount: int | None, now: float) -> dict[str, Any]:
        """Perform an action of the shopper, the bank or the provider, and return the order.

        Args:
            order_id: The provider's id of the order.
            action: ``3ds_ok``, ``3ds_fail``, ``payment_closed``, ``refund`` or ``dashboard_cancel``.
            amount: Minor units, for a refund; the whole when None.
            now: Unix time in seconds.

        Raises:
            UnknownOrderError: There is no such order.
            InvalidControlError: The action is unknown, or impossible in the order's state.
        """
        ...

    def catalog(self) -> dict[str, Any]:
        """Return the customers, products and payment methods that exist."""
        ...

    def replace_catalog(self, catalog: bytes) -> None:
        """Replace the catalog by this JSON document.

        Raises:
            InvalidControlError: The document is not a catalog.
        """
        ...

    def switches(self) -> dict[str, Any]:
        """Return every switch with its present value."""
        ...

    def set_switches(self, switches: Mapping[str, Any]) -> None:
        """Change the named switches.

        Raises:
            InvalidControlError: A name is unknown or a value impossible.
        """
        ...

    def keep_events(self, *, wanted: bool) -> None:
        """Set whether events are stored for `take_events`. Initially, and after a reset, they are not."""
        ...

    def take_events(self) -> Sequence[WebhookEvent]:
        """Return the events kept since the last call, oldest first."""
        ...

    def delivery_rules(self) -> DeliveryRules:
        """Return how the provider delivers its events at present."""
        ...

    def sign_delivery(self, event: WebhookEvent, attempt: DeliveryAttempt) -> Mapping[str, str]:
        """Return the headers of one attempt, the signature among them; equal attempts have equal headers."""
        ...
