"""One configured account at a provider, ready to be used."""

from typing import Any

import msgspec

from ordergate.domain.account import Accept, Environment
from ordergate.domain.fees import Fees
from ordergate.domain.mode import World
from ordergate.gateway.accounts.egress import Egress
from ordergate.spi.adapter import Adapter
from ordergate.spi.capabilities import RateLimit


class Trips(msgspec.Struct, frozen=True, kw_only=True):
    """When a circuit breaker opens: after so many failures in a row, for so many seconds."""

    after: int = 5
    seconds: float = 10.0


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a provider.

    Attributes:
        name: As configuration names it: ``main-eu``.
        adapter: The adapter of the provider.
        base_url: Base URL of the provider's API, without a slash at the end.
        settings: The adapter's own settings, of its ``settings_type``.
        accept: ``existing`` takes no new orders, ``none`` nothing at all.
        merchants: Who may use it; None for everybody.
        connect_timeout: Seconds to make a connection.
        read_timeout: Seconds to wait for each part of a response.
        total_timeout: Seconds for one attempt, all in all.
        settling_time: Seconds after the send in which an unanswered request may still arrive; None for the adapter's
            value.
        max_in_flight: Calls on their way at the same time, from one process.
        requests_per_minute: Limit for all processes together; None for the provider's documented limit, 0 for no limit.
        fees: The provider's fees for an order, for comparisons; None if they are not configured.
        poll_seconds: Seconds between two polls; None for the general value, 0 for no polls.
        trace_context: Traced requests send their trace to the provider (W3C ``traceparent``).
        trips: When calls are kept back because the provider is down.
        egress: How connections to the provider leave this host.
    """

    name: str
    adapter: Adapter
    environment: Environment
    base_url: str
    settings: Any
    accept: Accept = "all"
    merchants: frozenset[str] | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 45.0
    settling_time: float | None = None
    max_in_flight: int = 50
    requests_per_minute: int | None = None
    poll_seconds: float | None = None
    trace_context: bool = False
    trips: Trips = Trips()
    fees: Fees | None = None
    egress: Egress = Egress()

    @property
    def place(self) -> tuple[str, str, str]:
        """The address of the account and how to connect.

        Limits and breakers belong to it, not to the account's name.
        """
        return self.name, self.base_url, self.egress.fingerprint

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        """How fast it may be called: as configured, else as its provider documents; an emulator has no limit."""
        if self.requests_per_minute is not None:
            return (RateLimit(self.requests_per_minute, 60),) if self.requests_per_minute else ()
        return self.adapter.capabilities.rate_limits.get(self.environment, ())

    @property
    def settling(self) -> float:
        """Seconds after sending until an unanswered request can no longer be accepted by the provider."""
        return (
            self.adapter.capabilities.settling_seconds if self.settling_time is None else self.settling_time
        )

    @property
    def world(self) -> World:
        """Which keys reach it."""
        return "live" if self.environment == "production" else "test"

    def open_to(self, merchant: str | None, world: World) -> bool:
        """Return whether this merchant's keys of this world may use the account; None is an operator."""
        return self.world == world and (merchant is None or self.serves(merchant))

    def serves(self, merchant: str) -> bool:
        """Whether it is among this merchant's accounts, in whichever world."""
        return self.merchants is None or merchant in self.merchants


def is_account_name(text: str) -> bool:
    """Return whether a name is allowed for an account: it appears in headers, in URLs and in names of variables."""
    return text.isascii() and text.replace("-", "").replace("_", "").isalnum()
