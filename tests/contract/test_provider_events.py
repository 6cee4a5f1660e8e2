"""What providers tell, on every store there is: kept once, and looked at by one process at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

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

from ordergate.domain.order import Payment
from ordergate.domain.provider_event import ProviderEvent
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import StoredResponse
from ordergate.journal.records.orders import StoredOrder
from ordergate.journal.records.provider_events import (
    Debounce,
    InboundCounts,
    ReceivedEvent,
    RecordedEvents,
    ResyncJob,
    operation_job_name,
    order_job_name,
)

ACCOUNT, OTHER = "rapyd", "node_2"
AT_ONCE = Debounce(settle=0.0, every=0.0)
MINUTE, HOUR, LEASE = 60.0, 3600.0, 15.0
PAYMENT = Payment(
    provider_payment_id="payment_7",
    method_type="card",
    amount=20000,
    status="closed",
    decline=None,
    created_at=NOW,
)


def told(
    name: str, order_id: str | None = "order_1", body: bytes | None = b"{}", **changes: Any
) -> ReceivedEvent:
    """An event as a webhook brings it."""
    event = ProviderEvent(
        id=name, type="ORDER_UPDATED", known=True, provider_order_id=order_id, occurred_at=None, **changes
    )
    return ReceivedEvent(event=event, body=body)


async def tell(journal: Journal, *events: ReceivedEvent, pace: Debounce = AT_ONCE) -> RecordedEvents:
    """Record events of the account."""
    return await journal.write(tx.resync.record_events(ACCOUNT, events, pace))


async def due(journal: Journal, owner: str = NODE, limit: int = 10, **options: Any) -> list[ResyncJob]:
    """Take what is due."""
    return await journal.write(tx.resync.acquire_due(owner, {ACCOUNT: limit}, **options))


async def names(journal: Journal, owner: str = NODE) -> list[str]:
    """Take what is due, and say what that is."""
    return [subject.name for subject in await due(journal, owner)]


async def use(journal: Journal) -> InboundCounts:
    """What the account shows."""
    return (await journal.read(tx.resync.usage([ACCOUNT])))[ACCOUNT]


# Recording


async def test_an_event_is_kept_once(journals: list[Journal]) -> None:
    """However often an event is told, at once, by whomever: it is new once, and told of once."""
    tellings = [tell(journals[number % 2], told("one")) for number in range(10)]
    recorded = await asyncio.gather(*tellings)

    assert sorted(len(each.new) for each in recorded) == [0] * 9 + [1]
    (subject,) = await due(journals[0])
    assert (subject.notified, subject.events) == (1, (told("one").event,))


async def test_one_event_at_two_accounts_is_two(journal: Journal) -> None:
    """Providers name events by themselves: another account's event of the same id is another event."""
    await tell(journal, told("one"))

    assert (await journal.write(tx.resync.record_events("another", [told("one")], AT_ONCE))).new


async def test_ten_events_of_an_order_are_one_look(journal: Journal) -> None:
    """All that was told of an order is looked at together, after the pause in which more can come."""
    await tell(journal, *(told(f"event {number}") for number in range(10)), told("another", "order_2"))

    taken = await due(journal)

    assert {(each.name, each.notified, len(each.events)) for each in taken} == {
        (order_job_name("order_1"), 10, 10),
        (order_job_name("order_2"), 1, 1),
    }


async def test_what_a_process_lost_it_takes_again(journal: Journal) -> None:
    """What was taken in its name, and never reached it because the store failed, is not lost while it lives."""
    await journal.write(tx.leases.renew(NODE, LEASE))
    await tell(journal, told("one"), told("two", "order_2"))
    taken = {subject.name for subject in await due(journal)}

    assert await due(journal, held=[(ACCOUNT, name) for name in taken]) == []
    lost = await due(journal, limit=1, held=[(ACCOUNT, order_job_name("order_1"))])

    assert [subject.name for subject in lost] == [order_job_name("order_2")]


async def test_an_event_without_a_subject_is_kept_and_done(journal: Journal) -> None:
    """An event that names nothing is known when it comes again, and nobody looks at anything."""
    assert (await tell(journal, told("one", None))).new

    assert not (await tell(journal, told("one", None))).new
    assert await due(journal) == []
    assert (await use(journal)).waiting == 0


async def test_what_names_no_order_leads_to_it_all_the_same(journal: Journal) -> None:
    """By an operation's mark, or by the order's payment: its events meet those that name the order itself."""
    paid = provider_order(provider_order_id="order_7", payments=[PAYMENT])
    made = operation()
    await claimed(journal, made)
    await journal.write(tx.operations.settle(ended(made, "succeeded"), None, order(made.order, seen=paid)))

    await tell(journal, told("one", None, operations=(made.id,)))
    await tell(journal, told("two", None, provider_payment_id="payment_7"), told("three", "order_7"))
    await tell(journal, told("four", None, operations=("op_" + "0" * 32,)))

    known, unknown = sorted(await due(journal), key=lambda subject: subject.name, reverse=True)
    assert (known.name, known.notified) == (order_job_name("order_7"), 3)
    assert (unknown.name, unknown.notified) == (operation_job_name("op_" + "0" * 32), 1)
    assert (known.provider_order_id, unknown.provider_order_id) == ("order_7", None)
    assert (known.operations, unknown.operations) == ((made.id,), ("op_" + "0" * 32,))


async def test_a_named_operation_of_unknown_outcome_is_looked_at_now(journal: Journal) -> None:
    """A trace of it is why to look: at one that waits for later, for a person, or was taken for not applied."""
    later, person, absent, refused = [await claimed(journal) for _ in range(4)]
    for unknown, probe_in in ((later, HOUR), (person, None)):
        await journal.write(
            tx.operations.leave_unknown(ended(unknown, "unknown"), NODE, settles_in=None, probe_in=probe_in)
        )
    await journal.write(tx.operations.settle(ended(absent, "failed"), None, None))
    await journal.write(
        tx.operations.settle(ended(refused, "failed"), StoredResponse(status=422, body=b"no"), None)
    )
    everybody = (later.id, person.id, absent.id, refused.id, "op_" + "0" * 32)

    recorded = await tell(journal, told("one", operations=everybody))

    assert set(recorded.named) == {later.id, person.id, absent.id}
    assert {taken.operation.id for taken in await journal.write(tx.leases.acquire_due(OTHER, 9))} == set(
        recorded.named
    )


async def test_another_accounts_event_says_nothing_of_an_operation(journal: Journal) -> None:
    """A mark that somebody wrote at another account makes nobody look."""
    left = await claimed(journal)
    await journal.write(
        tx.operations.leave_unknown(ended(left, "unknown"), NODE, settles_in=None, probe_in=HOUR)
    )

    recorded = await journal.write(
        tx.resync.record_events("another", [told("one", operations=(left.id,))], AT_ONCE)
    )

    assert recorded.named == ()
    assert await journal.write(tx.leases.acquire_due(OTHER, 9)) == []


# Whose turn it is


async def test_a_pause_gathers_and_another_spaces(journal: Journal, store: Store) -> None:
    """A look comes after the first pause, and after the second one where there was a look before."""
    pace = Debounce(settle=10.0, every=MINUTE)
    await tell(journal, told("one"), pace=pace)
    assert await due(journal) == []
    await store.pass_time(11)
    (subject,) = await due(journal)
    assert await journal.write(tx.resync.finish(subject, NODE, pace))

    await tell(journal, told("two"), pace=pace)
    await store.pass_time(40)
    assert await due(journal) == []
    await store.pass_time(21)
    assert await names(journal) == [order_job_name("order_1")]


async def test_one_process_looks_and_another_goes_on_when_it_dies(
    journals: list[Journal], store: Store
) -> None:
    """What a living process looks at is nobody else's; once its lease is over it is."""
    await journals[0].write(tx.leases.renew(NODE, LEASE))
    await tell(journals[0], told("one"))
    await tell(journals[0], told("two", "order_2"))
    taken = await asyncio.gather(due(journals[0], NODE, 1), due(journals[1], NODE, 1))
    assert sum(map(len, taken)) >= 1
    (mine,) = await due(journals[0], NODE, 1)
    await due(journals[0], NODE, 2)

    assert await names(journals[1], OTHER) == []
    await store.pass_time(LEASE + 1)
    await journals[1].write(tx.leases.renew(OTHER, LEASE))
    assert set(await names(journals[1], OTHER)) == {order_job_name("order_1"), order_job_name("order_2")}

    assert not await journals[0].write(tx.resync.finish(mine, NODE, AT_ONCE))
    assert (await use(journals[1])).waiting == 2


async def test_two_processes_never_take_the_same(journals: list[Journal]) -> None:
    """Of much that is due, each process gets other orders."""
    for node in (NODE, OTHER):
        await journals[0].write(tx.leases.renew(node, LEASE))
    await tell(journals[0], *(told(f"event {n}", f"order_{n}") for n in range(40)))

    first, second = await asyncio.gather(due(journals[0], NODE, 40), due(journals[1], OTHER, 40))

    assert {each.name for each in first}.isdisjoint(each.name for each in second)
    # One that the other was just about to take is passed over, and taken the next time.
    rest = await due(journals[1], OTHER, 40, held=[(ACCOUNT, each.name) for each in second])
    assert len(first) + len(second) + len(rest) == 40


async def test_what_is_told_during_a_look_is_looked_at_again(journal: Journal) -> None:
    """A look may have begun before what was told: it is not the last."""
    await tell(journal, told("one"))
    (subject,) = await due(journal)
    await tell(journal, told("two"))

    assert not await journal.write(tx.resync.finish(subject, NODE, AT_ONCE))

    assert (await use(journal)).waiting == 2
    (again,) = await due(journal)
    assert again.notified == 2
    assert await journal.write(tx.resync.finish(again, NODE, AT_ONCE))
    assert (await use(journal)).waiting == 0
    assert await due(journal) == []


async def test_a_look_that_came_to_nothing_is_repeated(journal: Journal, store: Store) -> None:
    """It waits, and counts how often; what is told meanwhile does not wait so long."""
    await tell(journal, told("one"))
    for tries in range(2):
        (subject,) = await due(journal)
        assert subject.tries == tries
        await journal.write(tx.resync.postpone(subject, NODE, HOUR))
        assert await due(journal) == []
        await store.pass_time(HOUR + 1)
    (subject,) = await due(journal)
    await journal.write(tx.resync.postpone(subject, NODE, HOUR))

    await tell(journal, told("two"))

    (subject,) = await due(journal)
    assert (subject.tries, len(subject.events)) == (3, 2)
    assert subject.age >= 2 * HOUR


async def test_what_nobody_knows_is_parked_until_it_is_told_of_again(journal: Journal) -> None:
    """Parked events are kept and counted, and come along when the order is known."""
    await tell(journal, told("one", merchant="acme"))
    (subject,) = await due(journal)
    assert subject.merchant == "acme"
    assert await journal.write(tx.resync.finish(subject, NODE, AT_ONCE, parked=True))
    assert (await use(journal)).parked == 1
    assert await due(journal) == []

    await tell(journal, told("two"))
    (again,) = await due(journal)

    assert (again.parked, len(again.events), again.merchant) == (True, 2, "acme")
    assert await journal.write(tx.resync.finish(again, NODE, AT_ONCE))
    now = await use(journal)
    assert (now.parked, now.waiting) == (0, 0)


async def test_an_account_shows_its_last_webhook(journal: Journal) -> None:
    """Events of a feed are no webhooks; of each account its own count."""
    assert await use(journal) == InboundCounts()
    await tell(journal, told("fed", body=None))
    assert (await use(journal)).last_webhook_at is None

    await tell(journal, told("sent"))

    last = (await use(journal)).last_webhook_at
    assert last is not None
    assert abs(datetime.now(UTC) - last) < timedelta(minutes=1)
    assert (await journal.read(tx.resync.usage(["another"])))["another"] == InboundCounts()


# Polling


async def test_an_account_is_looked_through_by_one_process_at_a_time(
    journals: list[Journal], store: Store
) -> None:
    """The first turn comes after a pause, then one after the other; a dead process's turn is another's."""
    assert await journals[0].write(tx.resync.acquire_poll(ACCOUNT, NODE, MINUTE)) is None
    await store.pass_time(MINUTE + 1)
    for node in (NODE, OTHER):
        await journals[0].write(tx.leases.renew(node, LEASE))

    turns = await asyncio.gather(
        *(
            journal.write(tx.resync.acquire_poll(ACCOUNT, node, MINUTE))
            for journal, node in zip(journals, (NODE, OTHER), strict=True)
        )
    )
    taken = [turn for turn in turns if turn is not None]
    assert len(taken) == 1
    holder, other = (NODE, OTHER) if turns[0] is not None else (OTHER, NODE)
    await journals[0].write(tx.leases.release(holder))
    await journals[0].write(tx.leases.renew(other, LEASE))
    assert await journals[0].write(tx.resync.acquire_poll(ACCOUNT, other, MINUTE)) is not None

    await journals[0].write(tx.resync.release_poll(ACCOUNT, other, MINUTE, taken[0].now))
    assert await journals[0].write(tx.resync.acquire_poll(ACCOUNT, other, MINUTE)) is None
    await store.pass_time(MINUTE + 1)
    again = await journals[0].write(tx.resync.acquire_poll(ACCOUNT, other, MINUTE))
    assert again is not None
    assert again.walked_at == taken[0].now


async def test_a_walk_that_broke_off_begins_where_it_began(journal: Journal, store: Store) -> None:
    """Only a whole walk moves where the next one begins; a shorter pause counts at once."""
    await journal.write(tx.resync.acquire_poll(ACCOUNT, NODE, MINUTE))
    await store.pass_time(MINUTE + 1)
    turn = await journal.write(tx.resync.acquire_poll(ACCOUNT, NODE, MINUTE))
    assert turn is not None
    await journal.write(tx.resync.release_poll(ACCOUNT, NODE, HOUR))

    again = await journal.write(tx.resync.acquire_poll(ACCOUNT, NODE, 1.0))

    assert again is not None
    assert again.walked_at == turn.walked_at


async def test_orders_that_are_not_over_are_read_again_the_oldest_first(journal: Journal) -> None:
    """Neither those that are over, nor those that were read lately, nor those that are due anyway."""
    now = datetime.now(UTC)

    async def kept(name: str, minutes: int, **changes: Any) -> None:
        seen = provider_order(provider_order_id=name, **changes)
        await keep(journal, order(seen=seen, synced_at=now - timedelta(minutes=minutes)))

    await kept("older", 20)
    await kept("oldest", 30)
    await kept("newest", 1)
    await kept("told", 40)
    await kept("over", 50, amount_paid=41000, amount_refunded=41000)
    await tell(journal, told("one", "told"))

    assert (
        await journal.write(tx.resync.queue_stale_orders(ACCOUNT, now - timedelta(minutes=5), 1, AT_ONCE))
        == 1
    )
    assert (
        await journal.write(tx.resync.queue_stale_orders(ACCOUNT, now - timedelta(minutes=5), 9, AT_ONCE))
        == 1
    )
    assert await journal.write(tx.resync.queue_stale_orders("another", now, 9, AT_ONCE)) == 0

    due_now = {subject.name: subject.age for subject in await due(journal)}
    assert due_now.keys() == {order_job_name(name) for name in ("told", "oldest", "older")}
    assert due_now[order_job_name("oldest")] == 0.0


async def test_a_reading_makes_an_order_young(journal: Journal) -> None:
    """What was read goes to the end of the row."""
    now = datetime.now(UTC)
    record = await keep(journal, order(synced_at=now - timedelta(hours=1)))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    await journal.write(tx.orders.update(order(record.id, synced_at=now), stored))

    assert (
        await journal.write(tx.resync.queue_stale_orders(ACCOUNT, now - timedelta(minutes=5), 9, AT_ONCE))
        == 0
    )


# Forgetting


async def test_what_waits_is_never_pruned(journal: Journal, store: Store) -> None:
    """Processed and parked events go in batches after the retention; what waits stays, however old."""
    await tell(journal, *(told(name, f"order_{name}") for name in ("done", "parked", "waiting")))
    subjects = {subject.name: subject for subject in await due(journal)}
    await journal.write(tx.resync.finish(subjects[order_job_name("order_done")], NODE, AT_ONCE))
    await journal.write(
        tx.resync.finish(subjects[order_job_name("order_parked")], NODE, AT_ONCE, parked=True)
    )
    assert await journal.write(tx.resync.prune(datetime.now(UTC) - timedelta(hours=1), 9)) == 0
    await store.pass_time(2 * HOUR)
    since = datetime.now(UTC) + timedelta(hours=1 if isinstance_of_sqlite(store) else -1)

    assert await journal.write(tx.resync.prune(since, 1)) == 1
    assert await journal.write(tx.resync.prune(since, 9)) == 1

    now = await use(journal)
    assert (now.waiting, now.parked) == (1, 0)
    assert not (await tell(journal, told("waiting", "order_waiting"))).new
    assert (await tell(journal, told("done", "order_done"))).new


def isinstance_of_sqlite(store: Store) -> bool:
    """Its clock goes forward; the other's rows go back."""
    return type(store).__name__ == "SqliteStore"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_redaction_reaches_what_was_told(journal: Journal, store: Store, when: str) -> None:
    """Nothing of an order's events holds personal data any more, and none is taken in afterwards."""
    secret = b"jane@example.com"
    record = order(seen=provider_order(provider_order_id="order_9"))
    made = operation(order=record.id)
    await journal.write(tx.operations.claim(intent(made)))
    await tell(journal, told("early", None, secret, operations=(made.id,)))
    await journal.write(tx.operations.settle(ended(made, "succeeded"), None, record))
    if when == "before":
        await tell(journal, told("named", "order_9", secret))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None

    assert isinstance(await journal.write(tx.orders.redact(record, stored.revision)), StoredOrder)
    if when == "after":
        await tell(journal, told("named", "order_9", secret))
        for subject in await due(journal):
            await journal.write(tx.resync.finish(subject, NODE, AT_ONCE, erase=True))
        if isinstance_of_sqlite(store):  # as at the end of a redaction: the log holds older pages
            stored = await journal.read(tx.orders.find(record.id))
            assert stored is not None
            await journal.write(tx.orders.redact(record, stored.revision))

    assert not await store.contains(secret)
