"""Pages between two cursors."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """One page, in the order of the list.

    Attributes:
        rows: The rows of the page.
        has_more: True if further rows follow in the direction of the page.
    """

    rows: Sequence[Row]
    has_more: bool


def cut_page(
    rows: Sequence[Row],
    *,
    after: int | None,
    before: int | None,
    limit: int,
    matches: Callable[[Row], bool] = lambda _: True,
) -> Page[Row]:
    """Return the page after one row and before another.

    With `before` alone, the page is the last `limit` rows before it; otherwise the first `limit` rows.

    Args:
        rows: All rows, in the order of the list.
        after: The index of the row before the page; None starts at the first row.
        before: The index of the row after the page; None ends at the last row.
        limit: The largest number of rows, at least 1.
        matches: The filter. The rows of the cursors themselves need not match it.
    """
    between = rows[0 if after is None else after + 1 : before]
    found = [row for row in between if matches(row)]
    backwards = after is None and before is not None
    return Page(found[-limit:] if backwards else found[:limit], has_more=len(found) > limit)
