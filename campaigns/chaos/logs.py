"""Logs that cannot be written for a while: nothing reads them, or their reader has ended."""

import asyncio
import contextlib
import fcntl
import os
import random
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Literal

from campaigns.chaos.plan import Plan

Outage = Literal["unread", "gone"]

WRITABLE = (0.5, 2.0)
UNWRITABLE = (1.0, 3.0)
"""Seconds for which a log can be written, and for which it cannot."""


class LogPipe:
    """A node's standard error: a pipe of one page, from which a thread copies into a file.

    Attributes:
        outages: How often it could not be written.
    """

    def __init__(self, file: Path) -> None:
        self.outages = 0
        self._file = file
        self._pipe = file.with_suffix(".pipe")
        os.mkfifo(self._pipe)
        self._outage: Outage | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def writing(self) -> Iterator[int]:
        """A descriptor for a process to start; it opens only while a reader is open."""
        reader = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(self._pipe, os.O_WRONLY)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.close(reader)
        try:
            yield writer
        finally:
            os.close(writer)

    def fail(self, how: Outage) -> None:
        """Let it not be written from now on."""
        self._outage = how
        self.outages += 1

    def recover(self) -> None:
        """Let it be written again."""
        self._outage = None

    def close(self) -> None:
        """Copy the rest, and end."""
        self.recover()
        self._ends.set()
        self._thread.join()

    def _copy(self) -> None:
        reader: int | None = None
        with self._file.open("ab", buffering=0) as file:
            while not self._ends.wait(0.02):
                if self._outage == "gone" and reader is not None:
                    os.close(reader)
                    reader = None
                if self._outage is None:
                    reader = reader or os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
                    _copy_all(reader, file)
        if reader is not None:
            os.close(reader)


def _copy_all(reader: int, file: FileIO) -> None:
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(reader, 65536):
            file.write(piece)


@contextlib.asynccontextmanager
async def unwritable(pipes: Sequence[LogPipe], plan: Plan) -> AsyncIterator[None]:
    """Let logs fail now and then; at the end they can be written."""
    tasks = [asyncio.create_task(_fail_now_and_then(pipe, number, plan)) for number, pipe in enumerate(pipes)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pipe in pipes:
            pipe.recover()


async def _fail_now_and_then(pipe: LogPipe, number: int, plan: Plan) -> None:
    draw = random.Random(f"{plan.seed}/log {number}")
    while True:
        await asyncio.sleep(draw.uniform(*WRITABLE))
        pipe.fail(draw.choice(("unread", "gone")))
        await asyncio.sleep(draw.uniform(*UNWRITABLE))
        pipe.recover()
