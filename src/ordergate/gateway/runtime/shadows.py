"""A short queue of new orders to translate for shadow accounts. Under load, orders are dropped."""

from collections import Counter, deque

import msgspec

from ordergate.domain.draft import Draft
from ordergate.domain.mode import World
from ordergate.journal.records.comparisons import ShadowCount

WAITING = 200
"""Orders that wait at most; further ones are dropped and counted."""

BUSY = 100
"""Writes under way in this process from which on nothing is taken in."""


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """A new order, and the account that created it."""

    merchant: str
    world: World
    draft: Draft
    account: str


class Shadows:
    """The queue of this process.

    Attributes:
        waiting: The orders, the oldest first.
        dropped: How many were not taken in since that was counted last, by world and merchant.
        uncounted: Counts that are not recorded yet.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.waiting: deque[Shadow] = deque()
        self.dropped: Counter[tuple[World, str]] = Counter()
        self.uncounted: list[ShadowCount] = []

    def offer(self, new: Shadow, *, busy: bool) -> bool:
        """Queue a new order, unless the process is busy or the queue is full; return whether it was queued."""
        if busy or len(self.waiting) >= WAITING:
            self.dropped[new.world, new.merchant] += 1
            return False
        self.waiting.append(new)
        return True
