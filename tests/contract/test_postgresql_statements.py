"""What one statement that does a transaction's work promises, while another process is in the middle of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from tests.contract.conftest import claimed, ended, intent, keep, operation, order

from ordergate.domain.lifecycle import OperationKind
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Busy, Claimed, Duplicate, Existing, Stale
from ordergate.journal.records.orders import StoredOrder
from ordergate.journal.stores.postgresql import PostgresqlJournal

T = TypeVar("T")
ENOUGH = 30.0
_COPY_OF_OPERATION = """
INSERT INTO operations
SELECT (jsonb_populate_record(operations, jsonb_build_object('id', 'op_other', 'order_id', 'ord_other',
       'idempotency_key', 'other', 'reference', $2::text))).* FROM operations WHERE id = $1
"""


@pytest_asyncio.fixture
async def journal(postgresql_url: str) -> AsyncIterator[PostgresqlJournal]:
    """A journal on a database of its own."""
    opened = await PostgresqlJournal.open(postgresql_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def other(postgresql_url: str, journal: PostgresqlJournal) -> AsyncIterator[Any]:
    """Another process, whose transaction is open for as long as a test wants."""
    connection = await asyncpg.connect(postgresql_url)
    yield connection
    await connection.close()


async def _waiting(other: Any, call: Awaitable[T]) -> "asyncio.Task[T]":
    """Start a call, and return once it waits for a lock."""
    task = asyncio.ensure_future(call)
    async with asyncio.timeout(ENOUGH):
        while not await other.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            assert not task.done()
            await asyncio.sleep(0.01)
    return task


async def _types(other: Any, order_id: str) -> list[str]:
    rows = await other.fetch("SELECT type FROM events WHERE order_id = $1 ORDER BY arrival", order_id)
    return [row[0] for row in rows]


# Claims of a reference


async def test_a_claim_sees_the_reference_that_another_was_about_to_claim(
    journal: PostgresqlJournal, other: Any
) -> None:
    """A claim that starts before another one of the reference is committed waits for it, and is its duplicate."""
    model = await claimed(journal, operation(reference="A-0"))
    async with other.transaction():
        await other.execute("INSERT INTO order_references VALUES ('acme', 'test', 'A-1')")
        await other.execute(_COPY_OF_OPERATION, model.id, "A-1")
        claim = await _waiting(other, journal.write(tx.operations.claim(intent(operation(reference="A-1")))))

    assert await claim == Duplicate(model)


async def test_a_claim_of_a_reference_that_another_gave_up_goes_through(
    journal: PostgresqlJournal, other: Any
) -> None:
    """If the other claim is rolled back, the waiting one has the reference for itself."""
    transaction = other.transaction()
    await transaction.start()
    await other.execute("INSERT INTO order_references VALUES ('acme', 'test', 'A-1')")
    begun = operation(reference="A-1")
    claim = await _waiting(other, journal.write(tx.operations.claim(intent(begun))))
    await transaction.rollback()

    assert await claim == Claimed(begun)


async def test_a_used_reference_is_claimed_by_one_after_the_other(
    journal: PostgresqlJournal, other: Any
) -> None:
    """A reference whose operations have failed is free again; of two claims of it the second sees the first."""
    model = await claimed(journal, operation(reference="A-1"))
    await journal.write(tx.operations.settle(ended(model, "failed"), None, None))
    async with other.transaction():
        await other.execute("SELECT 1 FROM order_references FOR UPDATE")
        await other.execute(_COPY_OF_OPERATION, model.id, "A-1")
        await other.execute("UPDATE operations SET state = 'succeeded' WHERE id = 'op_other'")
        claim = await _waiting(other, journal.write(tx.operations.claim(intent(operation(reference="A-1")))))

    assert isinstance(await claim, Duplicate)


async def test_a_refused_key_does_not_spoil_a_reference(journal: PostgresqlJournal) -> None:
    """A reference whose first claim was refused for its key can be claimed."""
    begun = await claimed(journal)
    refused = await journal.write(tx.operations.claim(intent(operation(key=begun.key, reference="A-1"))))

    claim = await journal.write(tx.operations.claim(intent(operation(reference="A-1"))))

    assert (type(refused), type(claim)) == (Existing, Claimed)


# Claims of an order


async def _sent_last(other: Any) -> str:
    sent: str = await other.fetchval(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return sent


async def test_a_change_of_an_order_is_claimed_in_one_statement(
    journal: PostgresqlJournal, other: Any
) -> None:
    """The operation is written and the order's revision is read by one statement."""
    record = await keep(journal, order())

    await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)

    assert (await _sent_last(other)).startswith("WITH part0")


async def test_a_claim_sees_what_the_operation_before_it_did(journal: PostgresqlJournal, other: Any) -> None:
    """A claim that starts before the order's last operation is settled waits for it, and is stale."""
    record = await keep(journal, order())
    first = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)
    async with other.transaction():
        await other.execute("UPDATE operations SET state = 'succeeded' WHERE id = $1", first.id)
        await other.execute("UPDATE orders SET revision = revision + 1")
        late = operation(order=record.id, kind=OperationKind.PAY)
        claim = await _waiting(other, journal.write(tx.operations.claim(intent(late, revision=1))))

    assert await claim == Stale()
    assert await journal.read(tx.operations.find(late.id)) is None


async def test_a_claim_waits_for_a_redaction_of_its_order(journal: PostgresqlJournal, other: Any) -> None:
    """A claim of an order that another process is just redacting is stale."""
    record = await keep(journal, order())
    late = operation(order=record.id, kind=OperationKind.PAY)
    async with other.transaction():
        await other.execute("UPDATE orders SET revision = revision + 1")
        claim = await _waiting(other, journal.write(tx.operations.claim(intent(late, revision=1))))

    assert await claim == Stale()
    assert await journal.read(tx.operations.find(late.id)) is None


@pytest.mark.parametrize("refused", ["key", "order"])
async def test_a_refused_claim_is_no_error_of_the_server(
    journal: PostgresqlJournal, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """A repeated key and a busy order are everyday cases, so they leave no error in the server's log."""
    record = await keep(journal, order())
    first = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)
    again = operation(key=first.key) if refused == "key" else operation(order=record.id)
    monkeypatch.setattr(asyncpg, "DivisionByZeroError", ZeroDivisionError)

    claim = await journal.write(tx.operations.claim(intent(again, revision=1)))

    assert claim == (Existing(first, None) if refused == "key" else Busy(first))


# Refreshes


async def test_a_refresh_changes_no_index(journal: PostgresqlJournal, other: Any) -> None:
    """An order that is read again and has not changed stays on its page, and no index gets an entry for it."""
    record = await keep(journal, order())
    for seconds in range(10):
        again = msgspec.structs.replace(record, synced_at=record.synced_at + timedelta(seconds=seconds))
        await journal.write(tx.orders.update(again, StoredOrder(record, seconds + 1)))
    await journal.close()  # then the server has counted

    counted = await other.fetchrow(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'orders'"
    )
    assert tuple(counted) == (10, 10)


# Settling


async def test_a_create_settles_in_one_statement(journal: PostgresqlJournal, other: Any) -> None:
    """Operation, order and event are written by one statement, without a transaction around it."""
    begun = await claimed(journal)
    await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, order(begun.order)))

    assert await _types(other, begun.order) == ["order.created"]
    assert (await _sent_last(other)).startswith("WITH part0")


async def test_an_outcome_that_its_caller_will_not_get_is_an_event(
    journal: PostgresqlJournal, other: Any
) -> None:
    """If another process takes the caller's answer away at the moment of settling, an event reports the outcome."""
    begun = await claimed(journal)
    async with other.transaction():
        await other.execute("UPDATE operations SET awaited = 1")
        settling = await _waiting(
            other,
            journal.write(tx.operations.settle(ended(begun, "succeeded"), None, order(begun.order))),
        )

    assert await settling is True
    assert await _types(other, begun.order) == ["order.created", "operation.settled"]


async def test_an_order_that_changes_meanwhile_settles_nothing(
    journal: PostgresqlJournal, other: Any
) -> None:
    """If another process changes the order first, neither the operation nor the order is written."""
    record = await keep(journal, order())
    pay = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)
    paid = msgspec.structs.replace(record, notes="paid")
    async with other.transaction():
        await other.execute("UPDATE orders SET revision = revision + 1")
        settling = await _waiting(
            other,
            journal.write(
                tx.operations.settle(ended(pay, "succeeded"), None, paid, before=StoredOrder(record, 1))
            ),
        )

    assert await settling == Stale()
    assert await journal.read(tx.operations.find(pay.id)) == pay
    assert await journal.read(tx.orders.find(record.id)) == StoredOrder(record, 2)
    assert await _types(other, record.id) == ["order.created"]


@pytest.mark.parametrize("state", ["failed", "succeeded"])
async def test_an_operation_that_was_settled_meanwhile_writes_nothing(
    journal: PostgresqlJournal, other: Any, state: str
) -> None:
    """If another process settles the operation first, the order is not written."""
    begun = await claimed(journal)
    async with other.transaction():
        await other.execute("UPDATE operations SET state = $1", state)
        settling = await _waiting(
            other,
            journal.write(tx.operations.settle(ended(begun, "succeeded"), None, order(begun.order))),
        )

    assert await settling is False
    assert await journal.read(tx.orders.find(begun.order)) is None
    assert await _types(other, begun.order) == []
