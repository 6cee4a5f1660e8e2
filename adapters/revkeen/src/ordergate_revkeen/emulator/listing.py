"""Query parameters and cursor paging: newest first, `starting_after` and `ending_before` an object's id."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar
from urllib.parse import parse_qsl

from ordergate.spi.emulator_toolkit.paging import Page, cut_page

from .account import Event, Order
from .errors import invalid
from .identifiers import is_uuid
from .switches import Switches

MAX_LIMIT = 100
PAGING = ("limit", "starting_after", "ending_before")

_NUMBER = re.compile(r"^-?\d{1,15}(\.\d{1,9})?\Z", re.ASCII)
_LIMIT = re.compile(r"^\d{1,9}\Z", re.ASCII)

T = TypeVar("T", Order, Event)


class Query:
    """The query parameters of a list.

    Raises:
        ApiError: 400, naming the parameter: unknown, repeated, or of the wrong form.
    """

    def __init__(self, raw: str, known: Collection[str], switches: Switches) -> None:
        self._switches = switches
        self._values: dict[str, str] = {}
        for name, value in parse_qsl(raw.encode(errors="replace").decode(), keep_blank_values=True):
            if name in self._values:
                raise invalid("Expected a single value", name)
            if name in known:
                self._values[name] = value
            elif switches.unknown_query == "refuse":
                raise invalid("Unknown query parameter", name)

    def text(self, name: str) -> str | None:
        """Return a parameter as it is."""
        return self._values.get(name)

    def uuid(self, name: str) -> str | None:
        """Return a parameter that must be a UUID, in lower case."""
        value = self._values.get(name)
        if value is not None and not is_uuid(value):
            raise invalid("Expected a UUID", name)
        return value and value.lower()

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """Return a parameter that must be one of some values."""
        value = self._values.get(name)
        if value is not None and value not in choices:
            raise invalid(f"Expected one of: {', '.join(choices)}", name)
        return value

    def moment(self, name: str) -> float | None:
        """Return a parameter that is Unix seconds, or null written as `null` or nothing."""
        value = self._values.get(name)
        if value in {None, "", "null"}:
            return None
        assert value is not None
        if not _NUMBER.match(value):
            raise invalid("Expected Unix seconds", name)
        return float(value)

    def limit(self) -> int:
        """Return the page size."""
        value = self._values.get("limit")
        if value is None:
            return self._switches.default_limit
        if not _LIMIT.match(value) or int(value) < 1:
            raise invalid("Expected an integer from 1 to 100", "limit")
        if int(value) > MAX_LIMIT and self._switches.limit_over_maximum == "refuse":
            raise invalid("Expected an integer from 1 to 100", "limit")
        return min(int(value), MAX_LIMIT)

    def cursor(self) -> tuple[str | None, str | None]:
        """Return `starting_after` and `ending_before`, at most one of them set."""
        after, before = self._id("starting_after"), self._id("ending_before")
        if after is not None and before is not None:
            if self._switches.both_cursors == "refuse":
                raise invalid("Give starting_after or ending_before, not both", "ending_before")
            before = None
        return after, before

    def _id(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is not None and value.startswith("evt_"):
            return value
        return self.uuid(name)


def page(rows: Collection[T], matches: Callable[[T], bool], query: Query, switches: Switches) -> Page[T]:
    """Cut a page.

    Args:
        rows: All rows, oldest first.
        matches: The filters; a cursor may name a row that they leave out.
        query: Contains limit and cursors.
        switches: Set the sort order, and the effect of an unknown cursor.
    """
    limit = query.limit()
    after, before = query.cursor()
    ordered = _ordered(rows, switches)
    cursor = after or before
    index = next((index for index, row in enumerate(ordered) if row.id == cursor), None)
    if cursor is not None and index is None:
        if switches.unknown_cursor == "refuse":
            raise invalid("No such object", "starting_after" if after else "ending_before")
        return Page((), has_more=False)
    return cut_page(
        ordered,
        after=None if after is None else index,
        before=None if before is None else index,
        limit=limit,
        matches=matches,
    )


def within(created: float, since: float | None, until: float | None) -> bool:
    """Return whether a creation time, in whole seconds, is within inclusive bounds."""
    second = int(created)
    return (since is None or second >= since) and (until is None or second <= until)


def _ordered(rows: Collection[T], switches: Switches) -> list[T]:
    oldest_first = sorted(rows, key=lambda row: row.created)
    return oldest_first if switches.list_order == "oldest_first" else oldest_first[::-1]
