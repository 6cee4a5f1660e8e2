"""How many deliveries one endpoint gets at once, what becomes of one that takes none, and what one failure stops."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests import journals
from tests.builders import NOON, provider_order
from tests.contract.conftest import order
from tests.contract.test_deliveries import endpoint
from tests.journals import Run
from tests.unit.gateway.conftest import gateway_of

from ordergate.gateway.accounts.breaker import Breaker, after_failure, after_success, passing
from ordergate.gateway.accounts.configuration import Webhooks
from ordergate.gateway.outbound import deliver as deliveries
from ordergate.gateway.outbound.deliver import DEAD_AFTER, TRIPS, DeliveryWorker, EndpointState, changes_by
from ordergate.gateway.outbound.feed import list_events, number_round
from ordergate.gateway.runtime.event_ports import Reply
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.deliveries import DeliveryQuery, SigningSecret
from ordergate.journal.records.events import EventQuery, Feed
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.journal.transaction import Transaction

AT_ONCE = 8


def test_a_lane_has_so_many_places() -> None:
    """What is on its way takes a place."""
    state = EndpointState()

    assert state.room(0.0, AT_ONCE) == AT_ONCE
    state.in_flight = 5
    assert state.room(0.0, AT_ONCE) == 3
    assert state.room(0.0, 3) == 0


def test_a_silent_endpoint_is_left_alone_and_tried_by_one() -> None:
    """After enough silences nothing goes there for a while; then one delivery, until it was answered."""
    state = EndpointState()
    for _ in range(TRIPS.after):
        assert state.room(100.0, AT_ONCE) == AT_ONCE
        state.breaker = after_failure(state.breaker, 0, TRIPS, 100.0, "silence")

    assert state.room(100.0 + TRIPS.seconds / 2, AT_ONCE) == 0
    later = 100.0 + TRIPS.seconds
    assert state.room(later, AT_ONCE) == 1
    state.breaker, state.in_flight = passing(state.breaker), 1
    assert state.room(later, AT_ONCE) == 0
    state.breaker, state.in_flight = after_success(state.breaker, 1), 0
    assert state.breaker == Breaker(generation=1)
    assert state.room(later, AT_ONCE) == AT_ONCE


def test_an_endpoint_that_asks_for_patience_gets_it() -> None:
    """Nothing goes there before the time that it named."""
    state = EndpointState(paused_until=50.0)

    assert state.room(49.9, AT_ONCE) == 0
    assert state.room(50.0, AT_ONCE) == AT_ONCE


def test_a_quiet_lane_is_forgotten() -> None:
    """One that knows nothing; never one with deliveries on their way, silences counted or a time to wait for."""
    assert EndpointState(breaker=Breaker(generation=3)).is_idle(50.0)
    assert not EndpointState(in_flight=1).is_idle(50.0)
    assert not EndpointState(paused_until=51.0).is_idle(50.0)
    assert not EndpointState(breaker=Breaker(failures=1)).is_idle(50.0)


@pytest.mark.parametrize(
    ("since", "status", "last", "changed"),
    [
        (None, 200, False, {}),
        (NOON, 200, False, {"failing_since": None}),
        (None, 500, False, {"failing_since": NOON}),
        (NOON - DEAD_AFTER, 500, False, {}),
        (NOON - DEAD_AFTER + timedelta(seconds=1), 500, True, {}),
        (
            NOON - DEAD_AFTER,
            None,
            True,
            {
                "enabled": False,
                "updated_at": NOON,
                "disabled_reason": "Nothing could be delivered since 2026-02-24 12:00 UTC.",
            },
        ),
    ],
)
def test_an_endpoint_that_takes_nothing_is_disabled(
    since: datetime | None, status: int | None, *, last: bool, changed: dict[str, Any]
) -> None:
    """Only after days without any delivery, and only by one that has failed for good."""
    kept = endpoint(failing_since=since)

    assert changes_by(kept, Reply(status=status), NOON, delivered=status == 200, last=last) == changed


class Sender:
    """A way to receivers that is broken at one of them."""

    def __init__(self, broken: str) -> None:
        self.sent: list[str] = []
        self._broken = broken

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send nothing."""
        if url == self._broken:
            raise ZeroDivisionError
        self.sent.append(url)
        return Reply(status=200)


async def _queued(journal: SqliteJournal, *urls: str) -> list[str]:
    secret = SigningSecret(value=f"whsec_{b64encode(b'x' * 32).decode()}", ends_at=None)
    made = [endpoint(url=url) for url in urls]
    for each in made:
        await journal.write(tx.endpoints.add(each, secret, 20))
    await journal.write(tx.orders.add_imported(order()))
    await journal.write(tx.deliveries.number_events(Feed(merchant="acme", world="test"), 100))
    return [each.id for each in made]


async def _make(gateway: Runtime) -> None:
    worker = DeliveryWorker(gateway)
    await worker.start_due()
    await worker.stop()


async def test_a_try_that_breaks_counts(journal: SqliteJournal) -> None:
    """Whatever fails here, the try has failed, says so, and is followed by the next in its time."""
    gateway = gateway_of(journal)
    await _queued(journal, "https://bad.example")
    gateway.outbound.sender = Sender("https://bad.example")

    await _make(gateway)

    (row,) = await journal.read(tx.deliveries.search(DeliveryQuery(world="test")))
    assert [made.detail for made in row.tries] == [
        "The gateway could not make this attempt; its log has the reason."
    ]
    assert row.next_try_at is not None
    assert row.next_try_at > row.created_at


async def test_an_endpoint_that_cannot_be_read_keeps_no_other_waiting(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deliveries of the others are made."""
    gateway = gateway_of(journal)
    bad, _ = await _queued(journal, "https://bad.example", "https://good.example")
    gateway.outbound.sender = sender = Sender("")

    async def broken(run: Run, transaction: Transaction[Any]) -> Any:
        if transaction.arguments[0] == bad:
            raise ValueError(bad)
        return await run(transaction)

    journals.replace(monkeypatch, journal, "deliveries.acquire", broken)
    await _make(gateway)

    assert sender.sent == ["https://good.example"]


async def test_a_feed_that_cannot_be_numbered_keeps_no_other_waiting(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another merchant's feed is numbered, in the background as for its readers."""
    gateway = gateway_of(journal)
    good, bad = (Feed(merchant=name, world="test") for name in ("acme", "bad"))
    await journal.write(tx.orders.add_imported(order()))
    await journal.write(
        tx.orders.add_imported(order(merchant="bad", seen=provider_order(provider_order_id="order_2")))
    )

    async def broken(run: Run, transaction: Transaction[Any]) -> Any:
        if transaction.arguments[0] == bad:
            raise ValueError(bad)
        return await run(transaction)

    journals.replace(monkeypatch, journal, "deliveries.number_events", broken)

    assert await number_round(gateway) == 1
    await journal.write(tx.orders.add_imported(order(seen=provider_order(provider_order_id="order_3"))))
    page = await list_events(gateway, EventQuery(feed=good))
    assert [event.number for event in page.data] == [1, 2]


@pytest.mark.parametrize("status", [410, 500, None])
async def test_what_an_old_place_answers_is_not_held_against_the_new_one(
    journal: SqliteJournal, status: int | None
) -> None:
    """An endpoint that moved while a delivery was on its way is neither disabled nor counted as failing."""
    gateway = gateway_of(journal)
    (moving,) = await _queued(journal, "https://old.example")

    class Moving:
        async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
            await journal.write(tx.endpoints.update(moving, {"url": "https://new.example"}))
            return Reply(status=status)

    gateway.outbound.sender = Moving()
    await _make(gateway)

    kept = await journal.read(tx.endpoints.find(moving))
    assert kept is not None
    assert (kept.url, kept.enabled, kept.failing_since) == ("https://new.example", True, None)
    (row,) = await journal.read(tx.deliveries.search(DeliveryQuery(world="test")))
    assert [made.http_status for made in row.tries] == [status]


class Answers:
    """A way to receivers, all of which answer the same."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send nothing."""
        return self._reply


@pytest.mark.parametrize(("retries", "enabled"), [((60.0,), True), ((), False)])
async def test_only_a_delivery_that_failed_for_good_disables(
    journal: SqliteJournal, retries: tuple[float, ...], *, enabled: bool
) -> None:
    """One that is tried again leaves its endpoint as it is, however long that has failed."""
    gateway = gateway_of(journal, webhooks=Webhooks(retries=retries))
    (dead,) = await _queued(journal, "https://dead.example")
    await journal.write(tx.endpoints.update(dead, {"failing_since": NOON - DEAD_AFTER}))
    gateway.outbound.sender = Answers(Reply(status=500))

    await _make(gateway)

    kept = await journal.read(tx.endpoints.find(dead))
    assert kept is not None
    assert kept.enabled is enabled


async def test_a_retry_waits_as_long_as_it_was_asked_to(journal: SqliteJournal) -> None:
    """Longer than planned; the endpoint's other deliveries wait, too, but for an hour at most."""
    gateway = gateway_of(journal, webhooks=Webhooks(retries=(0.01,)))
    (busy,) = await _queued(journal, "https://busy.example")
    gateway.outbound.sender = Answers(Reply(status=503, retry_after="7200"))
    worker = DeliveryWorker(gateway)

    await worker.start_due()
    await worker.stop()

    (row,) = await journal.read(tx.deliveries.search(DeliveryQuery(world="test")))
    assert row.next_try_at is not None
    assert row.next_try_at - row.created_at >= timedelta(hours=2)
    rest = worker._states[busy].paused_until - asyncio.get_running_loop().time()
    assert 0 < rest <= 3600


async def test_silences_are_counted_when_they_come(journal: SqliteJournal) -> None:
    """After so many the endpoint is left alone for a while from now on."""
    gateway = gateway_of(journal)
    (silent,) = await _queued(journal, "https://silent.example")
    gateway.outbound.sender = Answers(Reply(status=None))
    worker = DeliveryWorker(gateway)
    now = asyncio.get_running_loop().time()
    state = worker._states[silent] = EndpointState(breaker=Breaker(failures=TRIPS.after - 1))

    await worker.start_due()
    await worker.stop()

    assert state.room(now, AT_ONCE) == 0
    assert state.room(asyncio.get_running_loop().time() + TRIPS.seconds, AT_ONCE) == 1


async def test_a_retry_that_comes_soon_wakes_the_deliveries(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are woken at the end of the try, and once more when the retry is due."""
    gateway = gateway_of(journal, webhooks=Webhooks(retries=(0.01,)))
    await _queued(journal, "https://busy.example")
    gateway.outbound.sender = Answers(Reply(status=500))
    woken = asyncio.Semaphore(0)
    monkeypatch.setattr(gateway.workers, "wake", lambda _name: woken.release())

    await _make(gateway)

    async with asyncio.timeout(60):
        await woken.acquire()
        await woken.acquire()


async def test_the_end_waits_for_no_receiver(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that is still under way is let go of, and made again by the next process."""
    monkeypatch.setattr(deliveries, "_STOP_TIMEOUT", 0.01)
    gateway = gateway_of(journal)
    (silent,) = await _queued(journal, "https://silent.example")

    class Silent:
        async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    gateway.outbound.sender = Silent()
    async with asyncio.timeout(60):
        await _make(gateway)

    assert await journal.read(tx.endpoints.find_due()) == [silent]
