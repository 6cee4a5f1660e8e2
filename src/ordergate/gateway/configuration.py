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
        idempotency_wait: Seconds that a call waits for its operation to settle, be it the first or a repeat.
        closed_settling: Seconds after a connection that the provider's side ended until nothing of the request
            can still be applied.
        person_after: Operations of unknown outcome that are older wait for a person.
        key_requests_per_minute: How many requests one key may make of this process; 0 for any number.
        late_look: How long after an operation was taken for not applied a late trace of it is looked for.
    """

    hash: str
    accounts: Mapping[str, Account]
    default_route: tuple[str, ...]
    retention: timedelta = timedelta(days=7)
    idempotency_wait: float = 5.0
    key_requests_per_minute: int = 0
    closed_settling: float = 10.0
    person_after: timedelta = timedelta(days=1)
    late_look: timedelta = timedelta(minutes=15)
