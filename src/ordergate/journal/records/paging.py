"""Pages of lists: the wanted rows, and the rows of one page."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from ordergate.domain.mode import World

Row = TypeVar("Row")


class PageCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The start or the end of a page of a list; at most one is given."""

    starting_after: str | None = None
    ending_before: str | None = None


class PageQuery(PageCursor, frozen=True, kw_only=True):
    """The wanted rows of a list, newest first by id; each list adds its filters.

    Attributes:
        world: Test or live.
        merchant: Only rows of this merchant; None for all.
        limit: Most rows of the page.
    """

    world: World
    merchant: str | None = None
    limit: int = 20

    @property
    def backwards(self) -> bool:
        """True if the page ends before a row."""
        return self.ending_before is not None


def page_of(rows: Sequence[Row], query: PageQuery) -> tuple[Sequence[Row], bool]:
    """Return the rows of a page, and whether there are more in the direction of travel.

    Args:
        rows: Up to one row more than the limit; the extra row is the one farthest from the cursor.
        query: The query of the rows.
    """
    if len(rows) <= query.limit:
        return rows, False
    return (rows[-query.limit :] if query.backwards else rows[: query.limit]), True
