"""One thread that owns the only writing connection, and commits whatever waits in one transaction.

A durable commit costs a disk flush. While one is on its way, further writes queue up, and share the next.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from ordergate.gateway.ports import JournalUnavailableError

T = TypeVar("T")

MAX_BATCH = 256
"""Writes that share a transaction at most, so that nobody waits behind an endless one."""


class _Item(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class GroupWriter:
    """Runs functions on the writing connection, each all or nothing, many in one durable transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Start the thread, which owns the connection from now on; `path` is the file behind it."""
        self._connection = connection
        self._path = path
        self._file = path.stat().st_ino
        self._open = True
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` and return its result once it is durable.

        What `work` raises is raised here, and its own changes are undone; other writes of the transaction are
        not touched. A caller that is cancelled does not stop the write.

        Raises:
            JournalUnavailableError: The store failed; nothing of this write was kept.
        """
        if not self._open:
            raise JournalUnavailableError("SQLite: the journal is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Item(work, loop, future))
        return await future

    @property
    def waiting(self) -> int:
        """Writes that no transaction has taken up yet."""
        return self._queue.qsize()

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._open = False
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._connection):
            last = False
            while not last:
                batch = self._next_batch()
                last = None in batch
                items = [item for item in batch if item is not None]
                if items:
                    _deliver(items, self._transact(items))

    def _transact(self, items: list[_Item]) -> list[Any]:
        """Run the items in one transaction and return their results; a failure of the store is everybody's."""
        try:
            self._refuse_lost_file()
            self._connection.execute("BEGIN IMMEDIATE")
            results = [_attempt(self._connection, item) for item in items]
            self._connection.execute("COMMIT")
            self._refuse_lost_file()
        except (sqlite3.Error, OSError) as error:
            # A full disk has rolled back by itself already; a second ROLLBACK would then fail.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            unavailable = JournalUnavailableError(f"SQLite: {error}")
            return [unavailable] * len(items)
        return results

    def _refuse_lost_file(self) -> None:
        """SQLite goes on writing to a file that was deleted or replaced, and reports success."""
        if self._path.stat().st_ino != self._file:
            raise OSError(f"{self._path} was replaced while in use; restart on the right file")

    def _next_batch(self) -> list[_Item | None]:
        batch = [self._queue.get()]
        with contextlib.suppress(Empty):
            while len(batch) < MAX_BATCH and batch[-1] is not None:
                batch.append(self._queue.get_nowait())
        return batch


def _attempt(connection: sqlite3.Connection, item: _Item) -> Any:
    connection.execute("SAVEPOINT item")
    try:
        result = item.work(connection)
    except sqlite3.IntegrityError as error:
        connection.execute("ROLLBACK TO item")
        result = error
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
        connection.execute("ROLLBACK TO item")
        result = error
    connection.execute("RELEASE item")
    return result


def _deliver(items: list[_Item], results: list[Any]) -> None:
    for item, result in zip(items, results, strict=True):
        # The loop may be gone if the process is ending; the write is durable all the same.
        with contextlib.suppress(RuntimeError):
            item.loop.call_soon_threadsafe(_resolve, item.future, result)


def _resolve(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
