"""Fault rules: the choice of the requests that fail, and how. The faults themselves are in ``provider``."""

import random
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Moment = Annotated[Literal["before", "after"], Meta(description='It is "before" or "after" the commit.')]
Effect = Annotated[
    Literal["drop", "delay", "status", "truncate", "html", "rate_limit"],
    Meta(description="One of drop, delay, status, truncate, html, rate_limit."),
]
Method = Annotated[str, Meta(pattern="^[A-Za-z]+$", description="An HTTP method, in any case.")]
Pattern = Annotated[str, Meta(min_length=1, description="A path, the end of one, or a shell glob.")]
Status = Annotated[int, Meta(ge=200, le=599, description="An HTTP status from 200 to 599.")]
Seconds = Annotated[float, Meta(ge=0, le=86_400, description="Seconds, at most a day.")]
Times = Annotated[int, Meta(ge=1, description="How often the rule may hit: at least once.")]
Probability = Annotated[float, Meta(ge=0, le=1, description="From 0 (never) to 1 (always).")]


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requests that a rule applies to; an absent field matches every request.

    Attributes:
        method: An HTTP method, in upper or lower case.
        path: A pattern for the raw path without the query. A pattern with ``*`` or ``?`` is a shell glob, in
            which ``*`` also matches slashes. Any other pattern matches the whole path or its last segments:
            ``/orders`` and ``orders`` both match ``/v2/orders``, ``ders`` does not.
    """

    method: Method | None = None
    path: Pattern | None = None

    def accepts(self, method: str, path: str) -> bool:
        """Return True if a request with this upper-case method and raw path matches."""
        return self._accepts_method(method) and self._accepts_path(path)

    def _accepts_method(self, method: str) -> bool:
        return self.method is None or self.method.upper() == method

    def _accepts_path(self, path: str) -> bool:
        if self.path is None or self.path == path:
            return True
        if "*" in self.path or "?" in self.path:
            return fnmatchcase(path, self.path)
        ending = self.path.lstrip("/")
        return bool(ending) and path.endswith(f"/{ending}")


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault for the requests that match.

    Attributes:
        do: ``drop`` closes the connection before the first byte; ``delay`` waits, then sends the usual
            response; ``status`` sends an error in the provider's form; ``truncate`` sends half a response and
            closes; ``html`` sends the page of a proxy; ``rate_limit`` sends the provider's own 429.
        match: The requests; all if absent.
        at: ``before`` replaces the provider, which never receives the request (a ``delay`` only postpones
            it). With ``after`` the provider processes the request, and the fault replaces its response.
        status: Required for ``status``. Also the status of the ``html`` page (502 if absent) and of the error
            that ``truncate`` cuts before the commit (500 if absent). No effect on other faults.
        seconds: The length of a ``delay``, for which it is required. No effect on other faults.
        times: The largest number of hits; unlimited if absent.
        probability: The probability of a hit for each matching request; 1 if absent.
    """

    do: Effect
    match: Match = Match()
    at: Moment = "before"
    status: Status | None = None
    seconds: Seconds | None = None
    times: Times | None = None
    probability: Probability | None = None

    def __post_init__(self) -> None:
        """Refuse a rule without a field that its fault requires."""
        if self.do == "status" and self.status is None:
            raise ValueError('`status` is required if `do` is "status"')
        if self.do == "delay" and self.seconds is None:
            raise ValueError('`seconds` is required if `do` is "delay"')


class FaultRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document of the fault rules, in the order in which they are tried."""

    rules: list[FaultRule]


class FaultPlan:
    """The current rules, and the number of hits of each.

    Attributes:
        rules: In the order in which they are tried.
        hits: The number of hits of each rule, in the same order.
    """

    def __init__(self, rules: Sequence[FaultRule], draw: random.Random) -> None:
        """Start without hits; `draw` is the random source for the rules with a probability."""
        self.rules = tuple(rules)
        self.hits = [0] * len(self.rules)
        self._draw = draw

    def choose(self, method: str, path: str) -> FaultRule | None:
        """Return the first rule that hits this request, and count the hit; None if no rule does."""
        for index, rule in enumerate(self.rules):
            if self._hits(rule, self.hits[index], method, path):
                self.hits[index] += 1
                return rule
        return None

    def _hits(self, rule: FaultRule, hits: int, method: str, path: str) -> bool:
        spent = rule.times is not None and hits >= rule.times
        return not spent and rule.match.accepts(method, path) and self._is_drawn(rule.probability)

    def _is_drawn(self, probability: float | None) -> bool:
        # A rule without a probability takes no random number, so it does not change the results of other rules.
        return probability is None or self._draw.random() < probability
