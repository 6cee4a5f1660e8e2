"""Rate limits for each API key, as a bucket with a burst and a refill per minute."""

import math
from email.utils import formatdate

from .errors import ApiError
from .switches import Switches

RATES = {"staging": (100, 200), "production": (1000, 2000)}
"""Requests per minute and burst of each environment (OpenAPI, API reference)."""


class RateLimit:
    """The one key's bucket; full at first."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._at = 0.0

    def take(self, switches: Switches, now: float) -> ApiError | None:
        """Count one request; return the refusal if it is one too many."""
        if not switches.rate_limits:
            return None
        per_minute, burst = _rate(switches)
        self._refill(per_minute, now)
        if self._spent + 1 > burst:
            wait = math.ceil((self._spent + 1 - burst) * 60 / per_minute)
            return too_many_requests(switches, now, max(wait, 1))
        self._spent += 1
        return None

    def headers(self, switches: Switches, now: float) -> dict[str, str]:
        """Return the `X-RateLimit-*` headers of an answer that was not refused."""
        per_minute, burst = _rate(switches)
        self._refill(per_minute, now)
        full_at = math.ceil(now + self._spent * 60 / per_minute)
        return _headers(per_minute, int(burst - self._spent), full_at)

    def _refill(self, per_minute: int, now: float) -> None:
        passed = max(now - self._at, 0.0)
        self._spent = max(self._spent - passed * per_minute / 60, 0.0)
        self._at = now


def too_many_requests(switches: Switches, now: float, wait: int) -> ApiError:
    """Build a 429 (CLI contract).

    Args:
        switches: Choose the form of `Retry-After` and whether `X-RateLimit-*` is sent.
        now: Unix time in seconds.
        wait: Seconds until the client may try again.
    """
    headers = _retry_after(switches, now, wait)
    if switches.rate_limit_headers != "never":
        headers |= _headers(_rate(switches)[0], 0, math.ceil(now + wait))
    return ApiError(429, details={"retry_after": wait}, headers=headers)


def _rate(switches: Switches) -> tuple[int, int]:
    per_minute, burst = RATES[switches.environment]
    return switches.requests_per_minute or per_minute, switches.burst or burst


def _retry_after(switches: Switches, now: float, wait: int) -> dict[str, str]:
    match switches.retry_after:
        case "absent":
            return {}
        case "zero":
            return {"Retry-After": "0"}
        case "http_date":
            return {"Retry-After": formatdate(now + wait, usegmt=True)}
        case _:
            return {"Retry-After": str(wait)}


def _headers(per_minute: int, remaining: int, reset: int) -> dict[str, str]:
    """Write the headers; the reset is Unix seconds, not milliseconds (CLI contract)."""
    return {
        "X-RateLimit-Limit": str(per_minute),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }
