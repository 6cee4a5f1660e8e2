"""The faults of the providers, as rules for their emulators."""

from collections.abc import Sequence
from typing import Any

from campaigns.chaos.plan import Timing

Fault = tuple[float, dict[str, Any]]
"""How many of all requests it hits, and the rule."""


def rules(timing: Timing) -> list[dict[str, Any]]:
    """Return the rules for writes and for reads."""
    return [*_for_method("POST", _on_writes(timing)), *_for_method("GET", ON_READS)]


def describe(rule: dict[str, Any]) -> str:
    """Name a rule in a few words."""
    kind = "write" if rule["match"]["method"] == "POST" else "read"
    return f"{kind}: {rule['do']} {rule.get('at', 'before')}"


def _on_writes(timing: Timing) -> list[Fault]:
    return [
        (0.25, {"at": "after", "do": "drop"}),
        (0.10, {"at": "before", "do": "drop"}),
        (0.10, {"at": "after", "do": "status", "status": 500}),
        (0.05, {"at": "after", "do": "truncate"}),
        (0.03, {"at": "before", "do": "status", "status": 503}),
        (0.02, {"at": "after", "do": "html"}),
        (0.03, {"at": "after", "do": "delay", "seconds": timing.late_answer}),
        (0.06, {"at": "before", "do": "delay", "seconds": timing.slow_commit}),
        (0.05, {"do": "rate_limit"}),
    ]


ON_READS: list[Fault] = [
    (0.10, {"do": "drop"}),
    (0.10, {"do": "status", "status": 500}),
    (0.05, {"do": "rate_limit"}),
    (0.05, {"at": "after", "do": "truncate"}),
]


def _for_method(method: str, faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Rules are tried in order: each takes its share of the requests that the earlier rules left."""
    made = []
    left = 1.0
    for share, rule in faults:
        made.append({**rule, "match": {"method": method}, "probability": min(share / left, 1.0)})
        left -= share
    return made
