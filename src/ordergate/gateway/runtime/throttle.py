"""A rate limit per name, in this process's memory, with a bounded number of names."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil

from aiolimiter import AsyncLimiter

from ordergate.domain.errors import Problem

_MINUTE = 60


class Throttle:
    """So many a minute for each name: all of them at once, then evenly (a leaky bucket)."""

    def __init__(self, names: int = 10_000) -> None:
        """Count for so many names at most; beyond that, the names that were idle longest are forgotten."""
        self._bucket: Callable[[str, int], AsyncLimiter] = lru_cache(maxsize=names)(_bucket)

    def require_room(self, name: str, per_minute: int, detail: str) -> None:
        """Refuse a name that has used up its limit, without counting.

        Raises:
            Problem: ``rate_limited``, with the seconds until there is room for one more.
        """
        if not self._bucket(name, per_minute).has_capacity():
            raise Problem("rate_limited", detail, retry_after=ceil(_MINUTE / per_minute))

    async def count(self, name: str, per_minute: int) -> None:
        """Count one use; raise if the limit is used up.

        A refused use is not counted, so that nobody waits longer for trying.
        """
        bucket = self._bucket(name, per_minute)
        if bucket.has_capacity():
            await bucket.acquire()


def _bucket(_name: str, per_minute: int) -> AsyncLimiter:
    return AsyncLimiter(per_minute, _MINUTE)
