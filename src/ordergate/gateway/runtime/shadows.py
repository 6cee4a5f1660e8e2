"""New orders that wait to be translated for other accounts: a few, and the first to go when there is much to do."""

from collections import Counter, deque
from typing import TYPE_CHECKING

import msgspec

from ordergate.domain.draft import Draft
from ordergate.domain.mode import World
from ordergate.journal.records.comparisons import ShadowCount

if TYPE_CHECKING:
    from ordergate.gateway.access.caller import Caller
    from ordergate.gateway.runtime.runtime import Gateway

WAITING = 200
"""Orders that wait at most; further ones are dropped and counted."""

BUSY = 100
"""Writes under way in this process from which on nothing is taken in."""


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """One new order, and the account that it really went to."""

    merchant: str
    world: World
    draft: Draft
    account: str


class Shadows:
    """What waits in this process.

    Attributes:
        waiting: The orders, the oldest first.
        dropped: How many were not taken in since that was counted last, by world and merchant.
        uncounted: What the journal could not be told yet.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.waiting: deque[Shadow] = deque()
        self.dropped: Counter[tuple[World, str]] = Counter()
        self.uncounted: list[ShadowCount] = []

    def offer(self, gateway: "Gateway", caller: "Caller", draft: Draft, account: str) -> None:
        """Take in a new order if any account shadows it and there is time; it costs its caller nothing."""
        if not gateway.configuration.shadow or caller.merchant is None:
            return
        if len(self.waiting) >= WAITING or len(gateway.running) > BUSY:
            self.dropped[caller.world, caller.merchant] += 1
            gateway.metrics.shadow_dropped()
            return
        self.waiting.append(
            Shadow(merchant=caller.merchant, world=caller.world, draft=draft, account=account)
        )
