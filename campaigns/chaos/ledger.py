"""Every request to the gateway, and every answer."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

WAIT = frozenset({"order_busy", "idempotency_in_progress"})
"""Refusals with 409 that end by themselves."""
STORED = frozenset({"payment_declined", "provider_rejected", "invalid_state"})
"""Refusals that a repeat receives again if the provider decided them."""


UNREADABLE = "(no problem)"
"""Replaces the code of an error that is no problem document."""


@dataclass(frozen=True)
class Answer:
    """One answer to one try."""

    status: int
    body: bytes
    replayed: bool
    node: int
    at: float

    @classmethod
    def of(cls, response: httpx.Response, node: int, at: float) -> "Answer":
        """Keep the parts of a response that the verdict needs."""
        replayed = response.headers.get("idempotent-replayed") == "true"
        return cls(response.status_code, response.content, replayed, node, at)

    @property
    def document(self) -> dict[str, Any]:
        """The body, parsed; empty if it is no JSON object."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def code(self) -> str | None:
        """The problem's code; None if the answer is no problem."""
        return None if self.status < 400 else str(self.document.get("code", UNREADABLE))

    @property
    def applied(self) -> bool:
        """Whether the answer reports that the write was applied."""
        return self.status in {200, 201}

    @property
    def final(self) -> bool:
        """Whether there is nothing more to wait for."""
        if self.applied:
            return True
        return 400 <= self.status < 500 and self.status != 429 and self.code not in WAIT

    @property
    def stored(self) -> bool:
        """Whether every later answer to the key must be the same."""
        if self.applied:
            return True
        return self.final and self.code in STORED and self.document.get("provider") is not None

    def __str__(self) -> str:
        again = ", replayed" if self.replayed else ""
        return f"{self.status} {self.code or ''}{again} by node {self.node} at {self.at:.2f} s"


@dataclass(eq=False)
class Write:
    """One write of one caller, and its answers.

    Attributes:
        explainable: Codes of final refusals that are no surprise.
        tries: Number of requests, answered or not.
        gave_up: Its caller has gone away after one try.
        operation: The last operation that an answer named.
    """

    life: int
    kind: str
    provider: str
    method: str
    path: str
    body: dict[str, Any]
    key: str
    explainable: frozenset[str] = frozenset()
    answers: list[Answer] = field(default_factory=list)
    tries: int = 0
    gave_up: bool = False
    operation: str | None = None

    @property
    def final(self) -> Answer | None:
        """The first answer after which there was nothing to wait for."""
        return next((answer for answer in self.answers if answer.final), None)

    def __str__(self) -> str:
        answers = "\n".join(f"      {answer}" for answer in self.answers[-12:])
        return (
            f"    life {self.life}: {self.kind} at {self.provider}, {self.method} {self.path}, key {self.key}, "
            f"{self.tries} tries, operation {self.operation}\n{answers}"
        )


@dataclass
class Ledger:
    """Every write, and the counts of the campaign."""

    writes: list[Write] = field(default_factory=list)
    rivals: list[tuple[Write, ...]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    """Tries that were not answered: the node was down, or died."""

    def count(self, answer: Answer) -> None:
        """Count an answer by its code."""
        self.answers[f"{answer.status} {answer.code or ''}".strip()] += 1

    @property
    def retries(self) -> int:
        """How often a write was sent again."""
        return sum(max(write.tries - 1, 0) for write in self.writes)
