"""The writes and probes in progress in this process."""

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

_LAST_MOMENT = 1.0
"""Seconds after its time that a process waits for writes: an answer may be here, and not recorded yet."""


@dataclass(slots=True)
class Lease:
    """The lease of a process: until it ends, no other process acquires the operations of this one.

    Attributes:
        until: Its end, in the event loop's time; infinity if the process has not acquired one.
    """

    until: float = math.inf


@dataclass(slots=True)
class WorkInProgress:
    """The operations that this process works on.

    Attributes:
        running: The tasks, including those without a waiting caller.
        held: The operations, each with the number of places that work on it.
        lease: The lease of this process.
        ends_at: The end of this process, in the event loop's time; None while it serves.
    """

    running: set["asyncio.Task[Any]"] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)
    lease: Lease = field(default_factory=Lease)
    ends_at: float | None = None

    def hold(self, operation_id: str) -> None:
        """Mark an operation as worked on by this process."""
        self.held[operation_id] += 1

    def release(self, operation_id: str) -> None:
        """Remove one mark of an operation."""
        self.held[operation_id] -= 1
        if self.held[operation_id] <= 0:
            del self.held[operation_id]

    def run(self, work: Coroutine[None, None, T], operation_id: str) -> "asyncio.Task[T]":
        """Run work on an operation in a task that continues without its caller."""
        self.hold(operation_id)
        task = asyncio.create_task(work)
        self.running.add(task)

        def forget(ended: asyncio.Task[T]) -> None:
            self.running.discard(ended)
            self.release(operation_id)
            if not ended.cancelled():
                ended.exception()  # marks it as seen: the caller may be gone

        task.add_done_callback(forget)
        return task

    def end_within(self, seconds: float) -> None:
        """Announce the end of this process, and the seconds until it."""
        self.ends_at = asyncio.get_running_loop().time() + seconds

    async def drain(self, seconds: float) -> None:
        """Wait for the writes in progress, at most so many seconds. Recovery finds out the rest."""
        if self.ends_at is not None:
            left = self.ends_at + _LAST_MOMENT - asyncio.get_running_loop().time()
            seconds = min(seconds, max(left, 0.0))
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)
