"""What is forgotten after the retention and what is not, on every store there is."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import NOW, SINCE, Store, ended, intent, operation, retried

from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Claimed, Existing, Operation, Stale, StoredResponse

MINUTE = timedelta(minutes=1)
OLD = SINCE - MINUTE
ANSWER = StoredResponse(status=201, body=b'{"email": "ada@example.com"}')


async def _settled(
    journal: Journal, state: str = "succeeded", *, response: StoredResponse | None = ANSWER, **changes: Any
) -> Operation:
    """An operation that ended just before the retention, unless said otherwise."""
    begun = operation(**{"created_at": OLD, "updated_at": OLD, **changes})
    await journal.write(tx.operations.claim(intent(begun, request=b"the bytes to send")))
    await journal.write(tx.operations.settle(ended(begun, state), response, None))
    return ended(begun, state)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_what_was_kept_for_repeats_is_forgotten(journal: Journal, store: Store, state: str) -> None:
    """The key is free, request and answer are gone, and the operation is read as before."""
    old = await _settled(journal, state)

    assert await journal.write(tx.operations.prune(SINCE, 10)) == 1

    assert await journal.read(tx.operations.find_by_key(old)) is None
    assert await journal.read(tx.operations.find_existing(old.id)) == Existing(old, None)
    assert await store.column(old, "request") is None
    anew = operation(key=old.key)
    assert await journal.write(tx.operations.claim(intent(anew))) == Claimed(anew)
    assert await journal.write(tx.operations.prune(SINCE, 10)) == 0


async def test_what_is_younger_is_kept(journal: Journal, store: Store) -> None:
    """An operation that ended within the retention keeps its key, its answer and its request."""
    young = await _settled(journal, "failed", updated_at=SINCE)

    assert await journal.write(tx.operations.prune(SINCE, 10)) == 0

    assert await journal.read(tx.operations.find_by_key(young)) == Existing(young, ANSWER)
    assert await store.column(young, "request") == b"the bytes to send"


@pytest.mark.parametrize("state", ["in_progress", "unknown"])
async def test_unsettled_operations_are_never_touched(journal: Journal, store: Store, state: str) -> None:
    """However old, an operation whose outcome is not known keeps all that its end needs."""
    begun = operation(created_at=OLD, updated_at=OLD)
    await journal.write(tx.operations.claim(intent(begun)))
    if state == "unknown":
        await journal.write(
            tx.operations.leave_unknown(ended(begun, "unknown"), "node_1", settles_in=None, probe_in=None)
        )

    assert await journal.write(tx.operations.prune(NOW + MINUTE, 10)) == 0

    assert await store.column(begun, "request") is not None
    assert (await journal.read(tx.operations.find_by_key(begun))) == Existing(ended(begun, state), None)


async def test_a_late_look_to_come_needs_what_is_kept(journal: Journal, store: Store) -> None:
    """What will be looked at again, or is being looked at, is pruned only after that."""
    begun = operation(created_at=OLD, updated_at=OLD)
    await journal.write(tx.operations.claim(intent(begun)))
    failed = ended(begun, "failed")
    await journal.write(tx.operations.settle(failed, None, None, probe_in=0))

    assert await journal.write(tx.operations.prune(SINCE, 10)) == 0
    (taken,) = await journal.write(tx.leases.acquire_due("node_2", 10))
    assert await journal.write(tx.operations.prune(SINCE, 10)) == 0
    await journal.write(tx.operations.settle(failed, None, None, owner="node_2", late=True))

    assert taken.work is not None
    assert await journal.write(tx.operations.prune(SINCE, 10)) == 1
    assert await store.column(begun, "request") is None


async def test_thousands_go_in_batches_and_nobody_gets_anothers(journal: Journal, store: Store) -> None:
    """2,000 operations go in batches of 500, pruned from two sides, each once; those of today stay."""
    begun = [operation(created_at=OLD, updated_at=OLD) for _ in range(2_000)]
    today = [operation() for _ in range(20)]
    for part in (*(begun[start : start + 100] for start in range(0, 2_000, 100)), today):
        await asyncio.gather(*(journal.write(tx.operations.claim(intent(each))) for each in part))
        await asyncio.gather(
            *(journal.write(tx.operations.settle(ended(each, "failed"), ANSWER, None)) for each in part)
        )
    other = await store.open()

    batches = []
    while not batches or any(batches[-1]):
        batches.append(
            await asyncio.gather(
                journal.write(tx.operations.prune(SINCE, 500)), other.write(tx.operations.prune(SINCE, 500))
            )
        )

    sizes = [size for batch in batches for size in batch]
    assert sum(sizes) == 2_000
    assert max(sizes) == 500
    for each in (begun[0], begun[-1]):
        assert await journal.read(tx.operations.find_by_key(each)) is None
    for each in today:
        assert await journal.read(tx.operations.find_by_key(each)) == Existing(ended(each, "failed"), ANSWER)


async def test_a_repeat_that_meets_the_pruning_begins_anew(journal: Journal) -> None:
    """A next attempt whose operation has just been pruned is no attempt of it any more: its caller looks again."""
    failed = await _settled(journal, "failed", response=None)
    again = retried(failed)
    assert await journal.write(tx.operations.prune(SINCE, 10)) == 1

    assert await journal.write(tx.operations.claim(intent(again))) == Stale()
    assert await journal.read(tx.operations.find(failed.id)) == failed

    expired = await _settled(journal, "failed", response=None)
    assert await journal.write(tx.operations.claim(intent(retried(expired)))) == Stale()
    assert await journal.read(tx.operations.find(expired.id)) == expired


async def test_the_record_keeps_its_key(journal: Journal) -> None:
    """Whoever reads a pruned operation still sees under which key it was sent."""
    old = await _settled(journal)
    await journal.write(tx.operations.prune(SINCE, 10))

    found = await journal.read(tx.operations.find(old.id))

    assert found == old
    assert msgspec.structs.asdict(old)["key"] is not None
