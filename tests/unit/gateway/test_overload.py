"""How many requests may compete: what the limit learns, who counts, and how refusals are kept cheap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate.gateway.runtime import concurrency as overload
from ordergate.gateway.runtime.concurrency import (
    LEAST,
    LONGEST_BACKOFF,
    LONGEST_HOLD,
    MOST,
    ConcurrencyLimit,
    Place,
    current_place,
    waiting,
)

TARGET = 0.2


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limit_at(clock: Clock, target: float = TARGET) -> ConcurrencyLimit:
    return ConcurrencyLimit(target, clock)


def window(limit: ConcurrencyLimit, clock: Clock, *, late: int, in_time: int) -> None:
    """So many requests end, some of them late; the next one to end is in another window."""
    for number in range(late + in_time):
        limit.ended(TARGET * 2 if number < late else TARGET / 2, clock.now)
    clock.now += 1


def entered(limit: ConcurrencyLimit) -> Place:
    place = limit.enter()
    assert place is not None
    return place


@pytest.mark.parametrize(
    ("late", "in_time", "falls"), [(10, 0, True), (6, 4, True), (5, 5, False), (0, 10, False), (9, 0, False)]
)
def test_limit_falls_while_most_are_late(late: int, in_time: int, falls: bool) -> None:
    """Half of them, or too few to tell, say nothing."""
    clock = Clock()
    limit = limit_at(clock)

    window(limit, clock, late=late, in_time=in_time)

    assert (limit.limit < MOST) is falls


def test_limit_changes_once_in_a_window() -> None:
    """What ends together was let in together: it is one observation, not many."""
    clock = Clock()
    limit = limit_at(clock)

    for _ in range(100):
        limit.ended(TARGET * 2, clock.now)

    assert limit.limit == MOST * 0.8


def test_limit_falls_to_the_least_and_comes_back() -> None:
    """However long it lasts, some are served; and once they are served in time, so are more and more."""
    clock = Clock()
    limit = limit_at(clock)

    for _ in range(50):
        window(limit, clock, late=20, in_time=0)
    lowest = limit.limit
    for _ in range(100):
        window(limit, clock, late=0, in_time=20)

    assert (lowest, limit.limit) == (LEAST, MOST)


def test_more_than_the_limit_are_refused() -> None:
    """The preferred ones later than the others; none where there is no target."""
    clock = Clock()
    limit, unlimited = limit_at(clock), limit_at(clock, target=0)

    assert all(limit.enter() for _ in range(MOST))
    assert limit.enter() is None
    assert all(limit.enter(preferred=True) for _ in range(MOST))
    assert limit.enter(preferred=True) is None
    assert all(unlimited.enter() for _ in range(MOST * 3))


def test_who_waits_for_somebody_else_does_not_compete() -> None:
    """And what it waited is no time in the gateway, though several of its calls wait at once."""
    clock = Clock()
    limit = limit_at(clock)
    places = [entered(limit) for _ in range(MOST)]
    for number, place in enumerate(places):
        with place, place:
            clock.now += 10
            assert limit.competing == MOST - 1 - number
            other = entered(limit)
            other.leave()
        place.leave()
        place.leave()

    assert limit.competing == 0
    assert limit.limit == MOST


def test_answer_that_is_given_while_a_call_waits_ends_the_place() -> None:
    """What goes on after the answer changes nothing any more."""
    limit = limit_at(Clock())
    place = entered(limit)

    with place:
        place.leave()
        assert limit.competing == 0

    assert limit.competing == 0


def test_work_without_a_request_waits_as_it_likes() -> None:
    """It has no place, and takes none."""
    assert current_place.get() is None
    with waiting():
        pass


def test_refusals_beyond_a_rate_wait_for_their_turn() -> None:
    """The first are given at once; however many come, each waits for half a second or so at most."""
    clock = Clock()
    limit = limit_at(clock)
    free = [limit.hold()]
    clock.now += 1
    free.append(limit.hold())

    holds = [limit.hold() for _ in range(3_000)]

    assert free == [0, 0]
    assert holds == sorted(holds)
    assert max(holds) <= LONGEST_HOLD + overload._TICK


@pytest.mark.parametrize(("served", "refused"), [(100, 100), (400, 400), (10, 50), (100_000, 1_000)])
def test_refusals_are_as_many_as_what_is_served_bears(served: int, refused: int) -> None:
    """One for each in a second, but some however few are served, and no more than there is any use for."""
    clock = Clock()
    limit = limit_at(clock)
    for _ in range(2):
        for _ in range(served):
            limit.ended(TARGET / 2, clock.now)
        clock.now += 1
    for _ in range(10):
        limit.ended(TARGET / 2, clock.now)

    holds = [limit.hold() for _ in range(3_000)]

    within = sum(hold <= LONGEST_HOLD / 2 for hold in holds)
    assert within == pytest.approx(refused * LONGEST_HOLD / 2, rel=0.25)


def test_more_refusals_for_each_request_served_are_asked_to_stay_away_longer() -> None:
    """Up to half a minute, and not all for as long."""
    clock = Clock()
    limit = limit_at(clock)
    spreads = []
    for refused in (0, 10, 40, 10_000):
        limit.limit = 0.0
        for _ in range(refused):
            assert limit.enter() is None
        window(limit, clock, late=0, in_time=10)
        spreads.append((limit.backoff(0.0), limit.backoff(0.999)))

    assert spreads == [(1, 1), (1, 5), (1, 17), (1, LONGEST_BACKOFF)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["enter", "aside", "back", "leave"]), st.integers(0, 400), st.floats(0, 2)),
        max_size=200,
    )
)
def test_as_many_compete_as_are_inside_and_do_not_wait(steps: list[tuple[str, int, float]]) -> None:
    """Whatever they do, in whatever order; and the limit keeps its bounds."""
    clock = Clock()
    limit = limit_at(clock)
    places: list[Place] = []
    waits: dict[int, int] = {}
    left: set[int] = set()
    for step, number, seconds in steps:
        clock.now += seconds
        chosen = number % len(places) if places else None
        if step == "enter":
            room = limit.competing < limit.limit
            place = limit.enter()
            assert (place is not None) is room
            places += [] if place is None else [place]
        elif chosen is None:
            continue
        elif step == "aside":
            places[chosen].__enter__()
            waits[chosen] = waits.get(chosen, 0) + 1
        elif step == "back" and waits.get(chosen, 0):
            places[chosen].__exit__(None, None, None)
            waits[chosen] -= 1
        elif step == "leave":
            places[chosen].leave()
            left.add(chosen)
        inside = set(range(len(places))) - left
        assert limit.competing == sum(not waits.get(one, 0) for one in inside)
        assert LEAST <= limit.limit <= MOST
