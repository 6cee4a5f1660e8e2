"""Group commit: all waiting writes share one transaction on the only writing connection; a thread commits it.

A durable commit costs a disk flush. During a flush, further writes queue up and share the next one. The event loop
itself runs writes of a few rows: that takes less time than a hand-over to a thread and back. The thread runs everything
that may take long: waits for another process, writes of many rows with all that share their transaction, and every
commit.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from ordergate.journal.errors import JournalUnavailableError

T = TypeVar("T")

MAX_BATCH = 64
"""Writes that share a transaction at most, so that the loop does nothing else for a few milliseconds only."""

_BUSY_SECONDS = 5.0

Work = Callable[[sqlite3.Connection], Any]


class _Item(NamedTuple):
    work: Work
    inline: bool
    future: "asyncio.Future[Any]"


class _UndoneError(Exception):
    """A write of a transaction is to be undone, and the others are not: they have to be run one by one."""


class GroupWriter:
    """Runs functions on the writing connection, each all or nothing, many in one durable transaction.

    Belongs to one event loop.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, committed: Callable[[], None] | None = None
    ) -> None:
        """Start the thread.

        Args:
            connection: The writing connection. It is this writer's from now on.
            path: The file behind it.
            committed: Called after each commit.
        """
        self._connection = connection
        self._path = path
        self._on_commit = committed
        self._file = path.stat().st_ino
        self._open = True
        self._be_patient(0)
        self._waiting: deque[_Item] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T], *, inline: bool = False) -> T:
        """Run `work` and return its result once it is durable.

        An exception of `work` is raised here, and its changes are rolled back; other writes of the transaction are not
        touched. A cancelled caller does not stop the write.

        Args:
            work: May run a second time, after its changes were rolled back.
            inline: It reads and writes a few rows by their index.

        Raises:
            JournalUnavailableError: The store failed; nothing of this write was kept.
        """
        if not self._open:
            raise JournalUnavailableError("SQLite: the journal is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Item(work, inline, future))
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._next, loop)  # with what others begin in the same moment
        return await future

    @property
    def waiting(self) -> int:
        """Writes that no transaction has taken up yet."""
        return len(self._waiting)

    async def finish(self) -> None:
        """Accept no more writes, and wait for the waiting ones."""
        self._open = False
        await self._idle.wait()

    def close(self) -> None:
        """End the thread."""
        self._open = False
        self._jobs.put(None)
        self._thread.join()

    def transact(self, works: list[Work]) -> list[Any]:
        """Carry out and commit at once, waiting for other processes; return each one's result or exception."""
        try:
            self._be_patient(_BUSY_SECONDS)
            results = self._carry_out(works)
            self._commit()
        except (sqlite3.Error, OSError) as error:
            return self._failed(error, len(works))
        else:
            return results
        finally:
            self._be_patient(0)

    def _run(self) -> None:
        with contextlib.closing(self._connection):
            while (job := self._jobs.get()) is not None:
                job()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting:
            self._idle.set()
            return
        items = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
        works = [item.work for item in items]
        results = self._carried_out_here(works) if all(item.inline for item in items) else None

        def end() -> None:
            ended = self.transact(works) if results is None else self._committed(results)
            # The loop may be gone if the process is ending; the write is durable all the same.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._deliver, loop, items, ended)

        self._jobs.put(end)

    def _carried_out_here(self, works: list[Work]) -> list[Any] | None:
        """Run the writes without a commit; return None if another process writes or the database fails."""
        try:
            return self._carry_out(works)
        except (sqlite3.Error, OSError):
            self._roll_back()
            return None  # the thread waits for the other process, or fails in the same way and says why

    def _carry_out(self, works: list[Work]) -> list[Any]:
        self._refuse_lost_file()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            return [self._attempt(work) for work in works]
        except _UndoneError:
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            return [self._attempt_apart(work) for work in works]

    def _attempt(self, work: Work) -> Any:
        """Raise if there are changes to roll back."""
        before = self._connection.total_changes
        try:
            return work(self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                raise
            if self._connection.total_changes != before:
                raise _UndoneError from error
            return error

    def _attempt_apart(self, work: Work) -> Any:
        self._connection.execute("SAVEPOINT item")
        try:
            result = self._attempt(work)
        except _UndoneError as undone:
            self._connection.execute("ROLLBACK TO item")
            result = undone.__cause__
        self._connection.execute("RELEASE item")
        return result

    def _be_patient(self, seconds: float) -> None:
        """Wait so long for other processes that write; the event loop must not."""
        self._connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    def _committed(self, results: list[Any]) -> list[Any]:
        try:
            self._commit()
        except (sqlite3.Error, OSError) as error:
            return self._failed(error, len(results))
        return results

    def _commit(self) -> None:
        self._connection.commit()
        if self._on_commit is not None:
            self._on_commit()
        self._refuse_lost_file()

    def _failed(self, error: Exception, writes: int) -> list[Any]:
        """A failure of the store is everybody's."""
        self._roll_back()
        return [JournalUnavailableError(f"SQLite: {error}")] * writes

    def _roll_back(self) -> None:
        # A full disk has rolled back by itself already; a second ROLLBACK would then fail.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def _refuse_lost_file(self) -> None:
        """SQLite writes to a deleted or replaced file without an error, so the file is checked."""
        if os.stat(self._path).st_ino != self._file:  # noqa: PTH116 - several times as fast
            raise OSError(f"{self._path} was replaced while in use; restart on the right file")

    def _deliver(self, loop: asyncio.AbstractEventLoop, items: list[_Item], results: list[Any]) -> None:
        for item, result in zip(items, results, strict=True):
            if item.future.done():
                continue
            if isinstance(result, Exception):
                item.future.set_exception(result)
            else:
                item.future.set_result(result)
        self._next(loop)
