"""Keeps calls back that should not be sent now: too many at once, too fast, or to a provider that is down.

A delayed or refused request was never sent, so it may fail over. Delays happen here, before the request is signed. A
fifth of an account's limit is reserved for requests that act: reads are delayed first.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from ordergate.domain.account import BreakerState
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.breaker import (
    Breaker,
    after_failure,
    after_success,
    blocked_for,
    passing,
    released,
)
from ordergate.gateway.accounts.health import Health
from ordergate.gateway.runtime.concurrency import waiting
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.capabilities import RateLimit
from ordergate.spi.wire import WireRequest, WireResponse

LONGEST_WAIT = 2.5
"""Seconds that a call waits here at most, so that a signature is fresh when its settling time begins."""

UNSAID_WAIT = 60
"""Seconds without requests after a 429 without a Retry-After; most providers count by the minute."""

Monotonic = Callable[[], float]


class Sender(Protocol):
    """The guarded transport: it sends every request."""

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request, as :meth:`ordergate.gateway.runtime.ports.Transport.send`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@dataclass(slots=True)
class _Guard:
    """The state of one account's calls to one base URL, and its connections.

    Attributes:
        most: Calls on their way at the same time.
        limits: How fast it may be called, by all processes together.
        nodes: How many those are.
        calls: The latest ones, for the rate limit.
        bucket: The rate limit; None without one.
        reads: Takes the same calls, and is full a fifth earlier.
    """

    sender: Sender
    most: int = 0
    limits: tuple[RateLimit, ...] = ()
    nodes: int = 0
    slots: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)
    slots_for_reads: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)
    calls: list[RateItem] = field(default_factory=list)
    bucket: InMemoryBucket | None = None
    bucket_for_reads: InMemoryBucket | None = None
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0
    paused_until: float = 0.0

    def limit(self, most: int, limits: tuple[RateLimit, ...], nodes: int) -> None:
        """Set new limits; earlier calls still count."""
        if most != self.most:
            # Running calls release the slots of the old limit; for a moment there may be more of both.
            self.most, self.slots = most, asyncio.Semaphore(most)
            self.slots_for_reads = asyncio.Semaphore(_for_reads(most))
        if (limits, nodes) != (self.limits, self.nodes):
            self.limits, self.nodes = limits, nodes
            rates = [Rate(max(limit.requests // nodes, 1), limit.seconds * 1000) for limit in limits]
            reading = [Rate(_for_reads(rate.limit), rate.interval) for rate in rates]
            self.bucket, self.bucket_for_reads = _bucket(rates, self.calls), _bucket(reading, self.calls)


class GuardedTransport:
    """A way to the providers that keeps each account's limits."""

    def __init__(self, connect: Callable[[Account], Sender], monotonic: Monotonic) -> None:
        """Know no account yet.

        Args:
            connect: Makes the way to an account, which is its own.
            monotonic: A clock in seconds.
        """
        self._connect = connect
        self._monotonic = monotonic
        self._guards: dict[tuple[str, str, str], _Guard] = {}
        self._nodes = 1
        self._ending: dict[asyncio.Task[None], Sender] = {}

    def share_among(self, nodes: int) -> None:
        """Keep rate limits together with so many processes that serve, this one included if it does."""
        self._nodes = max(nodes, 1)

    def health(self, account: Account) -> Health:
        """Return how an account is doing."""
        guard, now = self._guard(account), self._monotonic()
        breaker, paused = _state(guard.breaker, account, now), max(guard.paused_until - now, 0.0)
        reasons = []
        if breaker != "closed":
            reasons.append(f"{guard.breaker.failures} calls failed in a row: {guard.breaker.reason}")
        if paused:
            reasons.append(f"the provider asked to wait; {paused:.0f} s are left")
        left = _available(guard, now)
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

    def retain_only(self, accounts: Iterable[Account]) -> None:
        """Close the connections to all other accounts, and to earlier base URLs of these, when they are idle."""
        kept = {account.place for account in accounts}
        for key in self._guards.keys() - kept:
            guard = self._guards.pop(key)
            self._ending[task := asyncio.create_task(_end(guard))] = guard.sender
            task.add_done_callback(self._ending.pop)

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request once the account's limits let it pass.

        Raises:
            TransportError: Kept back, and then not sent; or as the transport that is guarded.
        """
        guard = self._guard(account)
        guard.in_flight += 1
        try:
            with waiting():
                return await self._send(guard, account, request)
        finally:
            guard.in_flight -= 1

    async def close(self) -> None:
        """Close every connection."""
        senders = [*(guard.sender for guard in self._guards.values()), *self._ending.values()]
        for task in self._ending:
            task.cancel()
        for sender in senders:
            await sender.close()

    async def _send(self, guard: _Guard, account: Account, request: WireRequest) -> WireResponse:
        self._refuse_blocked(guard, account)  # before it takes part in any limit
        held = await _slots(guard, account, request)
        try:
            await self._pass_rate(guard, account, request)
            self._refuse_blocked(guard, account)
            guard.breaker = passing(guard.breaker)
            return await self._watched(guard, account, request)
        finally:
            for slots in held:
                slots.release()

    async def _watched(self, guard: _Guard, account: Account, request: WireRequest) -> WireResponse:
        generation = guard.breaker.generation

        def failed(reason: str) -> Breaker:
            return after_failure(guard.breaker, generation, account.trips, self._monotonic(), reason)

        try:
            response = await guard.sender.send(account, request)
        except TransportError as error:
            down = error.code == "provider_unavailable"
            guard.breaker = failed(error.reason) if down else released(guard.breaker, generation)
            raise
        except BaseException:
            guard.breaker = released(guard.breaker, generation)
            raise
        if response.status >= 500:
            guard.breaker = failed(f"{account.adapter.title} answered {response.status}.")
        else:
            guard.breaker = after_success(guard.breaker, generation)
        if response.status == 429 and (guard.limits or account.environment != "emulator"):
            until = self._monotonic() + (response.retry_after or UNSAID_WAIT)
            guard.paused_until = max(guard.paused_until, until)
        return response

    def _refuse_blocked(self, guard: _Guard, account: Account) -> None:
        now = self._monotonic()
        if guard.paused_until > now:
            left = guard.paused_until - now
            reason = f"{account.adapter.title} has asked for a pause; {left:.0f} s are left."
            raise TransportError("no", reason, code="provider_rate_limited", retry_after=left)
        left_open = blocked_for(guard.breaker, account.trips, now)
        if left_open is not None:
            failures = "a failure" if guard.breaker.failures == 1 else f"{guard.breaker.failures} failures"
            reason = f"{account.name} is not asked for now, after {failures}: "
            raise TransportError("no", reason + guard.breaker.reason, retry_after=left_open)

    async def _pass_rate(self, guard: _Guard, account: Account, request: WireRequest) -> None:
        """Wait for the rate limit if that is short; refuse otherwise."""
        waited = 0.0
        while (bucket := guard.bucket if request.acts else guard.bucket_for_reads) is not None:
            item = RateItem(account.name, round(self._monotonic() * 1000))
            bucket.leak(item.timestamp)
            if bucket.put(item):
                return
            told = bucket.waiting(item)
            wait = max(told / 1000, 0.001) if isinstance(told, int) else 1.0
            waited += wait
            if waited > LONGEST_WAIT / 2:
                whose = "" if request.acts else " for reads"
                reason = f"The rate limit of {account.name}{whose} ({bucket.failing_rate}) is used up."
                raise TransportError("no", reason, code="provider_rate_limited", retry_after=wait)
            await asyncio.sleep(wait)

    def _guard(self, account: Account) -> _Guard:
        """An account's name may get another base URL; the state of the old one does not apply to it."""
        guard = self._guards.get(account.place)
        if guard is None:
            guard = self._guards[account.place] = _Guard(self._connect(account))
        guard.limit(account.max_in_flight, account.limits, self._nodes)
        return guard


async def _slots(guard: _Guard, account: Account, request: WireRequest) -> Sequence[asyncio.Semaphore]:
    """Take a place among the calls on their way; a read takes one of those for reads, too.

    Returns:
        A slot that was taken and must be released.
    """
    wanted = (guard.slots,) if request.acts else (guard.slots_for_reads, guard.slots)
    if not any(slots.locked() for slots in wanted):
        for slots in wanted:
            await slots.acquire()  # without waiting
        return wanted
    async with AsyncExitStack() as held:
        try:
            async with asyncio.timeout(LONGEST_WAIT / 2):
                for slots in wanted:
                    await held.enter_async_context(slots)
        except TimeoutError:
            reserved = "" if request.acts else ", or as many as leave the rest to writes"
            reason = f"{guard.most} calls to {account.name} are on their way already{reserved}."
            raise TransportError("no", reason, code="overloaded", retry_after=1) from None
        held.pop_all()
    return wanted


async def _end(guard: _Guard) -> None:
    while guard.in_flight:  # noqa: ASYNC110 - nobody waits for it
        await asyncio.sleep(0.1)
    await guard.sender.close()


def _for_reads(most: int) -> int:
    """Return the part of a limit that reads may use; of less than five nothing is reserved."""
    return most - most // 5


def _bucket(rates: list[Rate], calls: list[RateItem]) -> InMemoryBucket | None:
    """Return a limit on calls that are counted elsewhere, too."""
    if not rates:
        return None
    bucket = InMemoryBucket(rates)
    bucket.items = calls
    return bucket


def _available(guard: _Guard, now: float) -> int | None:
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
