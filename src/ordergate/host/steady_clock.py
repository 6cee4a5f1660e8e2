"""Time that a step of the host's clock does not move: ages, and so keys that expire, are counted by it.

A host's clock may be set by days, forwards by mistake and back again. Counted by it, every Idempotency-Key would be
free at once, and a retry would act a second time. The time since the host was started cannot be set: it shows a step.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

Clock = Callable[[], datetime]
"""The time, in UTC."""
TOLERATED = timedelta(seconds=5)
"""Allowed difference of two clocks. Time servers correct a clock by less, and such corrections are followed."""

_log = structlog.get_logger("ordergate.clock")


_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Return the seconds since the host's boot, with those of its sleep if the system counts them."""
    return time.clock_gettime(_SINCE_BOOT)


class SteadyClock:
    """The host's clock without its steps."""

    def __init__(self, wall: Clock, elapsed: Callable[[], float] = uptime) -> None:
        """Start with the host's clock, until :meth:`correct` is called.

        Args:
            wall: The host's clock.
            elapsed: Seconds of a monotonic clock.
        """
        self._wall, self._elapsed = wall, elapsed
        self._last = wall(), elapsed()
        self._ahead = timedelta()

    @property
    def ahead(self) -> timedelta:
        """By how much the host's clock is ahead of this one; negative if it is behind."""
        return self._ahead

    def __call__(self) -> datetime:
        """Return the time."""
        (wall, elapsed), (wall_before, elapsed_before) = (self._wall(), self._elapsed()), self._last
        self._last = wall, elapsed
        step = wall - wall_before - timedelta(seconds=elapsed - elapsed_before)
        if abs(step) > TOLERATED:
            self._be_ahead(self._ahead + step)
        return wall - self._ahead

    def correct(self, now: datetime) -> None:
        """Take the journal's time, if the host's clock differs from it: it was set while this process was not there."""
        if abs(self() - now) > TOLERATED:
            self._be_ahead(self._wall() - now)

    def _be_ahead(self, ahead: timedelta) -> None:
        self._ahead = ahead if abs(ahead) > TOLERATED else timedelta()
        if self._ahead:
            _log.error(
                "clock.stepped",
                seconds=round(self._ahead.total_seconds()),
                detail="The host's clock was set: no key expires by that. Set it right, or restart the gateway if it "
                "is right now.",
            )
        else:
            _log.info("clock.right_again")
