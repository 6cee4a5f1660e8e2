"""Searches a provider's list of orders for the order of a create.

The search is a generator like a plan: it yields requests and gets their responses.
"""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ordergate.domain.outcome import Applied, NotApplied, NotFound, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import Baseline
from ordergate.spi.paging import Cursor
from ordergate.spi.proof import unread
from ordergate.spi.wire import WireRequest, WireResponse

PAGE_SIZE = 100
MAX_PAGES = 200
"""Pages in one direction after which a search gives up: 20 000 orders since the write belong before a person."""
LOOK_BACK = timedelta(hours=24)
"""How long before the write a search without a known order starts: the provider's clock may differ."""


class ListedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """One page in the provider's order; `has_more` means that rows may follow in this direction."""

    orders: tuple[ProviderOrder, ...]
    has_more: bool


AskPage = Callable[[Cursor | None], WireRequest]
"""Builds the request for the page at a cursor; for the first page, None."""
ReadPage = Callable[[WireResponse], ListedOrders | NotApplied | Unknown]
"""Reads a page, or the meaning of its failure; ``provider_rejected`` may mean an unknown cursor."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """The searched order, and the way to read this provider's list."""

    operation: str
    ask: AskPage
    read: ReadPage


class _Way(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one direction.

    Attributes:
        found: The order with the operation's mark.
        failure: Why the direction was not walked to its end.
        refused: The provider does not know the cursor that it began with.
        empty: There was no row at all.
        past: It led to orders older than those that matter.
    """

    found: ProviderOrder | None = None
    failure: Unknown | None = None
    refused: bool = False
    empty: bool = False
    past: bool = False


_Walk = Generator[WireRequest, WireResponse, _Way]


def find_created(
    search: Search, baseline: Baseline
) -> Generator[WireRequest, WireResponse, Applied | NotFound | Unknown]:
    """Search for the order with the operation's mark.

    Providers do not document the sort order of their lists. So the search goes in both directions from the newest order
    before the write: one direction contains every newer order, the other one soon the past.
    """
    if baseline.newest_order is not None:
        outcome = yield from _around(search, baseline.newest_order, baseline)
        if outcome is not None:
            return outcome
    way = yield from _walk(search, "after", None, baseline.recorded_at - LOOK_BACK)
    return _conclusion(way) or NotFound()


def _around(
    search: Search, newest: str, baseline: Baseline
) -> Generator[WireRequest, WireResponse, Applied | NotFound | Unknown | None]:
    """Search in both directions from an order; None if its id is no valid cursor."""
    horizon = baseline.newest_created_at or baseline.recorded_at - LOOK_BACK
    ways: list[_Way] = []
    directions: tuple[Literal["after", "before"], ...] = ("after", "before")
    for direction in directions:
        way = yield from _walk(search, direction, newest, horizon)
        if way.refused:
            return None
        outcome = _conclusion(way)
        if outcome is not None:
            return outcome
        ways.append(way)
    # A provider may answer an unknown cursor with an empty page, or ignore it. Then neither direction has rows, or both
    # lead into the past, and neither proves anything about the newer orders.
    astray = all(way.empty for way in ways) or all(way.past for way in ways)
    return None if astray else NotFound()


def _conclusion(way: _Way) -> Applied | Unknown | None:
    return Applied(order=way.found) if way.found is not None else way.failure


def _walk(
    search: Search, direction: Literal["after", "before"], begin: str | None, horizon: datetime
) -> _Walk:
    """Follow one direction to its end, from an order or from the beginning of the list.

    Args:
        search: The search.
        direction: Of the cursors.
        begin: The order to begin at; None for the beginning of the list.
        horizon: Orders created before this do not matter.
    """
    cursor = Cursor(direction, begin) if begin is not None else None
    seen: set[str] = set()
    # Only the far end of a direction shows that it leads into the past: a list that starts with the oldest order is old
    # at first and must be read further.
    origin = horizon if begin is not None else None
    for _ in range(MAX_PAGES):
        page = search.read((yield search.ask(cursor)))
        if not isinstance(page, ListedOrders):
            refused = isinstance(page, NotApplied) and page.code == "provider_rejected"
            return _Way(failure=unread(page), refused=refused and begin is not None and not seen)
        found = next((order for order in page.orders if _is_ours(order, search.operation)), None)
        if found is not None or not page.orders:
            return _Way(found=found, empty=found is None and not seen)
        far = page.orders[-1] if direction == "after" else page.orders[0]
        origin = origin or page.orders[0].created_at
        if far.created_at < min(horizon, origin):
            return _Way(past=True)
        if not page.has_more:
            return _Way()
        ids = {order.provider_order_id for order in page.orders}
        if ids <= seen:
            # This is not the end: a list that ignores its own cursors has not been read completely.
            return _Way(failure=Unknown(reason="The provider's list of orders answers the same page again."))
        seen |= ids
        cursor = Cursor(direction, far.provider_order_id)
    return _Way(failure=Unknown(reason="There are too many orders since the write to search."))


def _is_ours(order: ProviderOrder, operation: str) -> bool:
    return bool(order.marked_operation == operation)
