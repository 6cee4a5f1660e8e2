"""Moves the pages of SQLite's write-ahead log into the database, in a thread of its own.

SQLite does that itself after every thousand pages, inside the commit that writes the last one: all callers wait for it.
"""

import sqlite3
import threading
from collections.abc import Callable

EVERY = 0.2
"""Seconds between two checkpoints: the log stays small, and pages that change often are moved once."""

LOGGED_PAGES = 20_000
"""Pages of the log (of 2 KiB) after which a commit makes the checkpoint: the log begins anew only after a whole one."""


class Checkpoints:
    """A thread that checkpoints one database as long as it is written to.

    A checkpoint takes only pages that no reader needs any more, and keeps no writer waiting.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], every: float = EVERY) -> None:
        """Start the thread; its connection is its own."""
        self._connect = connect
        self._every = every
        self._written = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-checkpoints", daemon=True)
        self._thread.start()

    def written(self) -> None:
        """Note that the log has new pages."""
        self._written.set()

    def close(self) -> None:
        """End the thread. The last connection that is closed moves what is left."""
        self._closed.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while self._written.wait() and not self._closed.wait(self._every):
                self._written.clear()
                try:
                    connection = connection or self._connect()
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                except sqlite3.Error:
                    # A full disk, or a file that is gone: writers tell of it, and the next round tries again.
                    continue
        finally:
            if connection is not None:
                connection.close()
