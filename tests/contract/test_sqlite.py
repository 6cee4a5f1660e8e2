"""What only the SQLite journal promises: one file, one server, and plain words when the file is no use."""

import asyncio
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.contract.conftest import ended, intent, operation

from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Claimed, Existing, Operation
from ordergate.journal.statements import migrations
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.server.bootstrap import open_journal

CLAIM_AND_WAIT = """
import asyncio, sys
from pathlib import Path
import msgspec
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Intent
from ordergate.journal.stores.sqlite import SqliteJournal

async def main():
    journal = SqliteJournal(Path(sys.argv[1]), serving=True)
    for line in sys.stdin:
        claim = await journal.write(tx.operations.claim(msgspec.json.decode(line, type=Intent)))
        print(type(claim).__name__, flush=True)

asyncio.run(main())
"""

CLAIM_UNTIL_FULL = """
import asyncio, resource, sys
from pathlib import Path
import msgspec
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.operations import Claimed, Intent
from ordergate.journal.stores.sqlite import SqliteJournal

async def claim(journal, line):
    intent = msgspec.json.decode(line, type=Intent)
    try:
        assert isinstance(await journal.write(tx.operations.claim(intent)), Claimed)
    except JournalUnavailableError as error:
        print("unavailable", intent.operation.id, error, flush=True)
        return False
    print("claimed", intent.operation.id, flush=True)
    return True

async def main():
    journal = SqliteJournal(Path(sys.argv[1]))
    lines = sys.stdin.readlines()
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
    refused = [line for line in lines if not await claim(journal, line)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("room again", flush=True)
    for line in refused[:3]:
        await claim(journal, line)
    await journal.read(tx.health.ping())
    await journal.close()

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "journal.db"


def _unavailable(path: Path, *, serving: bool = False) -> str:
    with pytest.raises(JournalUnavailableError) as refused:
        SqliteJournal(path, serving=serving)
    return str(refused.value)


def _lines(*operations: Operation) -> bytes:
    return b"".join(msgspec.json.encode(intent(each)) + b"\n" for each in operations)


async def test_an_intent_survives_the_death_of_its_process(path: Path) -> None:
    """A process that is killed right after a claim returned has left the intent, and a free file, behind."""
    begun = operation(reference="A-1")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLAIM_AND_WAIT, path, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_lines(begun))
    told = await asyncio.wait_for(process.stdout.readline(), 60)
    os.kill(process.pid, signal.SIGKILL)
    await process.communicate()

    journal = SqliteJournal(path, serving=True)

    assert told == b"Claimed\n"
    assert process.returncode == -signal.SIGKILL
    assert await journal.read(tx.operations.find(begun.id)) == begun
    assert await journal.write(tx.operations.claim(intent(operation(key=begun.key)))) == Existing(begun, None)
    await journal.close()


async def test_one_process_serves_from_a_file(path: Path) -> None:
    """A second server is refused in words that say what to do; looking in is not, and after the end it is free."""
    first = SqliteJournal(path, serving=True)

    sentence = _unavailable(path, serving=True)
    beside = SqliteJournal(path)
    begun = operation()
    await first.write(tx.operations.claim(intent(begun)))

    assert await beside.read(tx.operations.find(begun.id)) == begun
    assert f"Another process serves from {path}" in sentence
    assert "Stop it, use another file" in sentence
    await beside.close()
    await first.close()
    await SqliteJournal(path, serving=True).close()


async def test_a_command_line_beside_a_server_can_write(path: Path) -> None:
    """Two journals on one file write by turns, and each sees the other's writes."""
    server, beside = SqliteJournal(path, serving=True), SqliteJournal(path)
    wanted = [operation() for _ in range(60)]

    claims = await asyncio.gather(
        *((server, beside)[n % 2].write(tx.operations.claim(intent(each))) for n, each in enumerate(wanted))
    )

    assert claims == [Claimed(each) for each in wanted]
    for journal in (server, beside):
        assert [await journal.read(tx.operations.find(each.id)) for each in wanted[:4]] == wanted[:4]
        await journal.close()


async def test_a_process_that_writes_for_long_keeps_writes_waiting_and_nothing_else(path: Path) -> None:
    """While another process holds the file, a write waits for it in its turn, and the event loop goes on."""
    journal, first, second = SqliteJournal(path), operation(), operation()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        claims = asyncio.gather(
            journal.write(tx.operations.claim(intent(first))),
            journal.write(tx.operations.claim(intent(second))),
        )
        for _ in range(20):
            assert await journal.read(tx.operations.find_existing(first.id)) is None
            await asyncio.sleep(0.005)
        assert not claims.done()
        other.execute("ROLLBACK")

    assert await claims == [Claimed(first), Claimed(second)]
    await journal.close()


@pytest.mark.parametrize("serving", [False, True])
async def test_a_later_releases_schema_is_refused(path: Path, serving: bool) -> None:
    """A file that a later release upgraded is left alone, with the version and the cure in the sentence."""
    await SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")

    sentence = _unavailable(path, serving=serving)

    assert all(word in sentence for word in (str(path), "schema 999", "later release"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {migrations('sqlite')[-1][0]:d}")
    await SqliteJournal(path, serving=True).close()


async def test_opening_again_upgrades_nothing(path: Path) -> None:
    """A file of the present schema is opened as it is."""
    journal = SqliteJournal(path)
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.close()

    again = SqliteJournal(path)

    assert await again.read(tx.operations.find(begun.id)) == begun
    await again.close()


@pytest.mark.parametrize("serving", [False, True])
@pytest.mark.parametrize("kind", ["missing folder", "folder", "below a file", "not a database"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, kind: str, serving: bool) -> None:
    """Where no database can be, the refusal names the path."""
    (tmp_path / "file").write_bytes(b"this is no database, and never was one" * 40)
    (tmp_path / "folder").mkdir()
    path = {
        "missing folder": tmp_path / "missing" / "journal.db",
        "folder": tmp_path / "folder",
        "below a file": tmp_path / "file" / "journal.db",
        "not a database": tmp_path / "file",
    }[kind]

    assert f"SQLite cannot use {path}: " in _unavailable(path, serving=serving)


async def test_a_full_disk_is_unavailable_and_then_not(path: Path) -> None:
    """Where nothing can be written the claim is refused, what had been claimed stays, and with room it goes on."""
    wanted = [operation() for _ in range(200)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLAIM_UNTIL_FULL, path, stdin=PIPE, stdout=PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(_lines(*wanted)), 60)
    before, _, after = output.decode().partition("room again\n")
    words = {line.split()[1]: line.split()[0] for line in before.splitlines()}
    later = [line.split()[0] for line in after.splitlines()]

    journal = SqliteJournal(path)
    kept = {each.id for each in wanted if await journal.read(tx.operations.find(each.id)) is not None}
    await journal.close()

    assert process.returncode == 0
    assert "unavailable" in words.values()
    assert later == ["claimed"] * 3
    claimed = {identifier for identifier, word in words.items() if word == "claimed"}
    assert 0 < len(claimed) < len(wanted)
    assert kept == claimed | {line.split()[1] for line in after.splitlines()}


async def test_a_locked_file_is_unavailable_and_then_not(path: Path) -> None:
    """While somebody else holds the file a write is refused in the end, and works again afterwards."""
    journal = SqliteJournal(path)
    begun = operation()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailableError, match="locked"):
            await journal.write(tx.operations.claim(intent(begun)))
        assert await journal.read(tx.operations.find(begun.id)) is None
        other.execute("ROLLBACK")

    assert await journal.write(tx.operations.claim(intent(begun))) == Claimed(begun)
    await journal.close()


async def test_what_waits_is_finished_before_closing(path: Path) -> None:
    """Closing while writes wait lets them end."""
    journal = SqliteJournal(path)
    wanted = [operation() for _ in range(50)]
    waiting = [asyncio.create_task(journal.write(tx.operations.claim(intent(each)))) for each in wanted]
    await asyncio.sleep(0)

    await journal.close()

    assert await asyncio.gather(*waiting) == [Claimed(each) for each in wanted]


async def test_a_relative_and_an_absolute_url_open_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three slashes name a file from where the process runs, four an absolute one."""
    monkeypatch.chdir(tmp_path)

    await (await open_journal("sqlite:///near.db")).close()
    await (await open_journal(f"sqlite:///{tmp_path}/far.db")).close()

    assert (tmp_path / "near.db").stat().st_size > 0
    assert (tmp_path / "far.db").stat().st_size > 0


@pytest.mark.parametrize("url", ["mysql://secret@db/x", "journal.db", "sqlite:x", ""])
async def test_an_unknown_store_is_refused(url: str) -> None:
    """A URL of another store is refused with the forms that are known, and without its password."""
    with pytest.raises(JournalUnavailableError, match="sqlite:///FILE") as refused:
        await open_journal(url)

    assert "secret" not in str(refused.value)


async def test_bytes_of_an_applied_write_are_gone_from_the_table(path: Path) -> None:
    """What an administrator sees of an applied write is its record, not what was sent."""
    journal = SqliteJournal(path)
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun, request=b"exactly-this")))
    await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, None))
    await journal.close()

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM operations").fetchall()
    assert len(rows) == 1
    assert "exactly-this" not in repr(rows)


@pytest.mark.parametrize("mode", [None, 0o644, 0o666])
async def test_only_its_owner_reads_a_journal(path: Path, mode: int | None) -> None:
    """The file, its log, its index and its lock are their owner's alone, those of an older release, too."""
    names = [path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".lock")]
    if mode is not None:
        before = SqliteJournal(path, serving=True)
        for name in names:
            name.chmod(mode)
        await before.close()

    journal = SqliteJournal(path, serving=True)
    await journal.write(tx.operations.claim(intent(operation())))

    assert [oct(name.stat().st_mode & 0o777) for name in names] == ["0o600"] * 4
    await journal.close()
