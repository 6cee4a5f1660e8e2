"""Writes log lines without keeping their writers waiting: a bounded buffer, and one thread that empties it.

A log may be unwritable: its reader is gone, nobody reads the pipe, the disk is full or hangs. No request may fail or
wait because of that. So a line is only put into memory, and a thread writes the file.
"""

import atexit
import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

MOST_BYTES = 8 * 2**20
"""Bytes that wait to be written at most; lines beyond that are lost, and counted."""

_GATHER = 0.01
"""Seconds in which lines are gathered before they are written together: the thread would wake for each otherwise."""
_RETRY = 0.5
"""Seconds after a failed write until the next one."""
_ATOMIC = select.PIPE_BUF
"""Bytes that a pipe takes in one piece: lines of several processes do not mix within it."""
_FAREWELL = 1.0
"""Seconds that the last lines may take when the process ends."""


class LogWriter:
    """A text stream that never blocks and never fails; each text written to it is whole lines.

    After a fork the child has a writer of its own, with nothing in it, to the same descriptor.

    Attributes:
        lost: Lines that found no room.
    """

    def __init__(self, descriptor: int, *, on_recovered: Callable[[int], None] = lambda _lines: None) -> None:
        """Write to a descriptor.

        Args:
            descriptor: The file descriptor. Its flags are not changed, because others may share it.
            on_recovered: Called with the number of lost lines after the waiting lines are written, to log it.
        """
        self._descriptor = descriptor
        self._on_recovered = on_recovered
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.finish)

    def _begin(self) -> None:
        """Begin with an empty buffer; the thread starts with the first line."""
        self.lost = 0
        self._told = 0
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._here = threading.local()
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Take a text, or count it as lost if there is no room."""
        line = text.encode("utf-8", "backslashreplace")
        # A finalizer that logs may run wherever this thread is, and so inside the lock: it does not wait for itself.
        if getattr(self._here, "writes", False):
            self.lost += 1
            return len(text)
        with self._locked():
            if self._size + len(line) > MOST_BYTES:
                self.lost += 1
                return len(text)
            self._size += len(line)
            self._lines.append(line)
            if self._thread is None:
                self._start()
        if self._wakes.empty():
            self._wakes.put(None)  # no lock of Python's own: the queue may be re-entered
        return len(text)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._here.writes = True
        try:
            with self._lock:
                yield
        finally:
            self._here.writes = False

    def flush(self) -> None:
        """Do nothing: it is the thread that writes."""

    def finish(self, seconds: float = _FAREWELL) -> None:
        """Wait until all lines are written, for so long at most."""
        deadline = time.monotonic() + seconds
        while self._size and time.monotonic() < deadline:
            time.sleep(_GATHER)

    def _start(self) -> None:
        # If the system refuses a thread, lines wait until it allows one.
        with contextlib.suppress(RuntimeError):
            thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._wakes.get()
            time.sleep(_GATHER)
            while chunk := self._next_chunk():
                self._put(chunk)
                with self._locked():
                    self._size -= len(chunk)
            if self.lost > self._told:
                lost = self.lost - self._told
                self._told = self.lost
                self._on_recovered(lost)

    def _next_chunk(self) -> bytes:
        """Return the next lines, up to the size of one piece; a longer line is a piece of its own."""
        chunk = bytearray()
        with self._locked():
            while self._lines and (not chunk or len(chunk) + len(self._lines[0]) <= _ATOMIC):
                chunk += self._lines.popleft()
        return bytes(chunk)

    def _put(self, chunk: bytes) -> None:
        """Write all bytes, however long that takes, so that no line stays incomplete."""
        rest = memoryview(chunk)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody who shares the descriptor has made it so
                select.select([], [self._descriptor], [], _RETRY)
            except OSError:
                time.sleep(_RETRY)
