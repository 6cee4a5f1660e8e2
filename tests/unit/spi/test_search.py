"""A search looks through a list of any length, however it is sorted, and says that it has only if it has."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.builders import provider_order

from ordergate.domain.errors import ProviderError
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder
from ordergate.spi.adapter import Baseline
from ordergate.spi.paging import Cursor
from ordergate.spi.search import MAX_PAGES, ListedOrders, Search, find_created
from ordergate.spi.wire import WireRequest, WireResponse

NOW = datetime(2026, 5, 2, 10, tzinfo=UTC)
PAGE = 4
Answer = ListedOrders | NotApplied | Unknown
Listing = Callable[[Cursor | None], Answer]


def order(name: str, age: float = 0, operation: str = "op_other") -> ProviderOrder:
    """Return an order that is so many seconds old."""
    return provider_order(
        provider_order_id=name,
        created_at=NOW - timedelta(seconds=age),
        marks={OPERATION_MARK: operation},
    )


def refused(code: str = "provider_rejected") -> NotApplied:
    return NotApplied(code=code, detail="It was refused.", provider=ProviderError(http_status=400))


def listing(
    rows: list[ProviderOrder],
    *,
    unknown: Answer | None = None,
    heeds: bool = True,
) -> Listing:
    """Return a list in this order, both of whose cursors lead away from the row that they name.

    Args:
        rows: In the list's order.
        unknown: Answered to a cursor that names no row.
        heeds: False for a list that answers its beginning whatever the cursor.
    """

    def answer(cursor: Cursor | None) -> Answer:
        names = [row.provider_order_id for row in rows]
        if cursor is None or not heeds:
            return ListedOrders(orders=tuple(rows[:PAGE]), has_more=len(rows) > PAGE)
        if cursor.id not in names:
            return unknown or refused()
        place = names.index(cursor.id)
        rest = rows[place + 1 :] if cursor.direction == "after" else rows[:place]
        part = rest[:PAGE] if cursor.direction == "after" else rest[-PAGE:]
        return ListedOrders(orders=tuple(part), has_more=len(rest) > PAGE)

    return answer


def known(newest: ProviderOrder | None) -> Baseline:
    return Baseline(
        newest_order=newest.provider_order_id if newest else None,
        newest_created_at=newest.created_at if newest else None,
        recorded_at=NOW,
    )


def searched(answer: Listing, baseline: Baseline) -> tuple[Outcome, list[Cursor | None]]:
    """Search for the operation ``op_1``; return what came of it, and the cursors that were asked for."""
    cursors: list[Cursor | None] = []

    def ask(cursor: Cursor | None) -> WireRequest:
        cursors.append(cursor)
        return WireRequest(method="GET", path="/orders")

    def read(_response: WireResponse) -> Answer:
        return answer(cursors[-1])

    plan = find_created(Search(operation="op_1", ask=ask, read=read), baseline)
    next(plan)
    try:
        while True:
            plan.send(WireResponse(status=200))
    except StopIteration as end:
        return end.value, cursors


def account(old: int, new: int, *, step: float) -> tuple[list[ProviderOrder], ProviderOrder]:
    """Return orders from the oldest to the newest, `step` seconds apart, and the newest that was known."""
    rows = [order(f"old{index}", 300_000 - index * step) for index in range(old)]
    newest = order("newest", 100)
    later = [order(f"new{index}", 100 - min(index * step, 100)) for index in range(1, new + 1)]
    return [*rows, newest, *later], newest


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("new", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
@pytest.mark.parametrize("old", [0, 1, PAGE, 3 * PAGE])
@pytest.mark.parametrize("baseline", ["known", "unknown", "forgotten"])
def test_every_newer_order_is_looked_at(
    old: int, new: int, step: int, baseline: str, *, newest_first: bool
) -> None:
    """Wherever our order stands among the newer ones it is found, and without it the search says absent."""
    rows, newest = account(old, new, step=step)
    begin = {"known": known(newest), "unknown": known(None), "forgotten": known(order("gone", 200))}[baseline]
    for place in range(new + 1):
        ours = msgspec.structs.replace(
            order("ours", operation="op_1"), created_at=rows[old + place].created_at
        )
        written = [*rows[: old + place + 1], ours, *rows[old + place + 1 :]]
        listed = listing(written[::-1] if newest_first else written)
        assert searched(listed, begin)[0] == Applied(order=ours)
    assert searched(listing(rows[::-1] if newest_first else rows), begin)[0] == NotFound()


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_past_is_left_alone(*, newest_first: bool) -> None:
    """From a known order, one page of the past is enough, however long the past is."""
    rows, newest = account(1_000, PAGE + 1, step=1)
    outcome, cursors = searched(listing(rows[::-1] if newest_first else rows), known(newest))

    assert outcome == NotFound()
    assert len(cursors) == 3


def test_a_list_from_its_newest_ends_a_day_before() -> None:
    """Without a known order, a list that begins with the newest is left where it is a day old."""
    rows, _ = account(1_000, PAGE + 1, step=1)

    assert len(searched(listing(rows[::-1]), known(None))[1]) == 2


def test_one_second_hides_nothing() -> None:
    """Orders of one second may stand on either side of the known one; those are looked through as well."""
    newest = order("newest", 100)
    ours = order("ours", 100, "op_1")
    ties = [order(f"tie{index}", 100) for index in range(3 * PAGE)]

    for rows in ([ours, *ties, newest], [newest, *ties, ours]):
        assert searched(listing(rows), known(newest))[0] == Applied(order=ours)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    "answer", [refused(), ListedOrders(orders=(), has_more=False)], ids=["refused", "nothing"]
)
def test_an_unknown_cursor_leads_to_the_beginning(answer: Answer, *, newest_first: bool) -> None:
    """Whether it is refused or answered with nothing, the list is looked through from its beginning."""
    rows, _ = account(2 * PAGE, 2 * PAGE, step=1)
    ours = order("ours", operation="op_1")
    gone = known(order("gone", 50))

    for listed, expected in (([*rows, ours], Applied(order=ours)), (rows, NotFound())):
        shown = listing(listed[::-1] if newest_first else listed, unknown=answer)
        assert searched(shown, gone)[0] == expected


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_list_that_heeds_no_cursor_is_not_looked_through(*, newest_first: bool) -> None:
    """The same page again is no end of the list: what lies behind it is unknown."""
    rows, newest = account(2 * PAGE, 2 * PAGE, step=1)
    shown = listing(rows[::-1] if newest_first else rows, heeds=False)

    for baseline in (known(newest), known(None)):
        outcome, _ = searched(shown, baseline)
        assert isinstance(outcome, Unknown)
        assert "the same page again" in outcome.reason


@pytest.mark.parametrize(
    "code", ["provider_unavailable", "provider_rate_limited", "provider_unauthenticated"]
)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_failure_is_unknown(step: int, code: str) -> None:
    """Nothing but a refused first cursor is answered by looking elsewhere."""
    rows, newest = account(2 * PAGE, 2 * PAGE, step=1)
    shown, asked = listing(rows[::-1]), []

    def answer(cursor: Cursor | None) -> Answer:
        asked.append(cursor)
        return refused(code) if len(asked) == step + 1 else shown(cursor)

    outcome, _ = searched(answer, known(newest))
    assert outcome == Unknown(reason="It was refused.", provider=ProviderError(http_status=400))


def test_a_cursor_that_was_just_answered_has_to_be_known() -> None:
    """A refusal in the middle of the list is a failure: what lies behind it is unknown."""
    rows, newest = account(0, 3 * PAGE, step=1)
    shown = listing(rows)

    def answer(cursor: Cursor | None) -> Answer:
        return shown(cursor) if cursor is None or cursor.id == newest.provider_order_id else refused()

    outcome, cursors = searched(answer, known(newest))
    assert isinstance(outcome, Unknown)
    assert len(cursors) == 2


def test_a_list_without_end_is_given_up() -> None:
    """After so many pages a person has to look."""

    def answer(cursor: Cursor | None) -> Answer:
        begin = int(cursor.id) if cursor is not None else 0
        rows = tuple(order(str(begin + index), -begin) for index in range(1, PAGE + 1))
        return ListedOrders(orders=rows, has_more=True)

    outcome, cursors = searched(answer, known(order("0", 0)))

    assert isinstance(outcome, Unknown)
    assert "too many" in outcome.reason
    assert len(cursors) == MAX_PAGES


def test_an_empty_list_holds_nothing() -> None:
    """An account without orders has none of ours."""
    assert searched(listing([]), known(None))[0] == NotFound()
