"""The declared capabilities of a provider. Everything else is refused before any I/O."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from ordergate.domain.account import Support
from ordergate.domain.lifecycle import OperationKind


class RateLimit(msgspec.Struct, frozen=True):
    """So many requests in so many seconds, at any moment."""

    requests: int
    seconds: int


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs between providers and that a caller could trip over.

    Attributes:
        operations: Absent means no.
        list_filters: The fields of ``ListFilters`` that the provider's own list understands.
        partial_pay: An amount below the amount due can be paid.
        fulfill_lines: Part of the lines can be fulfilled.
        links_required: Kinds of links without which the provider cannot name the thing at all.
        event_feed: The provider has an event feed, which ``ListEvents`` reads. Without one, a poll reads the orders
            again after lost webhooks.
        rate_limits: By environment, how fast an account may be called, as the provider documents it.
        settling_seconds: Seconds after the send in which an unanswered request may still be accepted.
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
        """Return the support of an operation."""
        return self.operations.get(operation, Support("no"))
