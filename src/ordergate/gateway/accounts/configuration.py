"""The configuration of the use cases: accounts, routes, limits. It is immutable; a reload replaces it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from ordergate.domain.draft import BillingType, CurrencyCode, MetadataKey, MetadataValue
from ordergate.domain.money import MAX_AMOUNT
from ordergate.domain.special_networks import Network
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.egress import Egress
from ordergate.journal.records.provider_events import Debounce

T = TypeVar("T")

_OneOf = Annotated[
    list[T],
    Meta(min_length=1, description="An empty list never matches; leave the key out to match every value."),
]
_Total = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]


class ConfigurationError(Exception):
    """The configuration is wrong; `lines` are sentences, each with file and line."""

    def __init__(self, lines: list[str]) -> None:
        """Keep every sentence."""
        super().__init__("\n".join(lines))
        self.lines = lines


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The conditions of a rule. All given ones must be true.

    Attributes:
        merchant: One of these.
        currency: One of these ISO 4217 codes.
        country: The shipping address is in one of these, ISO 3166-1 alpha-2.
        billing_type: ``one_time`` or ``recurring``.
        total_gte: The lines add up to this at least, in minor units of the order's currency.
        total_lte: And to this at most.
        metadata: By key, one of these values.
        weight: The percentage of the matching orders that the rule takes. It is drawn from the order's reference or its
            Idempotency-Key, so that a retry takes the same route.
    """

    merchant: _OneOf[Annotated[str, Meta(min_length=1)]] | None = None
    currency: _OneOf[CurrencyCode] | None = None
    country: _OneOf[Annotated[str, Meta(pattern="^[A-Z]{2}(?!\\n)$")]] | None = None
    billing_type: _OneOf[BillingType] | None = None
    total_gte: _Total | None = None
    total_lte: _Total | None = None
    metadata: dict[MetadataKey, _OneOf[MetadataValue]] | None = None
    weight: Annotated[int, Meta(ge=0, le=100)] | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts for the orders that match the conditions, in order of preference."""

    name: str
    when: When
    use: tuple[str, ...]


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """How events are delivered to merchants.

    Attributes:
        networks: May be reached although they are not public.
        retries: Seconds before each further try.
        at_once: Deliveries on their way to one endpoint at the same time, from this process.
        egress: How they leave this host.
    """

    networks: tuple[Network, ...] = ()
    retries: tuple[float, ...] = (5, 30, 120, 600, 1_800, 7_200, 18_000, 43_200, 86_400, 86_400)
    at_once: int = 8
    egress: Egress = Egress()


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """How orders are kept up to date with their providers.

    Attributes:
        pace: How soon an order is read again that an event concerns.
        poll_seconds: Seconds between two polls of an account; 0 for none. An account may have its own value.
        poll_orders: Maximum of orders that a poll reads again at a provider without an event feed.
    """

    pace: Debounce = Debounce(settle=0.5, every=2.0)
    poll_seconds: float = 60.0
    poll_orders: int = 20


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration in force.

    Attributes:
        hash: Of its content; the same content has the same hash.
        accounts: By name.
        default_route: Names of accounts, in order of preference, for orders that match no rule.
        shadow: Names of accounts that new orders are translated for, too, without being sent there.
        rules: The first matching rule decides.
        retention: How long keys and references are remembered.
        idempotency_wait: Seconds that a call waits for its operation to settle, be it the first or a repeat.
        closed_settling: Seconds after a connection that the provider's side ended until nothing of the request
            can still be applied.
        person_after: Operations of unknown outcome that are older wait for a person.
        key_requests_per_minute: How many requests one key may make of this process; 0 for any number.
        late_look: Time from "not applied" to the delayed probe.
        webhooks: How events are delivered to merchants.
        inbound: How orders are kept up to date with their providers.
        source: The file that it was read from.
        loaded_at: Time of the last load; None if the configuration does not come from a file.
        document: Its content, with references in place of secrets.
        fixed: Settings that need a restart, by their place in the file.
    """

    hash: str
    accounts: Mapping[str, Account]
    default_route: tuple[str, ...]
    shadow: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    retention: timedelta = timedelta(days=7)
    idempotency_wait: float = 5.0
    key_requests_per_minute: int = 0
    closed_settling: float = 10.0
    person_after: timedelta = timedelta(days=1)
    late_look: timedelta = timedelta(minutes=15)
    webhooks: Webhooks = Webhooks()
    inbound: Inbound = Inbound()
    source: str = ""
    loaded_at: datetime | None = None
    document: Mapping[str, Any] = {}
    fixed: Mapping[str, Any] = {}
