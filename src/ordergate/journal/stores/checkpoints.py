"""Moves the pages of SQLite's write-ahead log into the database, in a thread of its own.

SQLite does that itself after every thousand pages, inside the commit that writes the last one: all callers wait for it.
"""

import contextlib
import sqlite3
import threading
from queue import SimpleQueue

EVERY = 0.2
"""Seconds between two checkpoints: the log stays small, and pages that change often are moved once."""

LOGGED_PAGES = 20_000
"""Pages of the log (of 2 KiB) after which a commit makes the checkpoint: the log begins anew only after a whole one."""


class Checkpoints:
    """A thread that checkpoints one database as long as it is written to.

    A checkpoint takes only pages that no reader needs any more, and keeps no writer waiting.
    """

    def __init__(self, connection: sqlite3.Connection, every: float = EVERY) -> None:
        """Take a connection over. The thread starts with the first page of the log."""
        self._connection = connection
        self._every = every
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def written(self) -> None:
        """Note that the log has new pages; only one thread may call this at a time."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-checkpoints", daemon=True)
            self._thread.start()
        if self._wakes.empty():
            self._wakes.put(None)

    def close(self) -> None:
        """End the thread. The last connection that is closed moves what is left."""
        if self._thread is None:
            self._connection.close()
            return
        self._closed.set()
        self._wakes.put(None)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._connection):
            while True:
                self._wakes.get()
                if self._closed.wait(self._every):
                    return
                # If the disk is full, or the file is gone, writers report it, and the next round tries again.
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
