"""What the kit forbids an adapter while it runs."""

import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread

import pytest

from ordergate.conformance.world import WorldlyError, closed_world, timeless_world

IO: dict[str, Callable[[], object]] = {
    "socket": socket.socket,
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "file": lambda: Path("/etc/hostname").read_text(),
    "process": lambda: subprocess.run([sys.executable, "-V"], check=True),
}
TIME: dict[str, Callable[[], object]] = {
    "time": time.time,
    "sleep": lambda: time.sleep(0),
    "monotonic": time.monotonic_ns,
    "now": lambda: datetime.now(UTC),
    "today": date.today,
    "urandom": lambda: os.urandom(1),
    "random": random.random,
    "uuid": uuid.uuid4,
}


@pytest.mark.parametrize("act", IO.values(), ids=IO)
def test_io_is_forbidden(act: Callable[[], object]) -> None:
    """A socket, a file or a process fails where it is tried."""
    with pytest.raises(WorldlyError, match="an adapter does no I/O"), closed_world():
        act()


def test_a_swallowed_failure_is_seen() -> None:
    """Whoever catches the failure is told of at the end."""
    with pytest.raises(WorldlyError, match="socket"), closed_world(), suppress(AssertionError):
        socket.socket()


@pytest.mark.parametrize("ask", TIME.values(), ids=TIME)
def test_clocks_and_chance_are_forbidden(ask: Callable[[], object]) -> None:
    """Asking the time, or for a random number, is told of at the end."""
    with pytest.raises(WorldlyError, match="receives the time and the nonce"), timeless_world():
        ask()


def test_the_world_opens_again() -> None:
    """Afterwards, and for other threads meanwhile, everything is as it was."""
    opened: list[socket.socket] = []
    with closed_world():
        thread = Thread(target=lambda: opened.append(socket.socket()))
        thread.start()
        thread.join()
    opened.append(socket.socket())
    for each in opened:
        each.close()

    assert len(opened) == 2
    assert sys.getprofile() is None


def test_pure_work_is_allowed() -> None:
    """Arithmetic, text, times that were given and imports are nobody's business."""
    with timeless_world():
        text = datetime.fromtimestamp(1_780_000_000, UTC).isoformat().upper()

    assert text == "2026-05-28T20:26:40+00:00"
