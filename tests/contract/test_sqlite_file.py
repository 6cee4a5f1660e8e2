"""What becomes of a SQLite file over time: releases that upgrade it, servers that follow each other, and losses."""

import asyncio
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.conftest import NODE, claimed, ended, intent, operation, order, retried

from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Claimed, Existing, Stale, StoredResponse
from ordergate.journal.records.orders import StoredOrder
from ordergate.journal.statements import migrations
from ordergate.journal.stores import sqlite
from ordergate.journal.stores.sqlite import SqliteJournal, upgrade

NEWEST = migrations("sqlite")[-1][0]
OTHER = "node_2"
PATIENCE = 60
"""Seconds after which a condition is given up."""
ANSWER = StoredResponse(status=201, body=b'{"id": "ord_1"}')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "journal.db"


# Upgrades

LATER = (NEWEST + 1, ("ALTER TABLE orders ADD COLUMN later TEXT", "CREATE TABLE later (id TEXT)"))


async def test_an_upgrade_keeps_what_the_file_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later release adds its migrations; operations, answers, keys and orders are all there afterwards."""
    journal = SqliteJournal(path, serving=True)
    unknown = await claimed(journal)
    await journal.write(
        tx.operations.leave_unknown(ended(unknown, "unknown"), NODE, settles_in=None, probe_in=None)
    )
    done = await claimed(journal)
    record = order(done.order)
    await journal.write(tx.operations.settle(ended(done, "succeeded"), ANSWER, record))
    await journal.close()

    monkeypatch.setattr(sqlite, "migrations", lambda _: (*migrations("sqlite"), LATER))
    assert upgrade(path) == (NEWEST, NEWEST + 1)
    assert upgrade(path) == (NEWEST + 1, NEWEST + 1)

    journal = SqliteJournal(path, serving=True)
    assert await journal.read(tx.operations.find(unknown.id)) == ended(unknown, "unknown")
    kept = await journal.read(tx.operations.find_by_key(done))
    assert kept == Existing(ended(done, "succeeded"), ANSWER)
    assert await journal.read(tx.orders.find(done.order)) == StoredOrder(record, 1)
    assert await journal.write(tx.operations.claim(intent(operation(key=done.key)))) == kept
    await journal.close()


async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an upgrade cannot be made, the file is refused and keeps its schema, and can be upgraded later."""
    await SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE later (id TEXT)")
    monkeypatch.setattr(sqlite, "migrations", lambda _: (*migrations("sqlite"), LATER))

    with pytest.raises(JournalUnavailableError, match="SQLite cannot use"):
        SqliteJournal(path, serving=True)

    with closing(sqlite3.connect(path)) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(orders)")}
        assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        assert "later" not in columns
        connection.execute("DROP TABLE later")
    await SqliteJournal(path, serving=True).close()


# One server after another


async def test_a_new_server_takes_over_at_once(path: Path) -> None:
    """Who serves from the file is the only one: what its predecessor held is taken without waiting for the lease."""
    first = SqliteJournal(path, serving=True)
    await first.write(tx.leases.renew(NODE, 3600))
    begun = await claimed(first)
    await first.close()

    beside = SqliteJournal(path)
    assert await beside.write(tx.leases.acquire_due(OTHER, 5)) == []
    await beside.close()
    second = SqliteJournal(path, serving=True)

    assert [each.operation for each in await second.write(tx.leases.acquire_due(OTHER, 5))] == [
        ended(begun, "unknown")
    ]
    await second.close()


async def test_a_server_that_cannot_begin_lets_go_of_the_file(path: Path) -> None:
    """Where the first write fails the refusal names the file, and another server can begin."""
    journal = SqliteJournal(path)
    await journal.write(tx.leases.renew(NODE, 3600))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE DELETE ON nodes BEGIN SELECT RAISE(ABORT, 'no luck'); END"
        )

    with pytest.raises(JournalUnavailableError, match=f"cannot use {path}: no luck"):
        SqliteJournal(path, serving=True)

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER broken")
    await SqliteJournal(path, serving=True).close()


# A file that is lost


def _lose(path: Path, how: str) -> None:
    if how == "moved":
        path.rename(path.with_name("elsewhere.db"))
        return
    if how == "replaced":
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        copy.rename(path)
        return
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def _bring_back(path: Path) -> None:
    path.with_name("elsewhere.db").rename(path)


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
async def test_a_lost_file_is_not_written_to(path: Path, how: str) -> None:
    """Once the file is not the one that was opened, no write is reported as durable: each is refused."""
    journal = SqliteJournal(path)
    begun = await claimed(journal)
    _lose(path, how)

    for write in (
        journal.write(tx.operations.claim(intent(operation()))),
        journal.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, None)),
        journal.write(tx.leases.renew(NODE, 15)),
        journal.write(tx.operations.start_attempt(retried(begun), NODE, 55)),
    ):
        with pytest.raises(JournalUnavailableError):
            await write
    await journal.close()


async def test_a_file_that_is_lost_during_a_write_is_not_durable(path: Path) -> None:
    """A file that goes away between the beginning and the end of a write makes that write fail."""
    journal = SqliteJournal(path)
    begun = await claimed(journal)

    with pytest.raises(JournalUnavailableError):
        await journal._writer.run(lambda _connection: path.unlink())
    with pytest.raises(JournalUnavailableError):
        await journal.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, None))
    await journal.close()


async def test_a_file_that_comes_back_is_used_again(path: Path) -> None:
    """A file that was away is written to again when it is back, and holds nothing that was refused meanwhile."""
    journal = SqliteJournal(path)
    begun = await claimed(journal)
    refused = operation()
    _lose(path, "moved")
    with pytest.raises(JournalUnavailableError):
        await claimed(journal, refused)

    _bring_back(path)

    assert await journal.read(tx.operations.find(refused.id)) is None
    assert await journal.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, None)) is True
    assert await journal.read(tx.operations.find_existing(begun.id)) == Existing(
        ended(begun, "succeeded"), ANSWER
    )
    await journal.close()


async def test_a_read_only_store_is_unavailable_and_then_not(path: Path) -> None:
    """Where nothing may be written each write is refused and reads go on; when it may again, writes do too."""
    journal = SqliteJournal(path)
    begun = await claimed(journal)
    journal._writer._connection.execute("PRAGMA query_only = 1")

    for _ in range(3):
        with pytest.raises(JournalUnavailableError, match="readonly"):
            await journal.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, None))
    assert await journal.read(tx.operations.find(begun.id)) == begun
    journal._writer._connection.execute("PRAGMA query_only = 0")

    assert await journal.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, None)) is True
    await journal.close()


async def test_what_is_undone_in_a_shared_commit_is_undone_alone(path: Path) -> None:
    """A stale claim among others that share its commit leaves nothing behind, and costs the others nothing."""
    journal = SqliteJournal(path)
    good = [operation() for _ in range(40)]
    stale = [operation() for _ in range(40)]
    claims = [
        journal.write(tx.operations.claim(made))
        for one, other in zip(good, stale, strict=True)
        for made in (intent(one), intent(other, revision=1))
    ]

    results = await asyncio.gather(*claims)

    assert results[::2] == [Claimed(each) for each in good]
    assert results[1::2] == [Stale()] * 40
    for each in good:
        assert await journal.read(tx.operations.find(each.id)) == each
    for each in stale:
        assert await journal.read(tx.operations.find(each.id)) is None
    await journal.close()


async def test_a_clock_that_is_set_between_two_servers_moves_no_age(path: Path) -> None:
    """As long as the host was not started anew, the next server goes on from the time that passed."""
    now = time.time()
    first = SqliteJournal(path, serving=True)
    await first.write(tx.leases.renew(NODE, 15))
    await first.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE host_time SET at = at - 8 * 86400000"
        )  # as if it had been set forwards since

    second = SqliteJournal(path, serving=True)
    told = (await second.read(tx.health.time_now())).timestamp()
    await second.write(tx.leases.renew(NODE, 15))
    await second.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE host_time SET boot = 'another start of the host'")
    third = SqliteJournal(path, serving=True)
    unknown = (await third.read(tx.health.time_now())).timestamp()
    await third.close()

    assert told == pytest.approx(now - 8 * 86400, abs=60)
    assert unknown == pytest.approx(now, abs=60)


# Checkpoints

HOLD_THE_CHECKPOINT_LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as index:
    fcntl.lockf(index, fcntl.LOCK_EX, 1, 121)  # SQLite's lock of a checkpoint, in the index of its log
    print("held", flush=True)
    sys.stdin.read()
"""


async def test_a_server_moves_its_log_into_the_database_without_a_commit_that_does(path: Path) -> None:
    """Few pages are written, and soon the log's last frame is in the database."""
    journal = SqliteJournal(path, serving=True)
    begun = await claimed(journal)

    assert await asyncio.to_thread(_soon_in, path, begun.id.encode())
    await journal.close()


async def test_an_erasure_waits_for_a_checkpoint_that_runs(path: Path) -> None:
    """The log can be emptied only by one at a time."""
    journal = SqliteJournal(path, serving=True)
    await claimed(journal)
    index = path.with_name(path.name + "-shm")
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_THE_CHECKPOINT_LOCK, index, stdin=PIPE, stdout=PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    await holder.stdout.readline()

    erasing = asyncio.create_task(asyncio.to_thread(sqlite._empty_log, path))
    await asyncio.sleep(0.3)  # long enough for most machines to be refused once
    holder.stdin.close()

    await erasing
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    await holder.wait()
    await journal.close()


def _soon_in(file: Path, text: bytes) -> bool:
    deadline = time.monotonic() + PATIENCE
    while text not in file.read_bytes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
