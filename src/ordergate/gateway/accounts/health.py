"""How an account is doing, as this process sees it."""

import msgspec

from ordergate.domain.account import BreakerState


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Why an account accepts no calls, or few.

    Attributes:
        breaker: ``open`` lets nothing through, ``half_open`` one call that finds out.
        in_flight: Calls on their way now, those that wait for their turn included.
        paused_for: Seconds for which the provider has asked to be left alone; 0 for none.
        rate_left: Calls that the rate limit allows now; None without a limit.
        rate_size: Calls that the rate limit allows after a pause; None without a limit.
        reasons: Why it is not quite well, for a human.
    """

    breaker: BreakerState = "closed"
    in_flight: int = 0
    paused_for: float = 0.0
    rate_left: int | None = None
    rate_size: int | None = None
    reasons: tuple[str, ...] = ()

    @property
    def has_room(self) -> bool:
        """Whether background calls may be made: half of the rate limit is reserved for callers."""
        spare = self.rate_left is None or self.rate_size is None or 2 * self.rate_left > self.rate_size
        return self.breaker != "open" and not self.paused_for and spare
