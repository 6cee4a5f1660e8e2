"""Keeps the gateway from taking on more than it can do in time: an adaptive concurrency limit.

The scarce resources are the processor and the journal. A request competes for them, except while it waits: for a
provider, for a slot of its account, for the rest of a body, for the outcome of a lost response. So the limit applies to
competing requests, not to requests in flight. A slow provider, whose calls its account limits, takes nothing from a
fast one.

The right limit depends on the machine and the requests, so it is measured, as TCP finds its congestion window (additive
increase, multiplicative decrease). While most requests take longer in the gateway itself than the target, the limit
falls; otherwise it rises, up to a fixed bound. By Little's law it settles near the target times the requests that can
be served in a second.

Most requests, not their mean: a few that are long by nature, or that wait for something not known here, change nothing.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from math import ceil
from types import TracebackType

MOST = 256
"""Maximum and initial limit of competing requests: a single burst is served, if not at once."""

LEAST = 32
"""Requests that may always compete."""

LONGEST_BACKOFF = 30
"""Maximum of the Retry-After seconds."""

SERVED_FOR_EACH_REFUSAL = 1
"""Refusals are given at once while so many requests are served for each; of more, each waits for its turn.

A refusal costs about a tenth of a request, so callers who return without a pause would use up the savings.
"""

LONGEST_HOLD = 0.5
"""Seconds that a refusal waits for its turn, at most."""

_WINDOW = 0.25
_FEWEST = 10
_DECREASE = 0.8
_INCREASE = 8
_TARGET = 0.5
_TICK = 0.05
_SHORTEST_GAP, _LONGEST_GAP = 0.001, 0.02

Monotonic = Callable[[], float]


class ConcurrencyLimit:
    """How many requests may compete for the processor and the journal, and how many do.

    Attributes:
        target: Seconds that a request may take in the gateway itself; 0 lets everything in.
        limit: How many may compete now.
        competing: Number of competing requests. A request that returns from a provider was admitted before, so the
            number may exceed the limit.
        spread: Seconds over which the refused callers should return.
    """

    def __init__(self, target: float = _TARGET, monotonic: Monotonic = time.monotonic) -> None:
        """Start with the maximum limit; `monotonic` is a clock in seconds."""
        self.target = target
        self.limit = float(MOST)
        self.competing = 0
        self.spread = 1
        self.monotonic = monotonic
        self._until = self._turn = 0.0
        self._gap = _SHORTEST_GAP
        self._ended = self._late = self._refused = 0

    def enter(self, *, preferred: bool = False) -> "Place | None":
        """Let one more request in, or refuse it: None.

        Args:
            preferred: It is still let in when others no longer are, until twice as many compete.
        """
        if self.competing >= (self.limit * 2 if preferred else self.limit) and self.target:
            self._refused += 1
            self._adapt(self.monotonic())
            return None
        self.competing += 1
        return Place(self)

    def ended(self, seconds: float, now: float) -> None:
        """Update the limit with the duration of a request, without its waits for others."""
        self._ended += 1
        self._late += seconds > self.target
        self._adapt(now)

    def backoff(self, chance: float) -> int:
        """Return the Retry-After seconds of a refused request.

        The more were refused for each that was served, the longer: refusing costs time, too.

        Args:
            chance: A random number from 0 to 1, so that callers who were refused together do not return together.
        """
        return 1 + int(chance * self.spread)

    def hold(self) -> float:
        """Return the seconds that the next refusal has to wait for its turn."""
        now = self.monotonic()
        self._turn = min(max(self._turn + self._gap, now), now + LONGEST_HOLD)
        return ceil(self._turn / _TICK) * _TICK - now if self._turn > now else 0.0

    def _adapt(self, now: float) -> None:
        """At the end of each window that saw enough, change the limit once."""
        if now < self._until or self._ended < _FEWEST:
            return
        if self._late * 2 > self._ended:
            self.limit = max(self.limit * _DECREASE, LEAST)
        else:
            self.limit = min(self.limit + _INCREASE, MOST)
        self.spread = min(1 + 4 * self._refused // self._ended, LONGEST_BACKOFF)
        each = (now - self._until + _WINDOW) / self._ended
        self._gap = min(max(each * SERVED_FOR_EACH_REFUSAL, _SHORTEST_GAP), _LONGEST_GAP)
        self._until = now + _WINDOW
        self._ended = self._late = self._refused = 0


class Place:
    """One request's place among those that compete; as a context, it does not compete meanwhile."""

    __slots__ = ("_aside", "_began", "_left", "_limit", "_since", "_waited")

    def __init__(self, limit: ConcurrencyLimit, *, counted: bool = True) -> None:
        """Compete from now on; `limit` has counted it, or else never will."""
        self._limit = limit
        self._began = limit.monotonic()
        self._waited = self._since = 0.0
        self._aside = 0
        self._left = not counted

    def __enter__(self) -> None:
        """Start a wait for others. Several calls of one request may overlap."""
        self._aside += 1
        if self._aside == 1 and not self._left:
            self._limit.competing -= 1
            self._since = self._limit.monotonic()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Compete again."""
        self._aside -= 1
        if not self._aside and not self._left:
            self._limit.competing += 1
            self._waited += self._limit.monotonic() - self._since

    @property
    def waited(self) -> float:
        """Seconds that the request has waited for others."""
        return self._waited + (
            self._limit.monotonic() - self._since if self._aside and not self._left else 0.0
        )

    def leave(self) -> None:
        """End the competition of the request: it has its answer, or its caller is gone. A second call has no effect."""
        if self._left:
            return
        self._left = True
        now = self._limit.monotonic()
        if self._aside:
            self._waited += now - self._since
        else:
            self._limit.competing -= 1
        self._limit.ended(now - self._began - self._waited, now)


current_place: ContextVar[Place | None] = ContextVar("ordergate_place", default=None)
"""The place of the request that is served; work that no request waits for has none."""

_NOWHERE = nullcontext()


def waiting() -> AbstractContextManager[None]:
    """Return a context in which the served request waits for others and does not compete."""
    return current_place.get() or _NOWHERE
