"""An account's limits: what is kept back was never sent."""

import asyncio
from typing import Any

import pytest
from tests.unit.conftest import account

from ordergate.gateway.account import Trips
from ordergate.gateway.ports import TransportError
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.transport.breaker import Breaker, after_failure, after_success, blocked_for, passing
from ordergate.transport.guards import GuardedTransport

ASK = WireRequest(method="GET", path="/orders")
TRIPS = Trips(after=3, seconds=10)


class Provider:
    """Answers with a status, and counts."""

    def __init__(self) -> None:
        self.status, self.asked = 200, 0

    async def send(self, *_: Any) -> WireResponse:
        self.asked += 1
        return WireResponse(status=self.status)

    async def forget(self, account: str) -> None: ...

    async def close(self) -> None: ...


class Slow(Provider):
    """Answers when it may, and knows whose connections were closed."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.forgotten: list[str] = []

    async def send(self, *_: Any) -> WireResponse:
        await self.answers.wait()
        return WireResponse(status=200)

    async def forget(self, account: str) -> None:
        self.forgotten.append(account)


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _sent(transport: GuardedTransport, times: int, **settings: Any) -> int:
    kept_back = []
    for _ in range(times):
        try:
            await transport.send(account("main", **settings), ASK)
        except TransportError as error:
            kept_back.append(error.sent)
    assert set(kept_back) <= {"no"}
    return times - len(kept_back)


@pytest.mark.parametrize(("nodes", "each"), [(1, 100), (4, 25), (1000, 1)])
async def test_rate_is_shared_among_the_nodes(nodes: int, each: int) -> None:
    """Of an account's calls a minute each process takes its part, at least one."""
    clock = Clock()
    transport = GuardedTransport(Provider(), clock)
    transport.share_among(nodes)

    assert await _sent(transport, 110, requests_per_minute=100) == each
    clock.now += 61
    assert await _sent(transport, 110, requests_per_minute=100) == each


async def test_half_of_the_rate_is_left_to_calls_that_somebody_waits_for() -> None:
    """Calls that nobody waits for have room as long as more than half is left, and the account is asked at all."""
    clock, provider = Clock(), Provider()
    transport = GuardedTransport(provider, clock)
    limited, unlimited = account("main", requests_per_minute=10), account("other", requests_per_minute=0)

    for sent in range(8):
        assert transport.health(limited).has_room == (sent < 5)
        assert await _sent(transport, 1, requests_per_minute=10) == 1
    clock.now += 61
    assert transport.health(limited).has_room
    transport.pause(limited, 30)
    assert not transport.health(limited).has_room
    assert transport.health(unlimited).has_room
    provider.status = 503
    for _ in range(unlimited.trips.after):
        await transport.send(unlimited, ASK)
    assert not transport.health(unlimited).has_room
    clock.now += 11
    assert transport.health(unlimited).has_room, "one call finds out"


async def test_asked_to_wait_nothing_is_sent() -> None:
    """After a 429 with Retry-After the account is left alone for so long."""
    clock, provider = Clock(), Provider()
    transport = GuardedTransport(provider, clock)
    limited = account("main", requests_per_minute=100)
    transport.pause(limited, 30)

    with pytest.raises(TransportError) as kept:
        await transport.send(limited, ASK)

    assert (kept.value.sent, kept.value.code, kept.value.retry_after) == ("no", "provider_rate_limited", 30)
    assert transport.health(limited).paused_for == 30
    clock.now += 31
    assert (await transport.send(limited, ASK)).status == 200
    assert provider.asked == 1


async def test_breaker_lets_one_call_find_out() -> None:
    """After failures in a row nothing is sent; when the time is over one call tries, and its success closes it."""
    clock, provider = Clock(), Provider()
    transport = GuardedTransport(provider, clock)
    provider.status = 503

    assert await _sent(transport, 10, trips=TRIPS) == 3
    assert transport.health(account("main", trips=TRIPS)).breaker == "open"
    clock.now += 11
    assert transport.health(account("main", trips=TRIPS)).breaker == "half_open"
    assert await _sent(transport, 5, trips=TRIPS) == 1
    clock.now += 11
    provider.status = 200
    assert await _sent(transport, 5, trips=TRIPS) == 5


@pytest.mark.parametrize(("comes_back", "forgotten"), [(False, ["main"]), (True, [])])
async def test_connections_of_a_removed_account(comes_back: bool, forgotten: list[str]) -> None:
    """They are closed once its calls are over, but not if the account is back by then."""
    provider = Slow()
    transport = GuardedTransport(provider, Clock())
    calls = [asyncio.create_task(transport.send(account("main"), ASK))]
    await asyncio.sleep(0)

    transport.keep_only([])
    if comes_back:
        calls.append(asyncio.create_task(transport.send(account("main"), ASK)))
    provider.answers.set()
    await asyncio.gather(*calls)
    await asyncio.gather(*transport._ending)

    assert provider.forgotten == forgotten


def test_breaker_as_data() -> None:
    """Open after enough failures in a row, for so long; then for one call; a success forgets them."""
    breaker = Breaker()
    for second in range(3):
        assert blocked_for(breaker, TRIPS, second) is None
        breaker = after_failure(passing(breaker), TRIPS, second, "no answer")
    assert blocked_for(breaker, TRIPS, 5) == 7
    assert blocked_for(breaker, TRIPS, 12) is None
    trying = passing(breaker)
    assert blocked_for(trying, TRIPS, 12) == 1.0
    assert after_failure(trying, TRIPS, 12, "still").opened_at == 12
    assert after_success(trying) == Breaker()
