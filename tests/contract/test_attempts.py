"""Who may send an operation once more, who may end it, and what its end leaves, on every store there is."""

import asyncio

import msgspec
import pytest
from tests.contract.conftest import NODE, Store, claimed, ended, intent, keep, operation, order, retried

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.lifecycle import OperationKind
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Existing, Operation, StoredResponse

OTHER = "node_2"
HOUR = 3600.0
ANSWER = StoredResponse(status=201, body=b'{"id": "ord_1"}')
LATER_ANSWER = StoredResponse(status=201, body=b'{"id": "ord_1", "status": "review"}')


async def _left(journal: Journal, begun: Operation) -> Operation:
    """Give an operation up, its outcome unknown."""
    unknown = ended(begun, "unknown")
    assert await journal.write(tx.operations.leave_unknown(unknown, NODE, settles_in=None, probe_in=None))
    return unknown


async def _in_state(journal: Journal, state: str, response: StoredResponse | None = None) -> Operation:
    """An operation that this node began, as it is in a state."""
    begun = await claimed(journal)
    if state == "unknown":
        return await _left(journal, begun)
    if state != "in_progress":
        begun = ended(begun, state)
        assert await journal.write(tx.operations.settle(begun, response, None))
    return begun


# One more attempt


async def test_the_next_attempt_is_durable_before_it_is_sent(journal: Journal, store: Store) -> None:
    """A further attempt is in progress under its owner, and what was going to be sent stays as it was."""
    unknown = await _left(journal, await claimed(journal, request=b"exact"))
    again = retried(unknown)

    assert await journal.write(tx.operations.start_attempt(again, OTHER, 55.0)) is True

    assert await journal.read(tx.operations.find(again.id)) == again
    assert await store.column(again, "owner") == OTHER
    assert await store.column(again, "request") == b"exact"
    assert await store.column(again, "work") is not None


@pytest.mark.parametrize("steps", [0, 2, 3])
async def test_only_the_very_next_attempt_begins(journal: Journal, steps: int) -> None:
    """An attempt that was begun before, and one that leaves another out, do not begin."""
    begun = await claimed(journal)
    wrong = begun
    for _ in range(steps):
        wrong = retried(wrong)

    assert (
        await journal.write(
            tx.operations.start_attempt(msgspec.structs.replace(wrong, problem="spoilt"), NODE, 55.0)
        )
        is False
    )
    assert await journal.read(tx.operations.find(begun.id)) == begun


@pytest.mark.parametrize(
    ("state", "begins"), [("in_progress", True), ("unknown", True), ("succeeded", False), ("failed", False)]
)
async def test_an_attempt_begins_while_the_operation_is_unsettled(
    journal: Journal, state: str, begins: bool
) -> None:
    """What has ended is not sent once more that way, however it ended."""
    before = await _in_state(journal, state)
    again = retried(before)

    assert await journal.write(tx.operations.start_attempt(again, NODE, 55.0)) is begins
    assert await journal.read(tx.operations.find(before.id)) == (again if begins else before)


async def test_another_processes_operation_is_not_sent(journal: Journal, store: Store) -> None:
    """Whoever does not hold an operation cannot begin an attempt of it, even after its holder's death."""
    begun = await claimed(journal)

    assert await journal.write(tx.operations.start_attempt(retried(begun), OTHER, 55.0)) is False
    await journal.write(tx.leases.release(NODE))
    assert await journal.write(tx.operations.start_attempt(retried(begun), OTHER, 55.0)) is False

    assert await journal.read(tx.operations.find(begun.id)) == begun
    assert await store.column(begun, "owner") == NODE
    assert await journal.write(tx.operations.start_attempt(retried(begun), NODE, 55.0)) is True


async def test_what_does_not_exist_is_not_sent(journal: Journal) -> None:
    """An attempt of an operation that was never claimed does not begin."""
    assert await journal.write(tx.operations.start_attempt(retried(operation()), NODE, 55.0)) is False


async def test_of_fifty_next_attempts_one_begins(journals: list[Journal]) -> None:
    """However many processes begin the next attempt of what nobody holds, exactly one sends."""
    unknown = await _left(journals[0], await claimed(journals[0]))
    again = retried(unknown)

    begins = await asyncio.gather(
        *(journals[n % 2].write(tx.operations.start_attempt(again, f"node_{n}", 55.0)) for n in range(50))
    )

    assert begins.count(True) == 1
    winner = f"node_{begins.index(True)}"
    assert await journals[0].write(tx.operations.start_attempt(retried(again), winner, 55.0)) is True


async def test_each_attempt_settles_by_its_own_time(journal: Journal, store: Store) -> None:
    """A further attempt makes the settling time begin anew, for what it may have done can arrive until then."""
    begun = await claimed(journal, settling=10.0)
    await store.pass_time(100)
    again = retried(begun)
    await journal.write(tx.operations.start_attempt(again, NODE, 1000.0))
    await _left(journal, again)

    taken = await journal.write(tx.leases.acquire(begun.id, OTHER))

    assert taken is not None
    assert 900 < taken.settles_in <= 1000


# How it ends


async def _unchanged(journal: Journal, expected: Operation, answer: StoredResponse | None) -> None:
    assert await journal.read(tx.operations.find_existing(expected.id)) == Existing(expected, answer)
    stored = await journal.read(tx.orders.find(expected.order))
    assert stored is None


@pytest.mark.parametrize("steps", [-1, 1])
async def test_the_end_of_another_attempt_changes_nothing(journal: Journal, steps: int) -> None:
    """An answer to an attempt that is not the journal's last is refused: operation, answer and order stay."""
    begun = await claimed(journal)
    again = retried(begun)
    assert await journal.write(tx.operations.start_attempt(again, NODE, 55.0))
    other = ended(begun if steps < 0 else retried(again), "succeeded")

    assert await journal.write(tx.operations.settle(other, ANSWER, order(begun.order))) is False
    assert await journal.write(tx.operations.settle(other, ANSWER, order(begun.order), late=True)) is False

    await _unchanged(journal, again, None)


@pytest.mark.parametrize(
    ("before", "late", "settles"),
    [
        ("in_progress", False, True),
        ("unknown", False, True),
        ("succeeded", False, False),
        ("failed", False, False),
        ("in_progress", True, False),
        ("unknown", True, False),
        ("succeeded", True, False),
        ("failed", True, True),
    ],
)
async def test_an_operation_ends_once(journal: Journal, before: str, late: bool, settles: bool) -> None:
    """What has ended keeps its end; only a late trace turns not applied into applied, and never the other way."""
    answer = ANSWER if before in {"succeeded", "failed"} else None
    known = await _in_state(journal, before, answer)
    done = ended(msgspec.structs.replace(known, problem=None), "succeeded")
    record = order(known.order)

    assert await journal.write(tx.operations.settle(done, LATER_ANSWER, record, late=late)) is settles

    if settles:
        stored = await journal.read(tx.orders.find(known.order))
        assert await journal.read(tx.operations.find_existing(known.id)) == Existing(done, LATER_ANSWER)
        assert stored is not None
        assert stored.record == record
    else:
        await _unchanged(journal, known, answer)


async def test_a_refused_end_leaves_the_order_as_it_is(journal: Journal) -> None:
    """Where the operation had ended otherwise, the order that would have gone with the end is not kept."""
    record = await keep(journal, order())
    pay = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)
    assert await journal.write(tx.operations.settle(ended(pay, "failed"), None, None))
    changed: OrderRecord = msgspec.structs.replace(record, notes="paid")

    assert await journal.write(tx.operations.settle(ended(pay, "succeeded"), ANSWER, changed)) is False

    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    assert (stored.record, stored.revision) == (record, 1)


async def test_what_was_only_found_out_counts_while_it_is_held(journal: Journal) -> None:
    """Who looked at the provider ends it only while holding it; who heard the provider's own answer always may."""
    begun = await claimed(journal)
    done = ended(begun, "failed")

    assert await journal.write(tx.operations.settle(done, ANSWER, None, owner=OTHER)) is False
    await _unchanged(journal, begun, None)
    await _left(journal, begun)
    assert await journal.write(tx.operations.settle(done, ANSWER, None, owner=NODE)) is False
    await _unchanged(journal, ended(begun, "unknown"), None)

    taken = await journal.write(tx.leases.acquire(begun.id, OTHER))
    assert taken is not None
    assert await journal.write(tx.operations.settle(done, ANSWER, None, owner=NODE)) is False
    assert await journal.write(tx.operations.settle(done, ANSWER, None, owner=OTHER)) is True
    assert await journal.read(tx.operations.find_existing(begun.id)) == Existing(done, ANSWER)


async def test_who_heard_the_answer_ends_it_though_another_holds_it(journal: Journal) -> None:
    """The provider's own answer counts even after another process has taken the operation over."""
    begun = await claimed(journal)
    await journal.write(tx.leases.release(NODE))
    assert [taken.operation.id for taken in await journal.write(tx.leases.acquire_due(OTHER, 5))] == [
        begun.id
    ]
    done = ended(begun, "succeeded")

    assert await journal.write(tx.operations.settle(done, ANSWER, None)) is True

    assert await journal.read(tx.operations.find_existing(begun.id)) == Existing(done, ANSWER)
    assert await journal.write(tx.operations.settle(ended(begun, "failed"), None, None, owner=OTHER)) is False


@pytest.mark.parametrize(("state", "erased"), [("succeeded", True), ("failed", False)])
async def test_only_what_was_applied_is_erased(
    journal: Journal, store: Store, state: str, erased: bool
) -> None:
    """The request and the work go when the write was applied, and stay while they may be needed."""
    begun = await claimed(journal, request=b"exact")

    await journal.write(tx.operations.settle(ended(begun, state), None, None))

    assert (await store.column(begun, "request") is None) is erased
    assert (await store.column(begun, "work") is None) is erased
    assert await store.column(begun, "owner") is None


async def test_a_late_look_comes_when_it_is_due(journal: Journal, store: Store) -> None:
    """What ended as not applied is looked at once more after the given time, still as not applied."""
    begun = await claimed(journal, request=b"exact")
    done = ended(begun, "failed")
    assert await journal.write(tx.operations.settle(done, None, None, probe_in=HOUR))

    await store.pass_time(HOUR - 60)
    assert await journal.write(tx.leases.acquire_due(OTHER, 5)) == []
    await store.pass_time(120)
    taken = await journal.write(tx.leases.acquire_due(OTHER, 5))

    assert [(each.operation, each.request) for each in taken] == [(done, b"exact")]
    assert await journal.read(tx.operations.find(begun.id)) == done
    assert await journal.read(tx.operations.find_unsettled(begun.order)) is None
    assert await journal.write(tx.operations.settle(done, None, None, owner=OTHER, late=True))
    await store.pass_time(100 * HOUR)
    assert await journal.write(tx.leases.acquire_due(OTHER, 5)) == []


async def test_a_late_look_does_not_hinder_a_repeat(journal: Journal) -> None:
    """While somebody looks for a late trace the key may be sent again; what was found then ends nothing."""
    begun = await claimed(journal)
    done = ended(begun, "failed")
    await journal.write(tx.operations.settle(done, None, None, probe_in=0))
    assert len(await journal.write(tx.leases.acquire_due(OTHER, 5))) == 1
    again = await claimed(journal, retried(begun))

    assert (
        await journal.write(
            tx.operations.settle(ended(begun, "succeeded"), ANSWER, None, owner=OTHER, late=True)
        )
        is False
    )
    assert await journal.write(tx.operations.settle(done, None, None, owner=OTHER, late=True)) is False
    assert await journal.read(tx.operations.find(begun.id)) == again


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_what_has_ended_is_not_looked_at(journal: Journal, store: Store, state: str) -> None:
    """Without a late look an ended operation is never due again."""
    await _in_state(journal, state)

    await store.pass_time(10_000 * HOUR)

    assert await journal.write(tx.leases.acquire_due(OTHER, 5)) == []


# Giving up


@pytest.mark.parametrize("state", ["succeeded", "failed", "unknown", "another's", "another attempt"])
async def test_only_what_is_held_is_given_up(journal: Journal, state: str) -> None:
    """An operation that has ended, is another's, or is at another attempt is not given up."""
    if state == "another's":
        before, owner, given = await claimed(journal), OTHER, None
    elif state == "another attempt":
        given = await claimed(journal)
        before, owner = retried(given), NODE
        assert await journal.write(tx.operations.start_attempt(before, NODE, 55.0))
    else:
        before, owner, given = await _in_state(journal, state), NODE, None
    unknown = msgspec.structs.replace(ended(given or before, "unknown"), problem="spoilt")

    assert (
        await journal.write(tx.operations.leave_unknown(unknown, owner, settles_in=1.0, probe_in=0)) is False
    )
    assert await journal.read(tx.operations.find(before.id)) == before


async def test_who_gives_up_holds_it_no_more(journal: Journal) -> None:
    """What was given up is unknown, keeps its order busy, and can be ended by its former holder only by proof."""
    begun = await claimed(journal)
    unknown = msgspec.structs.replace(ended(begun, "unknown"), problem="outcome_unknown", needs_person=True)

    assert (
        await journal.write(tx.operations.leave_unknown(unknown, NODE, settles_in=None, probe_in=None))
        is True
    )

    assert await journal.read(tx.operations.find_unsettled(begun.order)) == unknown
    assert (
        await journal.write(tx.operations.leave_unknown(unknown, NODE, settles_in=None, probe_in=None))
        is False
    )
    assert await journal.write(tx.operations.settle(ended(begun, "failed"), None, None, owner=NODE)) is False


async def test_what_is_unknown_is_counted(journal: Journal, store: Store) -> None:
    """How many operations are unknown, since when the oldest, and how many wait for a person; no others."""
    nothing = await journal.read(tx.operations.count_unknown())
    person, looked_after, settled = [await claimed(journal) for _ in range(3)]
    await claimed(journal)  # it is still under way
    assert await journal.read(tx.operations.count_unknown()) == nothing
    await journal.write(tx.operations.settle(ended(settled, "succeeded"), None, None))
    for begun, probe_in in ((person, None), (looked_after, 5.0)):
        await journal.write(
            tx.operations.leave_unknown(ended(begun, "unknown"), NODE, settles_in=None, probe_in=probe_in)
        )
    found = await journal.read(tx.operations.count_unknown())
    await store.pass_time(100)
    later = await journal.read(tx.operations.count_unknown())

    assert (nothing.number, nothing.oldest, nothing.need_person) == (0, 0, 0)
    assert (found.number, found.need_person) == (2, 1)
    assert later.oldest >= 100
    assert await journal.write(tx.leases.probe_soon(person.id)) is None
    assert (await journal.read(tx.operations.count_unknown())).need_person == 0
    assert journal.waiting_writes() == 0


@pytest.mark.parametrize(("given", "at_most"), [(None, 1000.0), (10.0, 10.0), (5000.0, 5000.0)])
async def test_the_settling_time_is_kept_or_set(
    journal: Journal, given: float | None, at_most: float
) -> None:
    """Giving up leaves the settling time that the claim began, or begins another one."""
    begun = await claimed(journal, settling=1000.0)
    await journal.write(
        tx.operations.leave_unknown(ended(begun, "unknown"), NODE, settles_in=given, probe_in=None)
    )

    taken = await journal.write(tx.leases.acquire(begun.id, OTHER))

    assert taken is not None
    assert at_most - 300 < taken.settles_in <= at_most


async def test_a_repeated_key_settles_by_its_own_time(journal: Journal, store: Store) -> None:
    """The next attempt of a key whose operation was not applied has a settling time of its own."""
    begun = await claimed(journal, settling=10.0)
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))
    await store.pass_time(HOUR)
    again = retried(begun)
    await journal.write(tx.operations.claim(intent(again, settling=1000.0)))
    await _left(journal, again)

    taken = await journal.write(tx.leases.acquire(begun.id, OTHER))

    assert taken is not None
    assert 900 < taken.settles_in <= 1000
