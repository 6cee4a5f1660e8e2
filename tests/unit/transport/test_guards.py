"""An account's limits: what is kept back was never sent."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.conftest import account

from ordergate.gateway.accounts.account import Account, Trips
from ordergate.gateway.accounts.breaker import (
    Breaker,
    after_failure,
    after_success,
    blocked_for,
    passing,
    released,
)
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.transport.guards import GuardedTransport

ASK = WireRequest(method="GET", path="/orders")
ACT = WireRequest(method="POST", path="/orders", acts=True)
TRIPS = Trips(after=3, seconds=10)


class Provider:
    """Answers with a status, and counts."""

    def __init__(self) -> None:
        self.status, self.asked, self.closed = 200, 0, 0
        self.headers: Mapping[str, str] = {}
        self.gone = asyncio.Event()

    async def send(self, *_: Any) -> WireResponse:
        self.asked += 1
        return WireResponse(status=self.status, headers=self.headers)

    async def close(self) -> None:
        self.closed += 1
        self.gone.set()


class Slow(Provider):
    """Answers each call when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[asyncio.Future[WireResponse]] = []

    async def send(self, *_: Any) -> WireResponse:
        self.asked += 1
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    async def answer(self, call: int, status: int) -> None:
        """Answer one call, and let its caller go on."""
        self.calls[call].set_result(WireResponse(status=status))
        await _go_on()


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _guarded(provider: Provider, clock: Clock | None = None) -> GuardedTransport:
    return GuardedTransport(lambda _: provider, clock or Clock())


async def _go_on() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _begun(
    transport: GuardedTransport, where: Account, times: int = 1, request: WireRequest = ASK
) -> list["asyncio.Task[WireResponse]"]:
    tasks = [asyncio.create_task(transport.send(where, request)) for _ in range(times)]
    await _go_on()
    return tasks


async def _sent(transport: GuardedTransport, times: int, request: WireRequest = ACT, **settings: Any) -> int:
    kept_back = []
    for _ in range(times):
        try:
            await transport.send(account("main", **settings), request)
        except TransportError as error:
            kept_back.append(error.sent)
    assert set(kept_back) <= {"no"}
    return times - len(kept_back)


@pytest.mark.parametrize(("nodes", "each"), [(1, 100), (4, 25), (1000, 1)])
async def test_rate_is_shared_among_the_nodes(nodes: int, each: int) -> None:
    """Of an account's calls a minute each process takes its part, at least one."""
    clock = Clock()
    transport = _guarded(Provider(), clock)
    transport.share_among(nodes)

    assert await _sent(transport, 110, requests_per_minute=100) == each
    clock.now += 61
    assert await _sent(transport, 110, requests_per_minute=100) == each


async def test_half_of_the_rate_is_left_to_calls_that_somebody_waits_for() -> None:
    """Calls that nobody waits for have room as long as more than half is left, and the account is asked at all."""
    clock, provider = Clock(), Provider()
    transport = _guarded(provider, clock)
    limited, unlimited = account("main", requests_per_minute=10), account("other", requests_per_minute=0)

    for sent in range(8):
        assert transport.health(limited).has_room == (sent < 5)
        assert await _sent(transport, 1, requests_per_minute=10) == 1
    clock.now += 61
    assert transport.health(limited).has_room
    provider.status, provider.headers = 429, {"retry-after": "30"}
    await transport.send(limited, ASK)
    assert not transport.health(limited).has_room
    assert transport.health(unlimited).has_room
    provider.status = 503
    for _ in range(unlimited.trips.after):
        await transport.send(unlimited, ASK)
    assert not transport.health(unlimited).has_room
    clock.now += 11
    assert transport.health(unlimited).has_room, "one call finds out"


async def test_calls_still_count_when_the_nodes_change() -> None:
    """Processes that come and go do not give an account's minute back."""
    provider = Provider()
    transport = _guarded(provider)
    for nodes in (1, 2, 1, 2, 1):
        transport.share_among(nodes)
        await _sent(transport, 120, requests_per_minute=100)

    assert provider.asked == 100
    assert await _sent(transport, 120, requests_per_minute=150) == 50


@pytest.mark.parametrize(("limit", "reads"), [(100, 80), (5, 4), (4, 4), (1, 1)])
async def test_reads_leave_a_share_of_the_rate_to_writes(limit: int, reads: int) -> None:
    """Reads alone do not use up the rate: the last fifth of it is for what acts."""
    transport = _guarded(Provider())

    assert await _sent(transport, 110, ASK, requests_per_minute=limit) == reads
    assert await _sent(transport, 110, ACT, requests_per_minute=limit) == limit - reads


@pytest.mark.parametrize("request_", [ASK, ACT], ids=["read", "write"])
async def test_a_place_comes_back_however_a_call_ends(request_: WireRequest) -> None:
    """Whether a call fails, is given up on its way or while it waits for its turn: the next one has its place."""
    provider, where = Slow(), account("main", max_in_flight=1, requests_per_minute=0)
    transport = _guarded(provider)

    for ends in (
        lambda call, _: call.set_exception(TransportError("maybe", "broken")),
        lambda _, task: task.cancel(),
    ):
        under_way, waiting = await _begun(transport, where, 2, request_)
        waiting.cancel()
        ends(provider.calls[-1], under_way)
        await asyncio.wait([under_way, waiting])

    (last,) = await _begun(transport, where, request=request_)
    await provider.answer(-1, 200)
    assert (await last).status == 200
    assert provider.asked == 3


async def test_reads_leave_slots_to_writes() -> None:
    """While reads have all places that they may have, a write is sent at once; the next read has its turn after one."""
    provider, where = Slow(), account("main", max_in_flight=5, requests_per_minute=0)
    transport = _guarded(provider)
    tasks = await _begun(transport, where, 6)
    assert provider.asked == 4

    tasks += await _begun(transport, where, request=ACT)
    assert provider.asked == 5
    await provider.answer(0, 200)
    assert provider.asked == 6
    await provider.answer(4, 200)
    assert provider.asked == 6

    for call in (1, 2, 3, 5):
        await provider.answer(call, 200)
    await provider.answer(6, 200)
    assert [answer.status for answer in await asyncio.gather(*tasks)] == [200] * 7


@pytest.mark.parametrize(("headers", "seconds"), [({"retry-after": "30"}, 30), ({"retry-after": "soon"}, 60)])
@pytest.mark.parametrize(
    "settings",
    [{"requests_per_minute": 100}, {"requests_per_minute": 0, "environment": "production"}],
    ids=["limited", "production without a limit"],
)
async def test_asked_to_wait_nothing_is_sent(
    headers: Mapping[str, str], seconds: int, settings: dict[str, Any]
) -> None:
    """After a 429, whatever asked, the account is left alone for as long as the provider says, or for a minute."""
    clock, provider = Clock(), Provider()
    provider.status, provider.headers = 429, headers
    transport, where = _guarded(provider, clock), account("main", **settings)
    assert (await transport.send(where, ASK)).status == 429

    with pytest.raises(TransportError) as kept:
        await transport.send(where, ASK)

    refusal = kept.value
    assert (refusal.sent, refusal.code, refusal.retry_after) == ("no", "provider_rate_limited", seconds)
    assert transport.health(where).paused_for == seconds
    clock.now += seconds + 1
    provider.status = 200
    assert (await transport.send(where, ASK)).status == 200
    assert provider.asked == 2


async def test_an_emulator_without_limits_is_not_left_alone() -> None:
    """An emulator's 429 is there to be seen; nobody is spared by a pause."""
    provider = Provider()
    provider.status = 429

    assert await _sent(_guarded(provider), 3, environment="emulator") == 3


async def test_breaker_lets_one_call_find_out() -> None:
    """After failures in a row nothing is sent; when the time is over one call tries, and its success closes it."""
    clock, provider = Clock(), Provider()
    transport = _guarded(provider, clock)
    provider.status = 503

    assert await _sent(transport, 10, trips=TRIPS) == 3
    assert transport.health(account("main", trips=TRIPS)).breaker == "open"
    clock.now += 11
    assert transport.health(account("main", trips=TRIPS)).breaker == "half_open"
    assert await _sent(transport, 5, trips=TRIPS) == 1
    clock.now += 11
    provider.status = 200
    assert await _sent(transport, 5, trips=TRIPS) == 5


async def test_what_the_breaker_keeps_back_uses_up_no_rate() -> None:
    """When the provider is back, the rate is there for it, however many calls were refused meanwhile."""
    clock, provider = Clock(), Provider()
    transport, limits = _guarded(provider, clock), {"trips": TRIPS, "requests_per_minute": 100}
    provider.status = 503

    assert await _sent(transport, 200, **limits) == 3
    assert transport.health(account("main", **limits)).rate_left == 97
    clock.now += 11
    provider.status = 200
    assert await _sent(transport, 50, **limits) == 50


async def test_what_the_breaker_keeps_back_waits_for_no_slot() -> None:
    """A call that may not be sent is refused at once, though all places are taken."""
    provider, where = Slow(), account("main", max_in_flight=4, trips=TRIPS)
    transport = _guarded(provider)
    tasks = await _begun(transport, where, 4)
    for call in range(3):
        await provider.answer(call, 503)
    tasks += await _begun(transport, where, 1)

    assert tasks[-1].done()
    with pytest.raises(TransportError, match="is not asked for now"):
        tasks[-1].result()
    await provider.answer(3, 200)


async def test_the_breaker_is_asked_again_after_waiting() -> None:
    """What waited for its turn while the breaker opened is not sent."""
    provider, where = Slow(), account("main", max_in_flight=3, trips=TRIPS)
    transport = _guarded(provider)
    tasks = await _begun(transport, where, 4)
    for call in list(provider.calls):
        call.set_result(WireResponse(status=503))

    with pytest.raises(TransportError, match="is not asked for now"):
        await asyncio.wait_for(tasks[3], 60)
    assert provider.asked == 3


async def test_old_calls_do_not_steer_the_breaker() -> None:
    """Calls that were sent before the breaker opened neither close it, nor open it anew, nor end the trial."""
    clock, provider, where = Clock(), Slow(), account("main", trips=TRIPS)
    transport = _guarded(provider, clock)
    tasks = await _begun(transport, where, 7)
    for call in range(3):
        await provider.answer(call, 503)
    await provider.answer(3, 200)
    assert transport.health(where).breaker == "open"

    clock.now += 11
    (trial,) = await _begun(transport, where)
    await provider.answer(4, 503)
    tasks[5].cancel()
    await _go_on()
    assert transport.health(where).breaker == "half_open"
    with pytest.raises(TransportError):
        await transport.send(where, ASK)
    await provider.answer(7, 200)
    await provider.answer(6, 503)

    assert (await trial).status == 200
    assert transport.health(where).breaker == "closed"
    assert transport.health(where).reasons == ()


async def test_what_cannot_be_written_is_not_the_providers_failure() -> None:
    """A request of ours that cannot be sent says nothing of the provider."""

    class Unwritable(Provider):
        async def send(self, *_: Any) -> WireResponse:
            raise TransportError("no", "The request cannot be written.", code="internal_error")

    transport, where = _guarded(Unwritable()), account("main", trips=TRIPS)
    for _ in range(5):
        with pytest.raises(TransportError, match="cannot be written"):
            await transport.send(where, ASK)

    assert transport.health(where).breaker == "closed"


# Where an account leads to


async def test_each_account_has_its_own_connections() -> None:
    """Accounts share no connections, an account keeps its own, and all are closed together."""
    made: list[Provider] = []

    def connect(_: Account) -> Provider:
        made.append(Provider())
        return made[-1]

    transport = GuardedTransport(connect, Clock())
    for name in ("a", "b", "a"):
        await transport.send(account(name), ASK)
    await transport.close()

    assert [(provider.asked, provider.closed) for provider in made] == [(2, 1), (1, 1)]


async def test_an_account_that_leads_elsewhere_begins_anew() -> None:
    """Under the same name another place is reached over connections of its own, whatever was wrong at the first."""
    places = {"http://127.0.0.1:1": Provider(), "https://api.example.test": Provider()}
    first, second = (account("main", base_url=url, trips=TRIPS, requests_per_minute=9) for url in places)
    transport = GuardedTransport(lambda where: places[where.base_url], Clock())
    places[first.base_url].status = 503
    for _ in range(3):
        await transport.send(first, ACT)
    transport.retain_only([second])

    assert (await transport.send(second, ACT)).status == 200

    assert [provider.asked for provider in places.values()] == [3, 1]
    assert transport.health(second).rate_left == 8


async def test_an_account_that_comes_back_has_connections_of_its_own() -> None:
    """The end of a removed account's last calls does not end those of the account that came back in its name."""
    made: list[Slow] = []

    def connect(_: Account) -> Slow:
        made.append(Slow())
        return made[-1]

    transport, where = GuardedTransport(connect, Clock()), account("main")
    (old,) = await _begun(transport, where)
    transport.retain_only([])
    (new,) = await _begun(transport, where)
    await made[0].answer(0, 200)
    assert (await old).status == 200
    async with asyncio.timeout(60):
        await made[0].gone.wait()

    assert made[1].closed == 0
    await made[1].answer(0, 200)
    assert (await new).status == 200


async def test_a_removed_account_ends_with_the_process() -> None:
    """What still waits for a removed account's calls at the end is closed with the rest."""
    provider = Slow()
    transport = _guarded(provider)
    (call,) = await _begun(transport, account("main"))
    transport.retain_only([])
    await transport.close()

    assert provider.closed == 1
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call


# The breaker


def test_breaker_as_data() -> None:
    """Open after enough failures in a row, for so long; then for one call; a success forgets them."""
    breaker = Breaker()
    for second in range(3):
        assert blocked_for(breaker, TRIPS, second) is None
        breaker = after_failure(passing(breaker), 0, TRIPS, second, "no answer")
    assert blocked_for(breaker, TRIPS, 5) == 7
    assert blocked_for(breaker, TRIPS, 12) is None
    trying = passing(breaker)
    assert blocked_for(trying, TRIPS, 12) == 1.0
    again = after_failure(trying, 1, TRIPS, 12, "still")
    assert (again.opened_at, again.generation) == (12, 2)
    assert after_success(trying, 1) == Breaker(generation=1)
    assert blocked_for(released(trying, 1), TRIPS, 12) is None


def test_breaker_ignores_other_generations() -> None:
    """What was sent before it opened last changes nothing."""
    trying = Breaker(failures=3, opened_at=0, generation=1, trying=True, reason="no answer")

    assert after_success(trying, 0) is trying
    assert after_failure(trying, 0, TRIPS, 12, "late") is trying
    assert released(trying, 0) is trying
