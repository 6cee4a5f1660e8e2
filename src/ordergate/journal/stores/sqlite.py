"""The embedded journal: SQLite in WAL mode, durable on every commit, one writer and a few readers."""

import asyncio
import contextlib
import fcntl
import os
import re
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TextIO, TypeVar

from ordergate.host.steady_clock import TOLERATED, uptime
from ordergate.journal.errors import JournalUnavailableError, ListTooSlowError
from ordergate.journal.journal import LIST_SECONDS, Journal
from ordergate.journal.statements import migrations, newer_schema, statements
from ordergate.journal.stores.checkpoints import LOGGED_PAGES, Checkpoints
from ordergate.journal.stores.group_commit import GroupWriter
from ordergate.journal.transaction import Batch, Query, RolledBack, Rows, Transaction
from ordergate.telemetry.log import journal_time

T = TypeVar("T")

_OWNER_ALONE = 0o600
_READERS = 2
_LISTERS = 2
_STEPS = 10_000
"""Instructions of SQLite's machine between two checks of the time: some tenths of a millisecond."""
_PARAMETER = re.compile(":([a-z_]+)")
_PAGE = 2048
_BUSY_SECONDS = 5.0
_PAUSE = 0.02
_OLDEST = (3, 35)
"""SQLite's first release with RETURNING and DROP COLUMN (March 2021)."""

Seconds = Callable[[], float]


class SqliteJournal(Journal):
    """A journal in one file. Several processes may open it; one may serve."""

    def __init__(self, path: Path, *, serving: bool = False, clock: Seconds | None = None) -> None:
        """Open the file, creating or upgrading its schema.

        Args:
            path: The database.
            serving: Lock the file for this process as its one server; a server before it is dead.
            clock: Unix time in seconds, for leases and settling times.

        Raises:
            JournalUnavailableError: The file cannot be used, or a later release has upgraded it.
        """
        if sqlite3.sqlite_version_info < _OLDEST:
            raise JournalUnavailableError(
                f"SQLite {sqlite3.sqlite_version} is too old; {_OLDEST[0]}.{_OLDEST[1]} or newer is needed"
            )
        self._path = path
        self._sql = statements("sqlite")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = _serve_alone(path) if serving else None
        try:
            upgrade(path)
            self._clock = clock or _steady_clock(path, self._sql["host_time"])
            writing = self._writing_connection(serving=serving)
        except (JournalUnavailableError, sqlite3.Error) as error:
            if self._lock is not None:
                self._lock.close()
            raise _unavailable(path, error) from error
        self._checkpoints = Checkpoints(_connect(path)) if serving else None
        committed = None if self._checkpoints is None else self._checkpoints.written
        self._writer = GroupWriter(writing, path, committed)
        self._inline_reader = self._reader(busy_seconds=0)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="journal-reader")
        self._listers = ThreadPoolExecutor(_LISTERS, thread_name_prefix="journal-list")

    async def close(self) -> None:
        """Finish the waiting writes, and close the file."""
        await self._writer.finish()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        """End the threads, and close the file."""
        self._writer.close()
        if self._checkpoints is not None:
            self._checkpoints.close()
        for pool in (self._readers, self._listers):
            pool.shutdown()
        for connection in self._opened:
            connection.close()
        if self._lock is not None:
            self._lock.close()

    def waiting_writes(self) -> int:
        """Return how many writes wait for the one that is under way."""
        return self._writer.waiting

    @journal_time("write")
    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction, and make it durable.

        Raises:
            JournalUnavailableError: The database failed, and nothing was changed. Or the transaction erases, and the
                log beside the file, which keeps older pages, could not be emptied; the same transaction empties it.
        """
        try:
            result = await self._writer.run(
                lambda connection: self._run(connection, transaction), inline=transaction.inline
            )
        except RolledBack as rolled_back:
            kept: T = rolled_back.result
            return kept
        if transaction.erases:
            await asyncio.to_thread(_empty_log, self._path)
        self._written(transaction)
        return result

    @journal_time("read")
    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction that changes nothing: one of few rows in the event loop, any other in a thread.

        Raises:
            JournalUnavailableError: The database failed.
            ListTooSlowError: A page of a list took longer than its limit.
        """
        if transaction.listed:
            until = time.monotonic() + LIST_SECONDS
            return await self._in_thread(self._listers, lambda: self._run_until(until, transaction))
        if transaction.inline:
            # A few rows by their index take less time than the way to another thread and back. If the file is busy,
            # only a thread may wait for it.
            with contextlib.suppress(sqlite3.Error):
                return self._run(self._inline_reader, transaction)
        return await self._in_thread(
            self._readers, lambda: self._run(self._reading_connection(), transaction)
        )

    async def _in_thread(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except sqlite3.Error as error:
            raise JournalUnavailableError(f"SQLite: {error}") from error

    def _run_until(self, until: float, transaction: Transaction[T]) -> T:
        """Run a transaction; its time includes the wait for a thread."""
        connection = self._reading_connection()
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            return self._run(connection, transaction)
        except sqlite3.OperationalError as error:
            if time.monotonic() > until:
                raise ListTooSlowError(LIST_SECONDS) from error
            raise

    def _run(self, connection: sqlite3.Connection, transaction: Transaction[T]) -> T:
        now = round(self._clock() * 1000)
        steps = iter(transaction)
        rows: Rows | None = None
        try:
            while True:
                query = next(steps) if rows is None else steps.send(rows)
                rows = self._ask(connection, query, now)
        except StopIteration as end:
            result: T = end.value
            return result

    def _ask(self, connection: sqlite3.Connection, query: Query | Batch, now: int) -> Rows:
        sql, names = _numbered(self._sql.get(query.statement, query.statement))
        if isinstance(query, Batch):
            connection.executemany(sql, [_values(names, each, now) for each in query.parameters])
            return []
        return connection.execute(sql, _values(names, query.parameters, now)).fetchall()

    def _writing_connection(self, *, serving: bool) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            if serving:
                connection.execute(f"PRAGMA wal_autocheckpoint = {LOGGED_PAGES}")
                connection.execute(self._sql["delete_nodes"])
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _reading_connection(self) -> sqlite3.Connection:
        """One connection per thread: a shared one would keep an old snapshot."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._reader()
        return connection

    def _reader(self, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
        connection = _connect(self._path, busy_seconds)
        self._opened.append(connection)
        connection.execute("PRAGMA query_only = 1")
        return connection


@cache
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Replace named parameters by numbers, and return the names in order: SQLite takes long to look names up."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(sql)))
    return _PARAMETER.sub(lambda match: f"?{names.index(match[1]) + 1}", sql), names


def _values(names: Sequence[str], parameters: Mapping[str, object], now: int) -> list[object]:
    """Return the values of a statement's parameters: its own, the time, and the host's boot and uptime."""
    if "boot" in names:
        parameters = {**_host(), **parameters}
    return [now if name == "now" else parameters[name] for name in names]


def _steady_clock(path: Path, kept: str) -> Seconds:
    """Unix time that a step of the host's clock does not move: settling times must not end early.

    A step between two processes does not move it either, unless the host was restarted.
    """
    with contextlib.closing(_connect(path)) as connection:
        row = connection.execute(kept, _host()).fetchone()
    now = time.time()
    if row is not None and abs(row[0] / 1000 - now) > TOLERATED.total_seconds():
        now = row[0] / 1000
    began = now - uptime()
    return lambda: began + uptime()


def _host() -> Mapping[str, object]:
    return {"boot": _boot(), "uptime": round(uptime() * 1000)}


@cache
def _boot() -> str:
    """Return the id of the host's boot, from which its uptime counts; empty if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def upgrade(path: Path) -> tuple[int, int]:
    """Create a file's schema or bring it up to date; return its version before, 0 for none, and now.

    Raises:
        JournalUnavailableError: The file cannot be used, or a later release has upgraded it.
    """
    try:
        _make_private(path)
        connection = _connect(path)
        try:
            return _apply_migrations(connection, path)
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise _unavailable(path, error) from error


def _make_private(path: Path) -> None:
    """Make the file, and SQLite's files beside it, readable for their owner only."""
    # An existing file is not opened here: closing it would release the locks that SQLite has on it for this process.
    with contextlib.suppress(FileExistsError):
        os.close(_open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    for end in ("", "-wal", "-shm"):
        _close_to_others(path.with_name(path.name + end))


def _open_private(path: Path | str, flags: int) -> int:
    return os.open(path, flags, _OWNER_ALONE)


def _close_to_others(file: Path) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):  # it is another user's, who may
        if stat.S_IMODE(file.stat().st_mode) & ~_OWNER_ALONE:
            file.chmod(_OWNER_ALONE)


def _unavailable(path: Path, error: Exception) -> JournalUnavailableError:
    if isinstance(error, JournalUnavailableError):
        return error
    return JournalUnavailableError(f"SQLite cannot use {path}: {error}")


def _serve_alone(path: Path) -> TextIO:
    """Lock a file beside the database; the lock ends with the process, however it ends."""
    file = path.with_name(path.name + ".lock")
    try:
        lock = open(file, "w", opener=_open_private)  # noqa: SIM115 - it is held as long as the process serves
        _close_to_others(file)
    except OSError as error:
        raise JournalUnavailableError(f"SQLite cannot use {path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise JournalUnavailableError(
            f"Another process serves from {path}; one SQLite file has one server. Stop it, use another file, or "
            "move to PostgreSQL, which any number may serve from."
        ) from error
    return lock


def _connect(path: Path, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # For a new file. A create changes some forty pages, most of them of an index, by a few bytes each: smaller
        # pages cost less in the log, and a record of two or three kilobytes leaves less of its page empty.
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Deleted data is overwritten with zeros. FAST would leave it on free pages.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA busy_timeout = {busy_seconds * 1000:.0f}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _empty_log(path: Path) -> None:
    """Checkpoint the write-ahead log and truncate it, because it contains older pages."""
    deadline = time.monotonic() + _BUSY_SECONDS
    connection = _connect(path)
    try:
        while busy := connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)  # SQLite waits for readers and writers, and not for another checkpoint
    except sqlite3.Error as error:
        raise _unavailable(path, error) from error
    finally:
        connection.close()
    if busy:
        raise JournalUnavailableError(
            f"The order is redacted, but {path}-wal, which holds older pages, is in use and could not be emptied; "
            "do it again"
        )


def _apply_migrations(connection: sqlite3.Connection, path: Path) -> tuple[int, int]:
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = migrations("sqlite")[-1][0]
    if version > newest:
        raise JournalUnavailableError(newer_schema(str(path), version, newest))
    for number, script in migrations("sqlite"):
        if number > version:
            for statement in script:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
    connection.execute("COMMIT")
    return version, newest
