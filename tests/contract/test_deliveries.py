"""Deliveries are queued with their events and made by one process at a time, in order, on every store there is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from tests.contract.conftest import NOW, Store, keep, order, provider_order

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.event_type import EventType
from ordergate.domain.identifiers import new_id
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.deliveries import (
    DeliveryBatch,
    DeliveryQuery,
    DueDelivery,
    Endpoint,
    EndpointQuery,
    ReplayRange,
    SigningSecret,
)
from ordergate.journal.records.events import Feed

ACME = Feed(merchant="acme", world="test")
NODE, OTHER = "node_1", "node_2"
GOOD = DeliveryTry(at=NOW, milliseconds=12, http_status=200, detail=None)
BAD = DeliveryTry(at=NOW, milliseconds=12, http_status=500, detail="It failed.")


def endpoint(**changes: Any) -> Endpoint:
    """An endpoint of acme's for everything."""
    made = Endpoint(
        id=new_id("wh"),
        merchant="acme",
        world="test",
        url="https://example.com/hooks",
        types=None,
        description=None,
        enabled=True,
        disabled_reason=None,
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


async def _listen(journal: Journal, **changes: Any) -> Endpoint:
    made = endpoint(**changes)
    assert await journal.write(
        tx.endpoints.add(made, SigningSecret(value=f"whsec_{made.id}", ends_at=None), 20)
    )
    return made


async def _happen(journal: Journal, record: OrderRecord, *notes: str) -> None:
    """One event more for each of these notes, queued."""
    for note in notes:
        stored = await journal.read(tx.orders.find(record.id))
        assert stored is not None
        await journal.write(tx.orders.update(msgspec.structs.replace(record, notes=note), stored))
    await journal.write(tx.deliveries.number_events(ACME, 100))


async def _created(journal: Journal, count: int = 1) -> list[OrderRecord]:
    records = [
        await keep(journal, order(seen=provider_order(provider_order_id=f"order_{number}")))
        for number in range(count)
    ]
    await journal.write(tx.deliveries.number_events(ACME, 100))
    return records


async def _take(
    journal: Journal, receiver: Endpoint, node: str = NODE, limit: int = 10
) -> tuple[DueDelivery, ...]:
    parcel = await journal.write(tx.deliveries.acquire(receiver.id, node, limit))
    assert parcel is not None
    return parcel.due


async def _states(journal: Journal) -> list[str]:
    rows = await journal.read(tx.deliveries.search(DeliveryQuery(world="test", limit=100)))
    return [row.state for row in sorted(rows, key=lambda row: row.number)]


async def test_an_event_is_queued_for_whoever_wants_it(journal: Journal) -> None:
    """Enabled endpoints of that merchant and world that are told of the type; and no comparison's."""
    everything = await _listen(journal)
    updates = await _listen(journal, types=(EventType.ORDER_UPDATED,))
    await _listen(journal, enabled=False)
    await _listen(journal, merchant="bolt")
    await _listen(journal, world="live")
    await keep(journal, order(purpose="comparison"))
    for feed in await journal.read(tx.deliveries.unnumbered_feeds(10)):
        await journal.write(tx.deliveries.number_events(feed, 10))

    (record,) = await _created(journal)
    await _happen(journal, record, "a")

    rows = await journal.read(tx.deliveries.search(DeliveryQuery(world="test", limit=100)))
    assert sorted((row.endpoint, row.type, row.number) for row in rows) == sorted(
        [
            (everything.id, "order.created", 1),
            (everything.id, "order.updated", 2),
            (updates.id, "order.updated", 2),
        ]
    )
    assert set(await journal.read(tx.endpoints.find_due())) == {everything.id, updates.id}
    assert await journal.read(tx.deliveries.search(DeliveryQuery(world="live"))) == []


async def test_of_each_order_one_is_made_at_a_time(journal: Journal) -> None:
    """The next one of an order is due once the one before has been delivered, or has failed for good."""
    receiver = await _listen(journal)
    first, second = await _created(journal, 2)
    await _happen(journal, first, "a", "b")
    await _happen(journal, second, "a")

    parcel = await journal.write(tx.deliveries.acquire(receiver.id, NODE, 10))
    assert isinstance(parcel, DeliveryBatch)
    assert parcel.endpoint == receiver
    assert [secret.value for secret in parcel.secrets] == [f"whsec_{receiver.id}"]
    assert "whsec_" not in repr(parcel)
    one, two = parcel.due
    assert [each.event.order for each in parcel.due] == [first.id, second.id]
    assert one.event == await journal.read(tx.events.find(one.delivery.event))
    assert await _take(journal, receiver, OTHER) == ()

    await journal.write(tx.deliveries.finish(one, NODE, BAD, next_try_in=None))
    (next_one,) = await _take(journal, receiver)
    assert (next_one.event.order, next_one.delivery.number) == (first.id, 3)
    await journal.write(tx.deliveries.finish(two, NODE, BAD, next_try_in=60))
    assert await _take(journal, receiver) == ()
    await journal.write(tx.deliveries.finish(next_one, NODE, GOOD, next_try_in=None))
    (last_one,) = await _take(journal, receiver)

    assert (last_one.event.order, last_one.delivery.number) == (first.id, 4)
    assert await _states(journal) == ["failed", "pending", "delivered", "pending", "pending"]


async def test_a_retry_has_its_time(journal: Journal, store: Store) -> None:
    """It is due then and not before, remembers its tries, and begins anew when it is replayed."""
    receiver = await _listen(journal)
    await _created(journal)
    (due,) = await _take(journal, receiver)
    await journal.write(tx.deliveries.finish(due, NODE, BAD, next_try_in=60))
    waiting = await journal.read(tx.deliveries.find(due.delivery.id))
    assert waiting is not None
    assert waiting.next_try_at is not None
    assert waiting.tries == (BAD,)
    assert await journal.read(tx.endpoints.find_due()) == []
    assert await _take(journal, receiver) == ()

    await store.pass_time(61)
    assert await journal.read(tx.endpoints.find_due()) == [receiver.id]
    (again,) = await _take(journal, receiver)
    assert again.failures == 1
    await journal.write(tx.deliveries.finish(again, NODE, BAD, next_try_in=None))
    assert await journal.read(tx.endpoints.find_due()) == []
    replayed = await journal.write(tx.deliveries.replay(due.delivery.id))
    (anew,) = await _take(journal, receiver)

    assert replayed is not None
    assert replayed.state == "pending"
    assert (anew.failures, anew.delivery.tries) == (0, (BAD, BAD))
    assert await journal.write(tx.deliveries.replay("dlv_gone")) is None


async def test_a_dead_process_leaves_its_deliveries_to_others(journal: Journal, store: Store) -> None:
    """What it had taken is due again once its lease is over; what a living one has is not."""
    receiver = await _listen(journal)
    await _created(journal, 2)
    await journal.write(tx.leases.renew(NODE, 15))
    (one,) = await _take(journal, receiver, NODE, limit=1)
    await journal.write(tx.leases.renew(OTHER, 600))
    (two,) = await _take(journal, receiver, OTHER, limit=1)
    await journal.write(tx.deliveries.release(OTHER, {two.delivery.id}))
    assert await _take(journal, receiver, OTHER) == ()

    await store.pass_time(16)
    await journal.write(tx.deliveries.release(OTHER, {two.delivery.id}))
    (taken,) = await _take(journal, receiver, OTHER)
    await journal.write(tx.deliveries.finish(one, NODE, GOOD, next_try_in=None))

    assert taken.delivery.id == one.delivery.id
    assert await _states(journal) == ["pending", "pending"]
    await journal.write(tx.deliveries.release(OTHER, set()))
    assert len(await _take(journal, receiver, OTHER)) == 2


async def test_two_processes_never_make_one_delivery(store: Store) -> None:
    """Of many due at once each is taken by one of two."""
    journals = [await store.open(), await store.open()]
    receiver = await _listen(journals[0])
    await _created(journals[0], 40)

    taken: list[str] = []
    while len(taken) < 40:
        both = await asyncio.gather(
            _take(journals[0], receiver, NODE, 3), _take(journals[1], receiver, OTHER, 3)
        )
        taken += [due.delivery.id for each in both for due in each]

    assert len(set(taken)) == len(taken) == 40


async def test_what_ends_and_what_is_queued_at_once(store: Store) -> None:
    """Whichever comes first, the order's next delivery is due afterwards: it never waits for one that is over."""
    journals = [await store.open(), await store.open()]
    receiver = await _listen(journals[0])
    for _ in range(25):
        (record,) = await _created(journals[0])
        (due,) = await _take(journals[0], receiver)

        await asyncio.gather(
            journals[0].write(tx.deliveries.finish(due, NODE, GOOD, next_try_in=None)),
            _happen(journals[1], record, "a"),
        )

        (after,) = await _take(journals[0], receiver)
        assert after.event.order == record.id
        await journals[0].write(tx.deliveries.finish(after, NODE, GOOD, next_try_in=None))


async def test_a_disabled_endpoint_waits(journal: Journal) -> None:
    """Nothing of it is due or taken; once it is enabled what waited is."""
    receiver = await _listen(journal)
    await _created(journal)
    off = await journal.write(tx.endpoints.update(receiver.id, {"enabled": False}))
    assert off == msgspec.structs.replace(receiver, enabled=False)
    assert await journal.read(tx.endpoints.find_due()) == []
    assert await journal.write(tx.deliveries.acquire(receiver.id, NODE, 10)) is None
    await journal.write(tx.endpoints.update(receiver.id, {"enabled": True}))

    assert len(await _take(journal, receiver)) == 1
    assert await journal.write(tx.endpoints.update("wh_gone", {"enabled": True})) is None


async def test_secrets_overlap(journal: Journal, store: Store) -> None:
    """After a rotation both sign, the newest first, until the old one ends."""
    receiver = await _listen(journal)
    soon = datetime.now(UTC) + timedelta(seconds=60)
    assert await journal.write(
        tx.endpoints.rotate_secret(receiver.id, SigningSecret(value="whsec_second", ends_at=None), soon)
    )
    assert [each.value for each in await journal.read(tx.endpoints.find_secrets(receiver.id))] == [
        "whsec_second",
        f"whsec_{receiver.id}",
    ]
    await store.pass_time(61)
    assert [each.value for each in await journal.read(tx.endpoints.find_secrets(receiver.id))] == [
        "whsec_second"
    ]
    assert not await journal.write(
        tx.endpoints.rotate_secret("wh_gone", SigningSecret(value="whsec_x", ends_at=None), soon)
    )


async def test_a_deleted_endpoint_leaves_nothing(journal: Journal) -> None:
    """Its secrets and deliveries go with it; the events stay."""
    receiver = await _listen(journal)
    (record,) = await _created(journal)

    assert await journal.write(tx.endpoints.delete(receiver.id))

    assert not await journal.write(tx.endpoints.delete(receiver.id))
    assert await journal.read(tx.endpoints.search(EndpointQuery(world="test"))) == []
    assert await journal.read(tx.endpoints.find_secrets(receiver.id)) == []
    assert await journal.read(tx.deliveries.search(DeliveryQuery(world="test"))) == []
    assert len(await journal.read(tx.events.search_of_order(record.id))) == 1


async def test_there_are_only_so_many_endpoints(store: Store) -> None:
    """However many are added at once."""
    journals = [await store.open(), await store.open()]
    secret = SigningSecret(value="whsec_x", ends_at=None)

    added = await asyncio.gather(
        *(journals[n % 2].write(tx.endpoints.add(endpoint(), secret, 3)) for n in range(8))
    )

    assert sum(added) == 3
    assert len(await journals[0].read(tx.endpoints.search(EndpointQuery(world="test", merchant="acme")))) == 3


async def test_a_range_is_delivered_again(journal: Journal) -> None:
    """Everything after a number, delivered or never queued, in batches; what is being made is left alone."""
    await _created(journal, 2)
    receiver = await _listen(journal)
    await _created(journal, 3)
    delivered, failed, held = await _take(journal, receiver)
    await journal.write(tx.deliveries.finish(delivered, NODE, GOOD, next_try_in=None))
    await journal.write(tx.deliveries.finish(failed, NODE, BAD, next_try_in=None))

    first = await journal.write(
        tx.deliveries.replay_range(ReplayRange(endpoint=receiver, failed_only=True), 10)
    )
    assert (first.count, first.next_after) == (1, None)
    whole = ReplayRange(endpoint=receiver, failed_only=False, after=0)
    part = await journal.write(tx.deliveries.replay_range(whole, 3))
    assert (part.count, part.next_after) == (3, 3)
    rest = await journal.write(tx.deliveries.replay_range(msgspec.structs.replace(whole, after=3), 3))
    assert (rest.count, rest.next_after) == (1, None)

    again = await _take(journal, receiver)
    assert [due.delivery.number for due in again] == [1, 2, 3, 4]
    await journal.write(tx.deliveries.finish(held, NODE, GOOD, next_try_in=None))
    past = ReplayRange(endpoint=receiver, failed_only=False, until=datetime.now(UTC) - timedelta(days=1))
    assert (await journal.write(tx.deliveries.replay_range(past, 10))).count == 0
    narrow = await _listen(journal, types=(EventType.ORDER_PAID,))
    assert (
        await journal.write(tx.deliveries.replay_range(ReplayRange(endpoint=narrow, failed_only=False), 10))
    ).count == 0


async def test_what_is_replayed_comes_before_what_waits(journal: Journal) -> None:
    """One that is made again goes ahead of the order's later ones; those wait for its end, alone or as a range."""
    receiver = await _listen(journal)
    (record,) = await _created(journal)
    (failed,) = await _take(journal, receiver)
    await _happen(journal, record, "a")
    await journal.write(tx.deliveries.finish(failed, NODE, BAD, next_try_in=None))

    for again in (False, True):
        if again:
            await journal.write(
                tx.deliveries.replay_range(ReplayRange(endpoint=receiver, failed_only=True), 10)
            )
        else:
            await journal.write(tx.deliveries.replay(failed.delivery.id))
        (first,) = await _take(journal, receiver)
        assert first.delivery.id == failed.delivery.id
        await journal.write(tx.deliveries.finish(first, NODE, BAD, next_try_in=None))
    (later,) = await _take(journal, receiver)

    assert later.delivery.number == 2


async def test_a_batch_is_bounded_by_its_deliveries(journal: Journal) -> None:
    """Where several endpoints are told of each event, fewer are numbered in one transaction."""
    for _ in range(2):
        await _listen(journal)
    for number in range(4):
        await keep(journal, order(seen=provider_order(provider_order_id=f"order_{number}")))

    assert [await journal.write(tx.deliveries.number_events(ACME, 6)) for _ in range(3)] == [3, 1, 0]


async def test_a_changed_place_is_not_switched_off(journal: Journal) -> None:
    """A change that is meant for one URL leaves an endpoint at another alone."""
    receiver = await _listen(journal)
    kept = await journal.write(
        tx.endpoints.update(receiver.id, {"enabled": False}, only_at="https://example.com/old")
    )
    assert kept == receiver

    off = await journal.write(tx.endpoints.update(receiver.id, {"enabled": False}, only_at=receiver.url))
    assert off is not None
    assert not off.enabled


async def test_only_the_newest_secrets_stay(journal: Journal) -> None:
    """However often one is rotated, three sign at most, the newest among them."""
    receiver = await _listen(journal)
    for number in range(5):
        soon = datetime.now(UTC) + timedelta(seconds=60 + number)
        secret = SigningSecret(value=f"whsec_{number}", ends_at=None)
        await journal.write(tx.endpoints.rotate_secret(receiver.id, secret, soon))

    kept = [each.value for each in await journal.read(tx.endpoints.find_secrets(receiver.id))]
    assert (len(kept), kept[0]) == (3, "whsec_4")


async def test_a_range_at_a_deleted_endpoint_queues_nothing(journal: Journal) -> None:
    """Whoever deletes an endpoint while its events are queued again leaves no deliveries behind."""
    receiver = await _listen(journal)
    await _created(journal)
    await journal.write(tx.endpoints.delete(receiver.id))

    assert (
        await journal.write(tx.deliveries.replay_range(ReplayRange(endpoint=receiver, failed_only=False), 10))
    ).count == 0
    assert await journal.read(tx.deliveries.search(DeliveryQuery(world="test"))) == []


async def test_what_has_ended_is_forgotten_in_time(journal: Journal, store: Store) -> None:
    """Deliveries that ended before go, in batches; those that wait stay, and so do the events."""
    receiver = await _listen(journal)
    records = await _created(journal, 3)
    one, two, _ = await _take(journal, receiver)
    await journal.write(tx.deliveries.finish(one, NODE, GOOD, next_try_in=None))
    await journal.write(tx.deliveries.finish(two, NODE, BAD, next_try_in=None))
    assert await journal.write(tx.deliveries.prune(datetime.now(UTC) - timedelta(hours=1), 10)) == 0

    later = datetime.now(UTC) + timedelta(seconds=5)
    assert await journal.write(tx.deliveries.prune(later, 1)) == 1
    assert await journal.write(tx.deliveries.prune(later, 10)) == 1

    assert await _states(journal) == ["pending"]
    assert all([len(await journal.read(tx.events.search_of_order(record.id))) == 1 for record in records])
