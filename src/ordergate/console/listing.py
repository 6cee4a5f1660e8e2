"""The filters of a list, parsed leniently from its URL: an invalid filter is ignored."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar

import msgspec

from ordergate.console.pages import to_page
from ordergate.domain.identifiers import Prefix, is_id
from ordergate.journal.records.paging import PageCursor

T = TypeVar("T", bound=str)

ROWS = 25
"""On a page of a list."""

_LONGEST = 512
"""A longer text is no reference, no id and no email."""


class OrderFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of orders; an empty text is none.

    Attributes:
        text: A reference, a customer, the provider's id or one of ours.
        merchant: Of an operator's list.
        since: The first day, in UTC, as ``2026-03-01``.
        until: The last day.
    """

    text: str = ""
    status: str = ""
    account: str = ""
    merchant: str = ""
    since: str = ""
    until: str = ""

    def parameters(self) -> dict[str, str]:
        """Return the filters as query parameters."""
        named = {"q": self.text, **msgspec.structs.asdict(self)}
        del named["text"]
        return {name: value for name, value in named.items() if value}


class Pager(msgspec.Struct, frozen=True, kw_only=True):
    """The URLs of the previous and the next page; None without one."""

    newer: str | None
    older: str | None


def order_filters(given: Mapping[str, str], statuses: Iterable[str]) -> OrderFilters:
    """Return the filters in a URL."""
    return OrderFilters(
        text=_text(given, "q"),
        status=one_of(_text(given, "status"), statuses),
        account=_text(given, "account"),
        merchant=_text(given, "merchant"),
        since=_day(_text(given, "since")),
        until=_day(_text(given, "until")),
    )


def cursor(given: Mapping[str, str], prefix: Prefix) -> PageCursor:
    """Return the start of the page in a URL."""
    after, before = given.get("starting_after", ""), given.get("ending_before", "")
    if is_id(after, prefix):
        return PageCursor(starting_after=after)
    return PageCursor(ending_before=before) if is_id(before, prefix) else PageCursor()


def pager(
    path: str, parameters: Mapping[str, str], ids: list[str], asked: PageCursor, *, has_more: bool
) -> Pager:
    """Return the pages around this one.

    Args:
        path: The list's.
        parameters: The filters, as query parameters.
        ids: Of the rows on this page, newest first.
        asked: The start of this page.
        has_more: In the direction that was asked for.
    """
    backwards = asked.ending_before is not None
    newer = has_more if backwards else asked.starting_after is not None
    older = True if backwards else has_more
    return Pager(
        newer=to_page(path, {**parameters, "ending_before": ids[0]}) if newer and ids else None,
        older=to_page(path, {**parameters, "starting_after": ids[-1]}) if older and ids else None,
    )


def begins(day: str) -> datetime | None:
    """Return when a day begins; None for no day."""
    return datetime.combine(datetime.fromisoformat(day), time.min, UTC) if day else None


def ends(day: str) -> datetime | None:
    """Return the last millisecond of a day; None for no day."""
    begin = begins(day)
    return None if begin is None else begin + timedelta(days=1, milliseconds=-1)


def one_of(value: str, known: Iterable[str]) -> str:
    """Return the value if there is such a one, else no wish."""
    return value if value in set(known) else ""


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").strip()[:_LONGEST].replace("\x00", "")


def _day(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return ""
