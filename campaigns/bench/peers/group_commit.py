"""The durable writes of the floors: a thread commits the statements of all waiting calls to SQLite at once."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

Statements = Sequence[tuple[str, tuple[Any, ...]]]


class GroupCommit:
    """The only writing connection to one file; belongs to the running event loop."""

    def __init__(self, path: str, tables: Sequence[str]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", *tables):
            self._connection.execute(statement)
        self._waiting: SimpleQueue[tuple[Statements, asyncio.Future[None]]] = SimpleQueue()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(loop,), name="journal-writer", daemon=True).start()

    async def commit(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Return when these statements are durable, all in one transaction."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((statements, future))
        await future

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            calls = [self._waiting.get()]
            while not self._waiting.empty():
                calls.append(self._waiting.get())
            self._connection.execute("BEGIN IMMEDIATE")
            for statements, _ in calls:
                for statement, row in statements:
                    self._connection.execute(statement, row)
            self._connection.execute("COMMIT")
            loop.call_soon_threadsafe(_done, [future for _, future in calls])


def _done(futures: Sequence["asyncio.Future[None]"]) -> None:
    for future in futures:
        future.set_result(None)
