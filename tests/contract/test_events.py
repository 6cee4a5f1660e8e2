"""Events stand beside the changes that they tell, in a feed without gaps, on every store there is."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import (
    NODE,
    NOW,
    Store,
    claimed,
    ended,
    intent,
    keep,
    operation,
    order,
    provider_order,
)

from ordergate.domain.assembly import OrderRecord, order_from_record
from ordergate.domain.erasure import redacted
from ordergate.domain.event_type import EventType
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Customer, Order
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.events import Event, EventQuery, Feed
from ordergate.journal.records.operations import Operation, Stale
from ordergate.journal.records.orders import StoredOrder

ACME = Feed(merchant="acme", world="test")


async def _numbered(journal: Journal, feed: Feed = ACME, **filters: Any) -> list[Event]:
    """A whole feed, with everything that is committed in it."""
    for unnumbered in await journal.read(tx.deliveries.unnumbered_feeds(100)):
        await journal.write(tx.deliveries.number_events(unnumbered, 1_000))
    return await journal.read(tx.events.search(EventQuery(feed=feed, limit=10_000, **filters)))


async def _types(journal: Journal, record: OrderRecord) -> list[str]:
    return [event.type for event in await journal.read(tx.events.search_of_order(record.id))]


def _paid(record: OrderRecord) -> OrderRecord:
    return msgspec.structs.replace(record, seen=provider_order(amount_paid=20_000, updated_at=NOW))


async def _change(journal: Journal, record: OrderRecord) -> None:
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    await journal.write(tx.orders.update(record, stored))


async def test_every_way_to_write_an_order_tells_what_happened(journal: Journal) -> None:
    """A create, a change by an operation, a reading and an import; with the order as it then was."""
    record = await keep(journal, order())
    pay = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY))
    await journal.write(
        tx.operations.settle(ended(pay, "succeeded"), None, _paid(record), before=StoredOrder(record, 1))
    )
    noted = msgspec.structs.replace(_paid(record), notes="Ring twice")
    await journal.write(tx.orders.update(noted, StoredOrder(_paid(record), 2)))
    adopted = order(seen=provider_order(provider_order_id="order_2"))
    await journal.write(tx.orders.add_imported(adopted))
    await journal.write(tx.orders.add_imported(msgspec.structs.replace(adopted, notes="again")))

    events = await journal.read(tx.events.search_of_order(record.id))
    assert [event.type for event in events] == ["order.created", "order.paid", "order.updated"]
    told = [msgspec.json.decode(event.data, type=Order) for event in events]
    assert told == [order_from_record(each) for each in (record, _paid(record), noted)]
    assert await _types(journal, adopted) == ["order.created"]


async def test_what_was_not_written_is_not_told(journal: Journal) -> None:
    """A reading that came too late, a settling that met another change, and one that changed nothing."""
    record = await keep(journal, order())
    later = msgspec.structs.replace(record, synced_at=NOW + timedelta(days=1))
    await journal.write(tx.orders.update(later, StoredOrder(record, 1)))
    await journal.write(tx.orders.update(_paid(record), StoredOrder(record, 1)))
    pay = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY))

    stale = await journal.write(
        tx.operations.settle(ended(pay, "succeeded"), None, _paid(record), before=StoredOrder(record, 1))
    )

    assert stale == Stale()
    assert await _types(journal, record) == ["order.created"]


async def _settle(journal: Journal, begun: Operation, state: str, **options: Any) -> None:
    assert await journal.write(tx.operations.settle(ended(begun, state), None, None, **options)) is True


async def test_an_operation_that_was_unknown_tells_that_it_settled(journal: Journal) -> None:
    """Unknown, accepted or left by a dead process: its caller was not told, so an event does; else none does."""
    plain, unknown, accepted, left, late = (operation() for _ in range(5))
    for begun in (plain, unknown, late):
        await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.claim(intent(accepted, owner=None)))
    await journal.write(tx.operations.claim(intent(left, owner="node_dead")))
    await _settle(journal, plain, "failed")
    await journal.write(
        tx.operations.leave_unknown(ended(unknown, "unknown"), NODE, settles_in=None, probe_in=0)
    )
    taken = await journal.write(tx.leases.acquire(unknown.id, NODE))
    await _settle(journal, unknown, "failed", owner=NODE)
    await _settle(journal, accepted, "failed")
    assert await journal.write(tx.leases.reap_expired("node_2", {plain.id, unknown.id, late.id})) >= 1
    await _settle(journal, left, "failed")
    await _settle(journal, late, "failed", probe_in=0)
    await _settle(journal, late, "failed", late=True)
    silent = await journal.read(tx.events.search_of_order(late.order))
    await _settle(journal, late, "succeeded", late=True)

    assert taken is not None
    told = [
        await journal.read(tx.events.search_of_order(each.order))
        for each in (plain, unknown, accepted, left, late)
    ]
    assert [[event.type for event in events] for events in told] == [
        [],
        [EventType.OPERATION_SETTLED],
        [EventType.OPERATION_SETTLED],
        [EventType.OPERATION_SETTLED],
        [EventType.OPERATION_SETTLED],
    ]
    assert silent == []
    settled = msgspec.json.decode(told[1][0].data)
    assert (settled["id"], settled["state"], settled["outcome"]) == (unknown.id, "failed", "not_applied")


async def test_a_milestone_is_told_once_in_a_life(journal: Journal) -> None:
    """Paid, then not, then paid again, as a provider may say: one order.paid, and the rest as changes."""
    record = await keep(journal, order())
    for reading in (_paid(record), record, _paid(record)):
        await _change(journal, reading)

    assert await _types(journal, record) == ["order.created", "order.paid", "order.updated", "order.updated"]


@pytest.mark.parametrize("recorded", [False, True])
async def test_what_a_comparison_settled_is_in_its_feed(journal: Journal, *, recorded: bool) -> None:
    """The merchant's own feed is not told of it, be it the create or what was done with its order since."""
    begun = operation(path="/v1/comparisons")
    if recorded:
        made = await keep(journal, order(purpose="comparison"))
        begun = operation(order=made.id, kind=OperationKind.CANCEL)
    await journal.write(tx.operations.claim(intent(begun, owner=None)))
    await _settle(journal, begun, "failed")

    apart = await _numbered(journal, Feed(merchant="acme", world="test", purpose="comparison"))
    assert apart[-1].type == EventType.OPERATION_SETTLED
    assert await _numbered(journal) == []


async def test_an_event_of_a_later_release_is_read(journal: Journal, store: Store) -> None:
    """A type that this release does not know is listed, numbered and delivered like any other."""
    record = await keep(journal, order())
    await store.run("UPDATE events SET type = 'order.teleported'")

    (event,) = await _numbered(journal)

    assert event.type == "order.teleported"
    assert await _types(journal, record) == ["order.teleported"]


async def test_a_timeline_has_pages(journal: Journal) -> None:
    """One more than asked for, after an event of the same order; another order's is no place in it."""
    record = await keep(journal, order())
    await _change(journal, _paid(record))
    await _change(journal, msgspec.structs.replace(_paid(record), notes="late"))
    first, second, third = await journal.read(tx.events.search_of_order(record.id))

    assert await journal.read(tx.events.search_of_order(record.id, limit=1)) == [first, second]
    assert await journal.read(tx.events.search_of_order(record.id, after=first.id, limit=5)) == [
        second,
        third,
    ]


async def test_a_place_is_of_one_feed(journal: Journal) -> None:
    """An event's id is a place in its own feed alone."""
    apart = Feed(merchant="acme", world="test", purpose="comparison")
    await keep(journal, order(purpose="comparison"))
    (event,) = await _numbered(journal, apart)

    assert await journal.read(tx.events.find_number(apart, event.id)) == 1
    assert await journal.read(tx.events.find_number(ACME, event.id)) is None


async def test_feeds_are_apart(journal: Journal) -> None:
    """Merchants, worlds and comparisons have feeds of their own, each numbered from 1."""
    await keep(journal, order())
    await keep(journal, order(merchant="bolt"))
    await keep(journal, order(world="live"))
    await keep(journal, order(purpose="comparison"))
    paid = await keep(journal, order())
    await _change(journal, _paid(paid))

    feeds = [
        ACME,
        Feed(merchant="bolt", world="test"),
        Feed(merchant="acme", world="live"),
        Feed(merchant="acme", world="test", purpose="comparison"),
    ]
    numbers = [[event.number for event in await _numbered(journal, feed)] for feed in feeds]
    assert numbers == [[1, 2, 3], [1], [1], [1]]
    assert await journal.read(tx.deliveries.unnumbered_feeds(10)) == []
    assert await journal.write(tx.deliveries.number_events(ACME, 10)) == 0
    only = await _numbered(journal, type=EventType.ORDER_PAID)
    assert [(event.number, event.order) for event in only] == [(3, paid.id)]
    assert await journal.read(tx.events.find(only[0].id)) == only[0]
    page = await journal.read(tx.events.search(EventQuery(feed=ACME, after=1, limit=1)))
    assert [event.number for event in page] == [2, 3]


async def test_a_reader_misses_nothing_while_many_write(store: Store) -> None:
    """Two processes write, number and read at once: each number once, none skipped, each order's events in order."""
    journals = [await store.open(), await store.open()]
    done = asyncio.Event()
    seen: list[Event] = []

    async def write(journal: Journal, count: int) -> None:
        for _ in range(count):
            record = await keep(journal, order())
            await _change(journal, _paid(record))
            await _change(journal, msgspec.structs.replace(_paid(record), notes="late"))

    async def number(journal: Journal) -> None:
        while not done.is_set():
            await journal.write(tx.deliveries.number_events(ACME, 7))

    async def read(journal: Journal) -> None:
        while not done.is_set() or await journal.read(
            tx.events.search(EventQuery(feed=ACME, after=len(seen)))
        ):
            page = await journal.read(tx.events.search(EventQuery(feed=ACME, after=len(seen), limit=50)))
            assert [event.number for event in page] == list(range(len(seen) + 1, len(seen) + 1 + len(page)))
            seen.extend(page)

    readers = [asyncio.create_task(read(journals[1]))]
    numberers = [asyncio.create_task(number(journal)) for journal in journals]
    await asyncio.gather(*(write(journals[n % 2], 8) for n in range(6)))
    await _numbered(journals[0])
    done.set()
    await asyncio.gather(*readers, *numberers)

    assert len(seen) == 6 * 8 * 3
    by_order = defaultdict(list)
    for event in seen:
        by_order[event.order].append(event.type)
    assert set(map(tuple, by_order.values())) == {("order.created", "order.paid", "order.updated")}


async def test_what_was_recorded_wakes_whoever_numbers(journal: Journal) -> None:
    """Each write that may have recorded events says so, until it is told not to."""
    woken: list[bool] = []
    journal.on_events(lambda: woken.append(True))
    record = await keep(journal, order())
    await _change(journal, _paid(record))
    await journal.write(tx.orders.add_imported(order(seen=provider_order(provider_order_id="order_2"))))
    journal.on_events(None)
    await keep(journal, order())

    assert len(woken) == 3


@pytest.mark.parametrize("numbered", [False, True])
async def test_a_redacted_order_was_never_told_of_persons(
    journal: Journal, store: Store, *, numbered: bool
) -> None:
    """Its events are as if it had had no personal data, and the store holds none of them."""
    personal = {"customer": Customer(id="cust-42", email="ada@example.com"), "notes": "Ring twice"}
    record = await keep(journal, order(**personal))
    other = await keep(journal, order(notes="Knock"))
    await _change(journal, msgspec.structs.replace(_paid(record), **personal))
    if numbered:
        await _numbered(journal)
    left = operation(order=record.id, kind=OperationKind.PAY, key="ada-pays")
    await journal.write(tx.operations.claim(intent(left, owner=None)))
    await _settle(journal, left, "failed")
    before = await journal.read(tx.events.search_of_order(record.id))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None

    await journal.write(tx.orders.redact(redacted(stored.record, NOW), stored.revision))

    assert not await store.contains(b"ada@example.com")
    assert not await store.contains(b"Ring twice")
    assert await store.contains(b"Knock")
    after = await journal.read(tx.events.search_of_order(record.id))
    assert [(event.id, event.type) for event in after] == [(event.id, event.type) for event in before]
    assert msgspec.json.decode(after.pop().data)["idempotency_key"] is None
    told = [msgspec.json.decode(event.data, type=Order) for event in after]
    assert told[-1] == order_from_record(redacted(stored.record, NOW))
    assert [each.amount_paid for each in told] == [0, 20_000]
    assert len(await journal.read(tx.events.search_of_order(other.id))) == 1
