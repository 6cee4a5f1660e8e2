"""How many deliveries one endpoint gets at once: few where it is silent, none while it asks for patience."""

from ordergate.gateway.breaker import Breaker, after_failure, after_success, passing
from ordergate.gateway.deliveries import TRIPS, Lane

AT_ONCE = 8


def test_a_lane_has_so_many_places() -> None:
    """What is on its way takes a place."""
    lane = Lane()

    assert lane.room(0.0, AT_ONCE) == AT_ONCE
    lane.in_flight = 5
    assert lane.room(0.0, AT_ONCE) == 3
    assert lane.room(0.0, 3) == 0


def test_a_silent_endpoint_is_left_alone_and_tried_by_one() -> None:
    """After enough silences nothing goes there for a while; then one delivery, until it was answered."""
    lane = Lane()
    for _ in range(TRIPS.after):
        assert lane.room(100.0, AT_ONCE) == AT_ONCE
        lane.breaker = after_failure(lane.breaker, 0, TRIPS, 100.0, "silence")

    assert lane.room(100.0 + TRIPS.seconds / 2, AT_ONCE) == 0
    later = 100.0 + TRIPS.seconds
    assert lane.room(later, AT_ONCE) == 1
    lane.breaker, lane.in_flight = passing(lane.breaker), 1
    assert lane.room(later, AT_ONCE) == 0
    lane.breaker, lane.in_flight = after_success(lane.breaker, 1), 0
    assert lane.breaker == Breaker(generation=1)
    assert lane.room(later, AT_ONCE) == AT_ONCE


def test_an_endpoint_that_asks_for_patience_gets_it() -> None:
    """Nothing goes there before the time that it named."""
    lane = Lane(paused_until=50.0)

    assert lane.room(49.9, AT_ONCE) == 0
    assert lane.room(50.0, AT_ONCE) == AT_ONCE
