"""What the use cases need to know of the configuration: accounts, routes, limits. Immutable: a change swaps it."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from ordergate.gateway.account import Account


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration in force.

    Attributes:
        hash: Of its content; the same content has the same hash.
        accounts: By name.
        default_route: Names of accounts, in order of preference.
        retention: How long keys and references are remembered.
        idempotency_wait: Seconds that a repeated key waits for the first to settle.
    """

    hash: str
    accounts: Mapping[str, Account]
    default_route: tuple[str, ...]
    retention: timedelta = timedelta(days=7)
    idempotency_wait: float = 5.0
