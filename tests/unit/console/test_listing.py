"""What a list's address asks for."""

from ordergate.console.listing import OrderFilters, begins, cursor, ends, order_filters, pager
from ordergate.journal.records.paging import PageCursor

FIRST, LAST = "ord_" + "1" * 32, "ord_" + "0" * 32


def test_what_makes_no_sense_is_left_out() -> None:
    """An address that was typed by hand shows a list, not an error."""
    given = {"q": " INV-1\x00 ", "status": "nonsense", "since": "31.12.2026", "until": "2026-02-30"}

    assert order_filters(given, ["open"]) == OrderFilters(text="INV-1")
    assert cursor({"starting_after": "x", "ending_before": "ord_1"}, "ord") == PageCursor()
    assert len(order_filters({"q": "x" * 9999}, []).text) == 512


def test_filters_come_back_as_they_were() -> None:
    """What is in the address is what a further page asks for."""
    given = {"q": "a&b", "status": "open", "merchant": "acme", "since": "2026-01-01", "until": "2026-01-02"}

    assert order_filters(given, ["open"]).parameters() == given


def test_days_are_whole_and_utc() -> None:
    """From the first moment of a day to its last."""
    assert str(begins("2026-03-01")) == "2026-03-01 00:00:00+00:00"
    assert str(ends("2026-03-01")) == "2026-03-01 23:59:59.999000+00:00"
    assert (begins(""), ends("")) == (None, None)


def test_pages_lead_to_their_neighbours() -> None:
    """Newer and older, where there are any; the filters go along."""
    ids, filters = [FIRST, LAST], {"q": "a&b"}
    older = f"/console/orders?q=a%26b&starting_after={LAST}"
    newer = f"/console/orders?q=a%26b&ending_before={FIRST}"

    def around(asked: PageCursor, *, has_more: bool) -> tuple[str | None, str | None]:
        made = pager("orders", filters, ids, asked, has_more=has_more)
        return made.newer, made.older

    assert around(PageCursor(), has_more=True) == (None, older)
    assert around(PageCursor(), has_more=False) == (None, None)
    assert around(PageCursor(starting_after=FIRST), has_more=False) == (newer, None)
    assert around(PageCursor(ending_before=LAST), has_more=True) == (newer, older)
    assert around(PageCursor(ending_before=LAST), has_more=False) == (None, older)
    assert pager("orders", {}, [], PageCursor(starting_after=FIRST), has_more=False).newer is None
