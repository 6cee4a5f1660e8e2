"""Fault rules: they choose which requests fail, when, and how."""

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
    """The condition of a rule; an absent member matches anything.

    Attributes:
        method: In any case.
        path: Compared with the raw path, without the query. With ``*`` or ``?`` in it a shell glob, in which
            ``*`` crosses slashes; otherwise the whole path, or its end from the start of a segment:
            ``/orders`` and ``orders`` both match ``/v2/orders``, ``ders`` does not.
    """

    method: Method | None = None
    path: Pattern | None = None

    def accepts(self, method: str, path: str) -> bool:
        """Return whether a request with this upper-case method and raw path matches."""
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
    """One fault for matching requests.

    Attributes:
        do: ``drop`` closes the connection without a byte; ``delay`` waits, then answers as usual; ``status``
            answers an error in the provider's form; ``truncate`` sends half an answer and closes; ``html``
            answers a page as a proxy in between would; ``rate_limit`` answers the provider's own 429.
        match: Which requests; all of them when left out.
        at: ``before`` replaces the provider, which does not get the request (a ``delay`` only delays it). ``after``
            lets the provider act first, and then spoils its response.
        status: Required for ``status``; also the status of the ``html`` page (default 502) and of the error that
            ``truncate`` cuts before the commit (default 500). No effect otherwise.
        seconds: Required for ``delay``: its duration. No effect otherwise.
        times: How often the rule hits before it is spent; for ever when left out.
        probability: How likely the rule hits a matching request; always when left out.
    """

    do: Effect
    match: Match = Match()
    at: Moment = "before"
    status: Status | None = None
    seconds: Seconds | None = None
    times: Times | None = None
    probability: Probability | None = None

    def __post_init__(self) -> None:
        """Refuse a rule without a required member of its effect."""
        if self.do == "status" and self.status is None:
            raise ValueError('`status` is required where `do` is "status"')
        if self.do == "delay" and self.seconds is None:
            raise ValueError('`seconds` is required where `do` is "delay"')


class FaultRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole document: the rules, in the order in which they are tried."""

    rules: list[FaultRule]


class FaultPlan:
    """The rules in force, and how often each has hit.

    Attributes:
        rules: As they were given.
        hits: How often each rule has hit, in the order of the rules.
    """

    def __init__(self, rules: Sequence[FaultRule], draw: random.Random) -> None:
        """Start with no hits; `draw` decides for the rules that have a probability."""
        self.rules = tuple(rules)
        self.hits = [0] * len(self.rules)
        self._draw = draw

    def choose(self, method: str, path: str) -> FaultRule | None:
        """Return the first matching rule, and count it; None without one."""
        for index, rule in enumerate(self.rules):
            if self._hits(rule, self.hits[index], method, path):
                self.hits[index] += 1
                return rule
        return None

    def _hits(self, rule: FaultRule, hits: int, method: str, path: str) -> bool:
        spent = rule.times is not None and hits >= rule.times
        return not spent and rule.match.accepts(method, path) and self._is_drawn(rule.probability)

    def _is_drawn(self, probability: float | None) -> bool:
        # A rule without a probability draws nothing, so it does not shift the draws of the others.
        return probability is None or self._draw.random() < probability
