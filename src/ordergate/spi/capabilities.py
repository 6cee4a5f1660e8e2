"""What an adapter declares that its provider can do. What is not declared is refused before any I/O."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from ordergate.domain.lifecycle import OperationKind

Level = Literal["yes", "partly", "gateway", "no"]


class Support(msgspec.Struct, frozen=True):
    """How far one operation goes.

    Attributes:
        level: ``gateway`` where the provider cannot and the gateway does it itself.
        detail: The restriction, or what would work instead; one sentence.
    """

    level: Level
    detail: str = ""


class RateLimit(msgspec.Struct, frozen=True):
    """So many requests in so many seconds, at any moment."""

    requests: int
    seconds: int


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs between providers and that a caller could trip over.

    Attributes:
        operations: Absent means no.
        list_filters: The fields of ``ListFilters`` that the provider's own list understands.
        partial_pay: An amount below what is due can be paid.
        fulfill_lines: Part of the lines can be fulfilled.
        links_required: Kinds of links without which the provider cannot name the thing at all.
        event_feed: The provider keeps what happened, and ``ListEvents`` reads it. Where not, reading the orders again
            finds what a lost webhook would have told.
        rate_limits: By environment, how fast an account may be called, as the provider documents it.
        settling_seconds: How long after it was sent a request that nobody answered may still be accepted.
    """

    operations: Mapping[OperationKind, Support]
    list_filters: frozenset[str]
    partial_pay: bool
    fulfill_lines: bool
    links_required: frozenset[Literal["customers", "products", "payment_methods"]]
    event_feed: bool = False
    rate_limits: Mapping[Literal["emulator", "sandbox", "production"], tuple[RateLimit, ...]] = {}
    settling_seconds: float = 55.0

    def support(self, operation: OperationKind) -> Support:
        """Return how far an operation goes."""
        return self.operations.get(operation, Support("no"))
