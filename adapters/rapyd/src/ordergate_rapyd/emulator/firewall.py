"""The firewall in front of Rapyd, which only counts requests.

Facts: Rapyd docs, "Request Rate Limits": more than 200 requests in a minute are blocked until the minute
ends, more than 1000 in five minutes for five minutes. The form of its answer is not documented: a firewall
does not speak JSON.
"""

from ordergate.spi.emulator import EmulatedResponse

PER_MINUTE = 200
PER_FIVE_MINUTES = 1000

_MINUTE = 60
_FIVE_MINUTES = 300

BLOCKED = EmulatedResponse(
    status=429,
    headers={"content-type": "text/html; charset=utf-8"},
    body=b"<html>\n<head><title>429 Too Many Requests</title></head>\n"
    b"<body>\n<center><h1>429 Too Many Requests</h1></center>\n</body>\n</html>\n",
)


class Firewall:
    """Counts requests in minutes and in five minutes of the clock."""

    def __init__(self) -> None:
        self._minute = _Window(_MINUTE)
        self._five_minutes = _Window(_FIVE_MINUTES)
        self._blocked_until = 0.0

    def blocks(self, now: float) -> bool:
        """Count one request; whether it is one too many."""
        if now < self._blocked_until:
            return True
        if self._five_minutes.count(now) > PER_FIVE_MINUTES:
            self._blocked_until = now + _FIVE_MINUTES
            return True
        return self._minute.count(now) > PER_MINUTE


class _Window:
    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._number = -1
        self._requests = 0

    def count(self, now: float) -> int:
        """Return how many requests this window has seen with this one."""
        number = int(now) // self._seconds
        self._requests = self._requests + 1 if number == self._number else 1
        self._number = number
        return self._requests
