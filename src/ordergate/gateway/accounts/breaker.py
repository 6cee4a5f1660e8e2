"""A circuit breaker as data: after failures in a row nothing is sent for a while, then one call tries.

Own code, because it gets the time, lets exactly one call probe, and returns why it is open. The libraries that were
considered read their own clocks and let all waiting calls through at once.
"""

import msgspec

from ordergate.gateway.accounts.account import Trips


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """One breaker at one moment.

    Attributes:
        failures: In a row, up to now.
        opened_at: Monotonic seconds; None while it is closed.
        generation: How often the breaker has opened. The result of a call from an earlier generation is ignored.
        trying: A call is on its way to find out whether the provider is back.
        reason: The last failure, for a human.
    """

    failures: int = 0
    opened_at: float | None = None
    generation: int = 0
    trying: bool = False
    reason: str = ""


def blocked_for(breaker: Breaker, trips: Trips, now: float) -> float | None:
    """Return for how many seconds nothing may be sent; None if a call may pass."""
    if breaker.opened_at is None:
        return None
    left = breaker.opened_at + trips.seconds - now
    if left > 0:
        return left
    return 1.0 if breaker.trying else None


def passing(breaker: Breaker) -> Breaker:
    """Return the breaker while a call is on its way: of an open one that call is the one that tries."""
    return breaker if breaker.opened_at is None else msgspec.structs.replace(breaker, trying=True)


def after_success(breaker: Breaker, generation: int) -> Breaker:
    """Return it closed, if the call is of this generation."""
    return breaker if generation != breaker.generation else Breaker(generation=generation)


def after_failure(breaker: Breaker, generation: int, trips: Trips, now: float, reason: str) -> Breaker:
    """Return it with one failure more, if the call is of this generation.

    Return the breaker after a failure: open after enough failures, or again if the probing call failed.
    """
    if generation != breaker.generation:
        return breaker
    failures = breaker.failures + 1
    if failures < trips.after and not breaker.trying:
        return msgspec.structs.replace(breaker, failures=failures, reason=reason)
    return Breaker(failures=failures, opened_at=now, generation=generation + 1, reason=reason)


def released(breaker: Breaker, generation: int) -> Breaker:
    """Return it as if the call that was on its way had never been: it ended without telling anything."""
    return breaker if generation != breaker.generation else msgspec.structs.replace(breaker, trying=False)
