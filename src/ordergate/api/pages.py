"""One page of a list of orders, as callers read it."""

import msgspec

from ordergate.domain.order import Order


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of orders, and whether there are more in the direction of travel."""

    data: list[Order]
    has_more: bool


class ProviderPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the provider's own list; cursors are opaque, null at an end."""

    data: list[Order]
    has_more: bool
    next_cursor: str | None
    previous_cursor: str | None
