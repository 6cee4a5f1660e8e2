"""A step of the host's clock moves no age: forwards, backwards, back again, and while the process was not there."""

from datetime import timedelta

from tests.builders import NOON

from ordergate.host.steady_clock import TOLERATED, SteadyClock

DAYS = timedelta(days=8)


class Host:
    """A host whose clock can be set."""

    def __init__(self) -> None:
        self.wall, self.elapsed = NOON, 1000.0
        self.steady = SteadyClock(lambda: self.wall, lambda: self.elapsed)

    def run(self, seconds: float, step: timedelta = timedelta()) -> timedelta:
        """Let time pass in which the clock is set; return how much passed by the steady one."""
        before = self.steady()
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds) + step
        return self.steady() - before


def test_time_passes() -> None:
    """Without a step both clocks say the same."""
    host = Host()

    assert host.run(3600) == timedelta(hours=1)
    assert (host.steady(), host.steady.ahead) == (host.wall, timedelta())


def test_a_step_is_not_followed() -> None:
    """Whichever way the clock is set, only the time passes that did; once it is set back, it is right."""
    for step in (DAYS, -DAYS):
        host = Host()

        assert host.run(60, step) == timedelta(minutes=1)
        assert host.steady.ahead == step
        assert host.run(60) == timedelta(minutes=1)
        assert host.run(60, -step) == timedelta(minutes=1)
        assert (host.steady(), host.steady.ahead) == (host.wall, timedelta())


def test_a_time_server_is_followed() -> None:
    """What a clock is corrected by, now and then, is no step."""
    host = Host()
    for _ in range(10):
        assert host.run(60, TOLERATED) == timedelta(minutes=1) + TOLERATED
    assert host.steady.ahead == timedelta()


def test_the_journal_knows_of_a_step_before() -> None:
    """A process that starts after the step takes the journal's time; a little difference is none."""
    host, right = Host(), Host()
    host.steady.correct(NOON - DAYS)
    right.steady.correct(NOON - TOLERATED)

    assert (host.steady(), host.steady.ahead) == (NOON - DAYS, DAYS)
    assert host.run(60) == timedelta(minutes=1)
    assert (right.steady(), right.steady.ahead) == (NOON, timedelta())
