"""The thread that moves SQLite's log into the database."""

import sqlite3
import sys
import threading

from ordergate.journal.stores.checkpoints import Checkpoints

PATIENCE = 60
"""Seconds after which an end is given up."""
ROUNDS = 2_000


def test_it_ends_at_whatever_moment_it_is_closed() -> None:
    """A close that meets a checkpoint is not missed."""
    closing = threading.Thread(target=_open_and_close, daemon=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns at nearly every step
    try:
        closing.start()
        closing.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)

    assert not closing.is_alive()


def _open_and_close() -> None:
    for _ in range(ROUNDS):
        checkpoints = Checkpoints(sqlite3.connect(":memory:", check_same_thread=False), every=0)
        checkpoints.written()
        checkpoints.written()
        checkpoints.close()
