"""A backup is one whole moment of a journal that others write to, or it is not there."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from tests.contract.conftest import intent, operation

from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.stores.backup import BackupRefusedError, back_up
from ordergate.journal.stores.sqlite import SqliteJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.db"


@pytest_asyncio.fixture
async def kept(path: Path) -> Path:
    """A journal that holds one operation, and that nobody has open."""
    journal = SqliteJournal(path)
    await journal.write(tx.operations.claim(intent(operation())))
    await journal.close()
    return path


def _ignore(_done: int, _total: int) -> None:
    """Nobody watches."""


def _operations(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM operations").fetchone()[0]


async def test_a_journal_that_is_written_to_is_copied_whole(path: Path, tmp_path: Path) -> None:
    """Writes during the copy neither wait for it nor begin it anew, and what was there before is in it."""
    journal = SqliteJournal(path, serving=True)
    big = b"x" * 200_000
    for _ in range(60):
        await journal.write(tx.operations.claim(intent(operation(), request=big)))
    loop, written, steps = asyncio.get_running_loop(), [], []

    def write_meanwhile(done: int, total: int) -> None:
        steps.append((done, total))
        claimed = asyncio.run_coroutine_threadsafe(
            journal.write(tx.operations.claim(intent(operation()))), loop
        )
        written.append(claimed.result(5))

    target = tmp_path / "copy.db"
    made = await asyncio.to_thread(back_up, path, target, overwrite=False, advance=write_meanwhile)
    await journal.close()

    assert 3 <= len(steps) < 10
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] == made.size == target.stat().st_size
    assert _operations(target) == 60
    assert _operations(path) == 60 + len(written)
    assert target.stat().st_mode & 0o777 == 0o600
    partial = target.with_name("copy.db.partial")
    assert not partial.exists()
    again = SqliteJournal(target, serving=True)
    assert await again.read(tx.operations.find_unsettled("ord_nobody")) is None
    await again.close()


def test_nothing_is_overwritten_unless_that_is_meant(kept: Path, tmp_path: Path) -> None:
    """A file that is there stays as it is; with overwriting it becomes the copy; the journal itself never does."""
    target = tmp_path / "copy.db"
    target.write_bytes(b"older")

    with pytest.raises(BackupRefusedError, match="--force"):
        back_up(kept, target, overwrite=False, advance=_ignore)
    assert target.read_bytes() == b"older"
    back_up(kept, target, overwrite=True, advance=_ignore)
    assert _operations(target) == 1
    for itself in (kept, tmp_path / "." / "journal.db", tmp_path / "journal.db-wal"):
        with pytest.raises(BackupRefusedError, match="journal itself"):
            back_up(kept, itself, overwrite=True, advance=_ignore)
    with pytest.raises(BackupRefusedError, match="no journal"):
        back_up(tmp_path / "nothing.db", tmp_path / "other.db", overwrite=False, advance=_ignore)
    assert not (tmp_path / "nothing.db").exists()


def test_a_backup_that_fails_leaves_nothing(kept: Path, tmp_path: Path) -> None:
    """What cannot be copied is said, the older copy stays, and no half of a copy is left."""
    target = tmp_path / "copy.db"
    target.write_bytes(b"older")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(kept.read_bytes()[:8192] + b"\xff" * 20_000)

    with pytest.raises(JournalUnavailableError, match="damaged"):
        back_up(damaged, target, overwrite=True, advance=_ignore)
    with pytest.raises(JournalUnavailableError, match="No such file"):
        back_up(kept, tmp_path / "nowhere" / "copy.db", overwrite=False, advance=_ignore)

    assert target.read_bytes() == b"older"
    assert not list(tmp_path.glob("*.partial*"))
