"""Copies a SQLite journal while a gateway serves from it: one moment of it, checked before it has its name."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from ordergate.journal.errors import JournalUnavailableError

Advance = Callable[[int, int], None]
"""Called with the number of copied bytes and the number of all bytes."""

_STEP_BYTES = 4 * 2**20
_BUSY_SECONDS = 5.0


class BackupRefusedError(Exception):
    """The copy failed. The message gives the reason and the cure."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A whole copy; `size` in bytes, `schema_version` of :func:`ordergate.journal.stores.sqlite.upgrade`."""

    file: str
    size: int
    schema_version: int


def back_up(source: Path, target: Path, *, overwrite: bool, advance: Advance) -> Backup:
    """Copy a journal as of one moment. Other connections can write meanwhile.

    The copy grows as ``TARGET.partial`` and gets its name once it is complete and SQLite finds it whole. Only its
    owner may read it.

    Args:
        source: The journal's file.
        target: Path of the copy.
        overwrite: An older copy may be replaced.
        advance: Called with the progress, every few megabytes.

    Raises:
        BackupRefusedError: The target is there already, or is the journal itself.
        JournalUnavailableError: It could not be copied; nothing is left of the attempt.
    """
    _refuse(source, target, overwrite=overwrite)
    partial = target.with_name(target.name + ".partial")
    try:
        _discard(partial)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        version = _copy(source, partial, advance)
        _flush(partial)
        partial.replace(target)
        _flush(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise JournalUnavailableError(f"{source} cannot be backed up to {target}: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            _discard(partial)
    return Backup(file=str(target), size=target.stat().st_size, schema_version=version)


def _refuse(source: Path, target: Path, *, overwrite: bool) -> None:
    if not source.is_file():
        raise BackupRefusedError(f"There is no journal {source} to back up.")
    if target.resolve() in {
        source.with_name(source.name + end).resolve() for end in ("", "-wal", "-shm", ".lock")
    }:
        raise BackupRefusedError(f"{target} is the journal itself; name another file.")
    if target.exists() and not (overwrite and target.is_file()):
        raise BackupRefusedError(f"{target} already exists; name another file, or give --force.")


def _copy(source: Path, partial: Path, advance: Advance) -> int:
    """Copy and check; return the schema's version."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=_BUSY_SECONDS, isolation_level=None)) as journal,
        contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy,
    ):
        page = journal.execute("PRAGMA page_size").fetchone()[0]
        # One reading transaction includes the whole copy. Otherwise, each write of a server would restart the copy.
        journal.execute("BEGIN")
        version: int = journal.execute("PRAGMA user_version").fetchone()[0]
        journal.execute("SELECT count(*) FROM sqlite_master").fetchone()
        journal.backup(
            copy,
            pages=_STEP_BYTES // page,
            progress=lambda _status, left, total: advance((total - left) * page, total * page),
            sleep=0,
        )
        journal.execute("COMMIT")
        # A file by itself, without a log beside it that could be left behind.
        copy.execute("PRAGMA journal_mode = DELETE")
        found = copy.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        raise sqlite3.DatabaseError(f"the copy is damaged: {found[0][0]}")
    return version


def _flush(path: Path) -> None:
    """Make a file, or a folder's names, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(partial: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        partial.with_name(partial.name + end).unlink(missing_ok=True)
