"""Keeps calls back that should not be sent now: too many at once, too fast, or to a provider that is down.

What is kept back was never sent, so it may go elsewhere. Waiting happens here, before the request is signed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from ordergate.gateway.account import Account
from ordergate.gateway.health import BreakerState, Health
from ordergate.gateway.ports import TransportError
from ordergate.spi.capabilities import RateLimit
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.transport.breaker import (
    Breaker,
    after_failure,
    after_success,
    blocked_for,
    passing,
    released,
)

LONGEST_WAIT = 2.5
"""Seconds that a call waits here at most, so that a signature is fresh when its settling time begins."""

Monotonic = Callable[[], float]


@dataclass(slots=True)
class _Guard:
    """What is known of one account's calls."""

    slots: asyncio.Semaphore
    most: int
    bucket: InMemoryBucket | None
    limits: tuple[RateLimit, ...]
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0
    paused_until: float = 0.0


class Sender(Protocol):
    """What is guarded: it sends whatever it is given."""

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request, as :meth:`ordergate.gateway.ports.Transport.send`."""
        ...

    async def forget(self, account: str) -> None:
        """Close the connections of one account."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class GuardedTransport:
    """A way to the providers that keeps each account's limits."""

    def __init__(self, inner: Sender, monotonic: Monotonic) -> None:
        """Guard another way to the providers; `monotonic` is a clock in seconds that never goes back."""
        self._inner = inner
        self._monotonic = monotonic
        self._guards: dict[str, _Guard] = {}
        self._nodes = 1
        self._ending: set[asyncio.Task[None]] = set()

    def share_among(self, nodes: int) -> None:
        """Keep rate limits together with so many processes, this one included."""
        if nodes != self._nodes:
            self._nodes = max(nodes, 1)
            for guard in self._guards.values():
                guard.bucket = _bucket(guard.limits, self._nodes)

    def pause(self, account: Account, seconds: float) -> None:
        """Send nothing for so long: the provider has asked for it. Without a rate limit there is none to keep."""
        guard = self._guard(account)
        if not guard.limits:
            return
        guard.paused_until = max(guard.paused_until, self._monotonic() + seconds)

    def health(self, account: Account) -> Health:
        """Return how an account is doing."""
        guard, now = self._guard(account), self._monotonic()
        breaker, paused = _state(guard.breaker, account, now), max(guard.paused_until - now, 0.0)
        reasons = []
        if breaker != "closed":
            reasons.append(f"{guard.breaker.failures} calls failed in a row: {guard.breaker.reason}")
        if paused:
            reasons.append(f"the provider asked to wait; {paused:.0f} s are left")
        left = _left(guard, now)
        if left == 0:
            reasons.append("the rate limit is used up")
        return Health(
            breaker=breaker,
            in_flight=guard.in_flight,
            paused_for=round(paused, 1),
            rate_left=left,
            rate_size=None if guard.bucket is None else min(rate.limit for rate in guard.bucket.rates),
            reasons=tuple(reasons),
        )

    def keep_only(self, accounts: Collection[str]) -> None:
        """Let the connections to all other accounts end once they are idle."""
        for name in [name for name in self._guards if name not in accounts]:
            guard = self._guards.pop(name)
            self._ending.add(task := asyncio.create_task(self._end(name, guard)))
            task.add_done_callback(self._ending.discard)

    async def _end(self, name: str, guard: _Guard) -> None:
        while guard.in_flight:  # noqa: ASYNC110 - nobody waits for it
            await asyncio.sleep(0.1)
        if name not in self._guards:  # else it is back, and calls are on its connections again
            await self._inner.forget(name)

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request once the account's limits let it pass.

        Raises:
            TransportError: Kept back, and then not sent; or as the transport that is guarded.
        """
        guard = self._guard(account)
        async with self._slot(guard, account):
            await self._pass_rate(guard, account)
            self._refuse_blocked(guard, account)
            guard.breaker = passing(guard.breaker)
            return await self._watched(guard, account, request)

    async def close(self) -> None:
        """Close what is guarded."""
        for task in self._ending:
            task.cancel()
        await self._inner.close()

    async def _watched(self, guard: _Guard, account: Account, request: WireRequest) -> WireResponse:
        try:
            response = await self._inner.send(account, request)
        except TransportError as error:
            guard.breaker = after_failure(guard.breaker, account.trips, self._monotonic(), error.reason)
            raise
        except BaseException:
            guard.breaker = released(guard.breaker)
            raise
        if response.status >= 500:
            reason = f"{account.adapter.title} answered {response.status}."
            guard.breaker = after_failure(guard.breaker, account.trips, self._monotonic(), reason)
        else:
            guard.breaker = after_success(guard.breaker)
        return response

    def _refuse_blocked(self, guard: _Guard, account: Account) -> None:
        now = self._monotonic()
        if guard.paused_until > now:
            left = guard.paused_until - now
            reason = f"{account.adapter.title} has asked to be left alone; {left:.0f} s are left."
            raise TransportError("no", reason, code="provider_rate_limited", retry_after=left)
        left_open = blocked_for(guard.breaker, account.trips, now)
        if left_open is not None:
            reason = f"{account.name} is not asked for now, after {guard.breaker.failures} failures: "
            raise TransportError("no", reason + guard.breaker.reason, retry_after=left_open)

    @asynccontextmanager
    async def _slot(self, guard: _Guard, account: Account) -> AsyncIterator[None]:
        slots = guard.slots
        try:
            async with asyncio.timeout(LONGEST_WAIT / 2):
                await slots.acquire()
        except TimeoutError:
            reason = f"{account.max_in_flight} calls to {account.name} are on their way already."
            raise TransportError("no", reason, code="overloaded", retry_after=1) from None
        guard.in_flight += 1
        try:
            yield
        finally:
            guard.in_flight -= 1
            slots.release()

    async def _pass_rate(self, guard: _Guard, account: Account) -> None:
        """Wait for the rate limit if that is short; refuse otherwise."""
        waited = 0.0
        while guard.bucket is not None:
            item = RateItem(account.name, round(self._monotonic() * 1000))
            guard.bucket.leak(item.timestamp)
            if guard.bucket.put(item):
                return
            told = guard.bucket.waiting(item)
            wait = max(told / 1000, 0.001) if isinstance(told, int) else 1.0
            waited += wait
            if waited > LONGEST_WAIT / 2:
                reason = f"The rate limit of {account.name} ({guard.bucket.failing_rate}) is used up."
                raise TransportError("no", reason, code="provider_rate_limited", retry_after=wait)
            await asyncio.sleep(wait)

    def _guard(self, account: Account) -> _Guard:
        guard = self._guards.get(account.name)
        if guard is None:
            guard = self._guards[account.name] = _Guard(
                slots=asyncio.Semaphore(account.max_in_flight),
                most=account.max_in_flight,
                bucket=_bucket(account.limits, self._nodes),
                limits=account.limits,
            )
        if guard.limits != account.limits:
            guard.limits, guard.bucket = account.limits, _bucket(account.limits, self._nodes)
        if guard.most != account.max_in_flight:
            # Calls under way let go of the slots that they hold; for a moment there may be more of both.
            guard.slots, guard.most = asyncio.Semaphore(account.max_in_flight), account.max_in_flight
        return guard


def _bucket(limits: tuple[RateLimit, ...], nodes: int) -> InMemoryBucket | None:
    if not limits:
        return None
    return InMemoryBucket([Rate(max(limit.requests // nodes, 1), limit.seconds * 1000) for limit in limits])


def _left(guard: _Guard, now: float) -> int | None:
    if guard.bucket is None:
        return None
    milliseconds = round(now * 1000)
    return min(
        rate.limit - sum(item.timestamp > milliseconds - rate.interval for item in guard.bucket.items)
        for rate in guard.bucket.rates
    )


def _state(breaker: Breaker, account: Account, now: float) -> BreakerState:
    if breaker.opened_at is None:
        return "closed"
    return "open" if breaker.opened_at + account.trips.seconds > now else "half_open"
