"""Looks through a provider's list of orders for the one that a create may have made.

The walk is a generator like any plan: what it asks is sent by the gateway, what it hears is given to it.
"""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ordergate.domain.outcome import Absent, Applied, NotApplied, Unknown
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder
from ordergate.spi.adapter import Baseline
from ordergate.spi.paging import Cursor
from ordergate.spi.proof import unread
from ordergate.spi.wire import WireRequest, WireResponse

PAGE_SIZE = 100
MAX_PAGES = 200
"""Pages in one direction after which a search gives up: 20 000 orders since the write belong before a person."""
LOOK_BACK = timedelta(hours=24)
"""How far before the write a search goes that has no order to begin at: the provider's clock may be another."""


class ListedOrders(msgspec.Struct, frozen=True, kw_only=True):
    """One page in the provider's order; `has_more` says that rows may follow in the direction of travel."""

    orders: tuple[ProviderOrder, ...]
    has_more: bool


AskPage = Callable[[Cursor | None], WireRequest]
"""Builds the request for the page at a cursor; for the first page, None."""
ReadPage = Callable[[WireResponse], ListedOrders | NotApplied | Unknown]
"""Reads a page, or what its failure means; ``provider_rejected`` may mean that the cursor is not known."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and how this provider's list is read."""

    operation: str
    ask: AskPage
    read: ReadPage


class _Way(msgspec.Struct, frozen=True, kw_only=True):
    """Where one direction led.

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
) -> Generator[WireRequest, WireResponse, Applied | Absent | Unknown]:
    """Look for the order that bears the operation's mark.

    Providers do not say how their lists are sorted, so the search walks both ways from the newest order that
    was known before the write: one leads to every newer order, the other soon into the past.
    """
    if baseline.newest_order is not None:
        outcome = yield from _around(search, baseline.newest_order, baseline)
        if outcome is not None:
            return outcome
    way = yield from _walk(search, "after", None, baseline.recorded_at - LOOK_BACK)
    return _conclusion(way) or Absent()


def _around(
    search: Search, newest: str, baseline: Baseline
) -> Generator[WireRequest, WireResponse, Applied | Absent | Unknown | None]:
    """Walk both ways from an order; None where its id turned out to be no place in the list."""
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
    # A provider may answer an unknown cursor with nothing, or as if it were not there: then neither direction
    # has rows, or both lead into the past, and neither may pass for a look at the newer orders.
    astray = all(way.empty for way in ways) or all(way.past for way in ways)
    return None if astray else Absent()


def _conclusion(way: _Way) -> Applied | Unknown | None:
    return Applied(order=way.found) if way.found is not None else way.failure


def _walk(
    search: Search, direction: Literal["after", "before"], begin: str | None, horizon: datetime
) -> _Walk:
    """Follow one direction to its end, from an order or from the beginning of the list.

    Args:
        search: What is looked for.
        direction: Of the cursors.
        begin: The order to begin at; None for the beginning of the list.
        horizon: Orders created before this do not matter.
    """
    cursor = Cursor(direction, begin) if begin is not None else None
    seen: set[str] = set()
    # Whether a way leads into the past is told by its far end alone: a list that begins with the oldest
    # order is old at first and still has to be walked.
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
            # Not its end: a list that does not heed its own cursors has not been looked through.
            return _Way(failure=Unknown(reason="The provider's list of orders answers the same page again."))
        seen |= ids
        cursor = Cursor(direction, far.provider_order_id)
    return _Way(failure=Unknown(reason="There are too many orders since the write to look through."))


def _is_ours(order: ProviderOrder, operation: str) -> bool:
    return bool(order.marks.get(OPERATION_MARK) == operation)
