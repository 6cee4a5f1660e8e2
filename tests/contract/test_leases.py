"""Who looks after an operation whose outcome is unknown, and when, on every store there is."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.contract.conftest import (
    NODE,
    NOW,
    Store,
    claimed,
    ended,
    keep,
    operation,
    order,
    provider_order,
    retried,
)

from ordergate.domain.changes import PaymentMade
from ordergate.domain.operation import Probe
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import AcquiredOperation, Operation, StoredResponse, Work
from ordergate.spi.adapter import Baseline

OTHER, THIRD = "node_2", "node_3"
LEASE = 15.0
HOUR = 3600.0
MINUTE = timedelta(minutes=1)


async def _left(
    journal: Journal, begun: Operation | None = None, *, probe_in: float | None = 0.0, owner: str = NODE
) -> Operation:
    """An operation that its process gave up, its outcome unknown."""
    begun = begun or await claimed(journal, owner=owner)
    unknown = ended(begun, "unknown")
    assert await journal.write(
        tx.operations.leave_unknown(unknown, owner, settles_in=None, probe_in=probe_in)
    )
    return unknown


async def _due(journal: Journal, owner: str = OTHER, limit: int = 100) -> list[Operation]:
    return [taken.operation for taken in await journal.write(tx.leases.acquire_due(owner, limit))]


def _accepted() -> Operation:
    """A write that was accepted and that no process has begun."""
    return operation(attempts=())


# Whose it is


async def test_what_a_living_process_works_on_is_not_taken(journal: Journal) -> None:
    """While its holder is alive nobody else gets an operation, unknown or not."""
    await journal.write(tx.leases.renew(NODE, LEASE))
    running = await claimed(journal)
    unknown = await _left(journal)
    assert await journal.write(tx.leases.acquire(unknown.id, NODE)) is not None

    assert await _due(journal) == []
    assert await journal.write(tx.leases.acquire(unknown.id, OTHER)) is None
    assert await journal.write(tx.leases.acquire(running.id, OTHER)) is None
    assert await journal.read(tx.operations.find(running.id)) == running


@pytest.mark.parametrize("death", ["lease over", "left", "never lived"])
async def test_what_a_dead_process_worked_on_is_taken(journal: Journal, store: Store, death: str) -> None:
    """Once its holder's lease is over, or given back, an operation is another's, and unknown from then on."""
    if death != "never lived":
        await journal.write(tx.leases.renew(NODE, LEASE))
    running = await claimed(journal)
    if death == "lease over":
        await store.pass_time(LEASE + 1)
    if death == "left":
        await journal.write(tx.leases.release(NODE))
    await journal.write(tx.leases.renew(OTHER, LEASE))

    assert await _due(journal) == [ended(running, "unknown")]

    assert await journal.read(tx.operations.find(running.id)) == ended(running, "unknown")
    assert await store.column(running, "owner") == OTHER
    assert await _due(journal, THIRD) == []


async def test_a_sign_of_life_prolongs_the_lease(journal: Journal, store: Store) -> None:
    """A process that goes on giving signs of life keeps what it holds, however long that takes."""
    await journal.write(tx.leases.renew(NODE, LEASE))
    await claimed(journal)
    for _ in range(3):
        await store.pass_time(LEASE - 5)
        await journal.write(tx.leases.renew(NODE, LEASE))

        assert await _due(journal) == []


async def test_only_who_leaves_loses_what_it_held(journal: Journal) -> None:
    """The end of one process's lease says nothing about another's."""
    for node in (NODE, THIRD):
        await journal.write(tx.leases.renew(node, LEASE))
    mine, another = await claimed(journal), await claimed(journal, owner=THIRD)
    await journal.write(tx.leases.release(NODE))

    assert await _due(journal) == [ended(mine, "unknown")]
    assert await journal.read(tx.operations.find(another.id)) == another


async def test_an_accepted_write_is_begun_by_whoever_takes_it(journal: Journal) -> None:
    """What was accepted and never sent is taken as it is, once, and can be begun by its taker alone."""
    for node in (NODE, OTHER):
        await journal.write(tx.leases.renew(node, LEASE))
    accepted = await claimed(journal, _accepted(), owner=None, request=b"exact")

    taken = await journal.write(tx.leases.acquire_due(OTHER, 5))

    assert [(each.operation, each.request) for each in taken] == [(accepted, b"exact")]
    assert await journal.read(tx.operations.find(accepted.id)) == accepted
    assert await _due(journal, NODE) == []
    assert await journal.write(tx.operations.start_attempt(retried(accepted), NODE, 55.0)) is False
    assert await journal.write(tx.operations.start_attempt(retried(accepted), OTHER, 55.0)) is True


async def test_an_accepted_write_outlives_who_took_it(journal: Journal) -> None:
    """An accepted write whose taker died before sending is taken again, and still not unknown."""
    accepted = await claimed(journal, _accepted(), owner=None)
    await journal.write(tx.leases.renew(OTHER, LEASE))
    assert await _due(journal) == [accepted]
    await journal.write(tx.leases.release(OTHER))

    assert await _due(journal, THIRD) == [accepted]


@pytest.mark.parametrize("state", ["in_progress", "succeeded", "failed", "missing"])
async def test_only_an_unknown_operation_is_taken_by_its_id(journal: Journal, state: str) -> None:
    """There is nothing to find out about what is being sent, has ended, or is not there."""
    begun = operation() if state == "missing" else await claimed(journal)
    if state in {"succeeded", "failed"}:
        await journal.write(tx.operations.settle(ended(begun, state), None, None))

    assert await journal.write(tx.leases.acquire(begun.id, OTHER)) is None


# When


@pytest.mark.parametrize("probe_in", [0.0, 60.0, HOUR])
async def test_an_unknown_operation_is_looked_after_when_due(
    journal: Journal, store: Store, probe_in: float
) -> None:
    """It is nobody's turn before the time that was given, and somebody's after it."""
    unknown = await _left(journal, probe_in=probe_in)

    if probe_in:
        await store.pass_time(probe_in - 30)
        assert await _due(journal) == []
        await store.pass_time(31)
    assert await _due(journal) == [unknown]


async def test_what_waits_for_a_person_is_never_due(journal: Journal, store: Store) -> None:
    """Without a time nobody looks again, until a caller comes back or asks for it."""
    unknown = await _left(journal, probe_in=None)
    await store.pass_time(10_000 * HOUR)
    await journal.write(tx.leases.renew(OTHER, LEASE))

    assert await _due(journal) == []
    taken = await journal.write(tx.leases.acquire(unknown.id, OTHER))
    assert taken is not None
    assert taken.operation == unknown
    await _left(journal, unknown, probe_in=None, owner=OTHER)
    await journal.write(tx.leases.probe_soon(unknown.id))
    assert await _due(journal) == [unknown]


async def test_looking_soon_is_for_what_is_unknown(journal: Journal) -> None:
    """Asking to look at once brings an unknown operation forward, and nothing that has ended."""
    unknown, failed = await _left(journal, probe_in=HOUR), await claimed(journal)
    await journal.write(tx.operations.settle(ended(failed, "failed"), None, None))

    for each in (unknown, failed, operation()):
        await journal.write(tx.leases.probe_soon(each.id))

    assert await _due(journal) == [unknown]


async def test_the_longest_waiting_comes_first(journal: Journal, store: Store) -> None:
    """Operations are looked after in the order in which they became due, so many at a time as are wanted."""
    await journal.write(tx.leases.renew(OTHER, 10 * HOUR))
    waits = [50.0, 10.0, 40.0, 20.0, 30.0]
    left = {wait: await _left(journal, probe_in=wait * 10) for wait in waits}
    await store.pass_time(HOUR)

    assert await _due(journal, limit=2) == [left[10.0], left[20.0]]
    assert await _due(journal, limit=2) == [left[30.0], left[40.0]]
    assert await _due(journal, limit=2) == [left[50.0]]
    assert await _due(journal, limit=2) == []


async def test_who_asks_again_does_not_go_to_the_back(journal: Journal, store: Store) -> None:
    """Asking to look at once at what is due already does not cost it its turn."""
    first = await _left(journal)
    await store.pass_time(60)
    second = await _left(journal)
    await store.pass_time(60)

    await journal.write(tx.leases.probe_soon(first.id))

    assert await _due(journal, limit=1) == [first]
    assert await _due(journal, limit=1) == [second]


async def test_no_operation_goes_to_two(journals: list[Journal]) -> None:
    """However many take what is due at once, through however many journals, each operation goes to one."""
    nodes = [f"node_{n}" for n in range(40)]
    for node in (NODE, *nodes):
        await journals[0].write(tx.leases.renew(node, HOUR))
    left = [await _left(journals[0]) for _ in range(60)]

    found = await asyncio.gather(
        *(journals[n % 2].write(tx.leases.acquire_due(node, 5)) for n, node in enumerate(nodes)),
        *(journals[n % 2].write(tx.leases.acquire(left[n].id, node)) for n, node in enumerate(nodes)),
    )

    taken: list[AcquiredOperation] = []
    for each in found:
        taken += each if isinstance(each, list) else [each] if each is not None else []
    identifiers = [each.operation.id for each in taken]
    assert len(identifiers) == len(set(identifiers))
    rest = [each.id for each in await _due(journals[0], "node_last")]
    assert sorted(identifiers + rest) == sorted(each.id for each in left)


# What who takes it gets


async def test_who_takes_it_gets_all_that_is_needed(journal: Journal, store: Store) -> None:
    """Another process gets the work, the exact bytes, the settling time and the age, as they were recorded."""
    work = Work(
        command=None,
        change=PaymentMade(expected_total=20000),
        notices=(),
        confidential=True,
    )
    begun = operation(created_at=datetime.now(UTC) - timedelta(seconds=200))
    await claimed(journal, begun, work=work, request=b"\x00exact\xff", settling=500.0)
    unknown = msgspec.structs.replace(
        ended(begun, "unknown"), probes=(Probe(at=NOW, found="unclear", detail="ä"),)
    )
    await journal.write(tx.operations.leave_unknown(unknown, NODE, settles_in=None, probe_in=None))
    await store.pass_time(100)

    taken = await journal.write(tx.leases.acquire(begun.id, OTHER))

    assert taken is not None
    assert (taken.operation, taken.work, taken.request) == (unknown, work, b"\x00exact\xff")
    assert 300 < taken.settles_in <= 400
    assert 300 <= taken.age < 400


async def test_an_over_settling_time_is_told(journal: Journal, store: Store) -> None:
    """Once nothing can arrive any more, the settling time is told as over."""
    unknown = await _left(journal, await claimed(journal, settling=10.0))
    await store.pass_time(20)

    (taken,) = await journal.write(tx.leases.acquire_due(OTHER, 5))

    assert taken.operation == unknown
    assert -100 < taken.settles_in <= -10


async def test_a_probe_begins_at_the_newest_order_of_the_account(journal: Journal) -> None:
    """The baseline is the newest order by the provider's clock, at this account, when the intent was claimed."""
    for identifier, created_at, account in [
        ("order_old", NOW - MINUTE, "rapyd"),
        ("order_new", NOW + MINUTE, "rapyd"),
        ("order_late_here", NOW, "rapyd"),
        ("order_elsewhere", NOW + 5 * MINUTE, "revkeen"),
    ]:
        seen = provider_order(provider_order_id=identifier, created_at=created_at)
        await keep(journal, order(account=account, seen=seen))
    begun = await claimed(journal)
    await keep(
        journal, order(seen=provider_order(provider_order_id="order_after", created_at=NOW + 9 * MINUTE))
    )

    taken = await journal.write(tx.leases.acquire((await _left(journal, begun)).id, OTHER))

    assert taken is not None
    assert taken.baseline == Baseline(
        newest_order="order_new", newest_created_at=NOW + MINUTE, recorded_at=begun.created_at
    )


async def test_the_first_order_of_an_account_has_nothing_before_it(journal: Journal) -> None:
    """Where no order of the account is known a probe begins at the beginning."""
    await keep(journal, order(account="revkeen"))
    begun = await claimed(journal)

    taken = await journal.write(tx.leases.acquire((await _left(journal, begun)).id, OTHER))

    assert taken is not None
    assert taken.baseline == Baseline(newest_order=None, newest_created_at=None, recorded_at=begun.created_at)


@pytest.mark.parametrize(("account", "newest"), [("rapyd", "order_1"), ("revkeen", "order_2")])
async def test_a_repeat_at_another_account_has_a_baseline_of_its_own(
    journal: Journal, account: str, newest: str
) -> None:
    """A next attempt begins where the first one did, unless it goes to another account."""
    await keep(journal, order(seen=provider_order(provider_order_id="order_1", created_at=NOW)))
    begun = await claimed(journal)
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))
    for other in ("rapyd", "revkeen"):
        seen = provider_order(provider_order_id="order_2", created_at=NOW + MINUTE)
        await keep(journal, order(account=other, seen=seen))
    again = await claimed(journal, msgspec.structs.replace(retried(begun), account=account))

    taken = await journal.write(tx.leases.acquire((await _left(journal, again)).id, OTHER))

    assert taken is not None
    assert taken.baseline.newest_order == newest


# What nobody works on any more


async def test_a_process_lets_go_of_what_it_lost(journal: Journal, store: Store) -> None:
    """After a while what is recorded as this process's, and is not held by it, is unknown and free to be taken."""
    await journal.write(tx.leases.renew(NODE, HOUR))
    held, lost, unknown = await claimed(journal), await claimed(journal), await _left(journal)
    assert await journal.write(tx.leases.acquire(unknown.id, NODE)) is not None
    await store.pass_time(3)
    assert await journal.write(tx.leases.reap_expired(NODE, {held.id})) == 0
    assert await journal.read(tx.operations.find(lost.id)) == lost
    await store.pass_time(3)

    assert await journal.write(tx.leases.reap_expired(NODE, {held.id})) == 2
    assert await journal.write(tx.leases.reap_expired(NODE, {held.id})) == 0

    assert await journal.read(tx.operations.find(held.id)) == held
    assert await journal.read(tx.operations.find(lost.id)) == ended(lost, "unknown")
    assert await journal.read(tx.operations.find(unknown.id)) == unknown
    assert {each.id for each in await _due(journal)} == {lost.id, unknown.id}


async def test_a_process_does_not_judge_a_living_one(journal: Journal, store: Store) -> None:
    """What another living process is recorded to work on is its own business, however long that takes."""
    await journal.write(tx.leases.renew(NODE, HOUR))
    begun = await claimed(journal)
    await store.pass_time(60)

    assert await journal.write(tx.leases.reap_expired(OTHER, ())) == 0
    assert await journal.read(tx.operations.find(begun.id)) == begun


async def test_what_the_dead_held_is_let_go(journal: Journal, store: Store) -> None:
    """What a dead process worked on, sending or looking, is anybody's; what nobody held stays as it is."""
    await journal.write(tx.leases.renew(NODE, LEASE))
    running, looked_at = await claimed(journal), await _left(journal)
    assert await journal.write(tx.leases.acquire(looked_at.id, NODE)) is not None
    waiting = await _left(journal, probe_in=HOUR)
    accepted = await claimed(journal, _accepted(), owner=None)
    await store.pass_time(LEASE + 1)

    assert await journal.write(tx.leases.reap_expired(OTHER, ())) == 2

    assert await journal.read(tx.operations.find(running.id)) == ended(running, "unknown")
    assert await journal.read(tx.operations.find(looked_at.id)) == looked_at
    assert await journal.read(tx.operations.find(accepted.id)) == accepted
    assert await store.column(waiting, "due_at") > await store.column(running, "due_at")
    assert {each.id for each in await _due(journal)} == {running.id, looked_at.id, accepted.id}


async def test_an_accepted_write_that_was_lost_is_begun_by_another(journal: Journal, store: Store) -> None:
    """An accepted write that a living process took and lost waits for a process again, and was never sent."""
    await journal.write(tx.leases.renew(NODE, HOUR))
    accepted = await claimed(journal, _accepted(), owner=None)
    assert await _due(journal, NODE) == [accepted]
    await store.pass_time(6)
    assert await _due(journal) == []

    assert await journal.write(tx.leases.reap_expired(NODE, ())) == 1

    assert await journal.read(tx.operations.find(accepted.id)) == accepted
    assert await _due(journal) == [accepted]


async def test_a_late_look_that_was_lost_is_made_by_another(journal: Journal, store: Store) -> None:
    """A late look that a living process began and lost is made again; the operation stays not applied."""
    await journal.write(tx.leases.renew(NODE, HOUR))
    begun = await claimed(journal)
    done, answer = ended(begun, "failed"), StoredResponse(status=422, body=b"{}")
    await journal.write(tx.operations.settle(done, answer, None, probe_in=0))
    assert await _due(journal, NODE) == [done]
    await store.pass_time(6)

    assert await journal.write(tx.leases.reap_expired(NODE, {begun.id})) == 0
    assert await journal.write(tx.leases.reap_expired(NODE, ())) == 1

    assert await journal.read(tx.operations.find(begun.id)) == done
    assert await journal.read(tx.operations.find_unsettled(begun.order)) is None
    assert await _due(journal) == [done]


async def test_what_was_forgotten_twice_at_once_is_counted_once(journals: list[Journal]) -> None:
    """Two processes that clear up after a third do not do so twice."""
    begun = [await claimed(journals[0], owner=THIRD) for _ in range(20)]

    counts = await asyncio.gather(
        *(journals[n % 2].write(tx.leases.reap_expired(f"node_{n}", ())) for n in range(10))
    )

    assert sum(counts) == len(begun)


async def test_the_living_are_counted(journal: Journal) -> None:
    """Whoever prolongs a lease learns how many processes live: those with a lease, until it ends or is given up."""
    assert await journal.write(tx.leases.renew(NODE, HOUR)) == 1
    assert await journal.write(tx.leases.renew(OTHER, HOUR)) == 2
    assert await journal.write(tx.leases.renew(NODE, HOUR)) == 2
    await journal.write(tx.leases.release(OTHER))
    assert await journal.write(tx.leases.renew(NODE, HOUR)) == 1


async def test_commands_are_not_counted(journal: Journal) -> None:
    """A process that does not serve learns how many do; it keeps what it holds, and is none of them."""
    assert await journal.write(tx.leases.renew(NODE, HOUR, serves=False)) == 0
    assert await journal.write(tx.leases.renew(OTHER, HOUR)) == 1
    assert await journal.write(tx.leases.renew(NODE, HOUR, serves=False)) == 1
    begun = await claimed(journal)

    assert await journal.write(tx.leases.reap_expired(OTHER, ())) == 0
    assert await journal.read(tx.operations.find(begun.id)) == begun
