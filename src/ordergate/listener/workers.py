"""Several processes that serve from one socket: a parent starts them, replaces those that die, and ends them all.

The parent is one loop, so that it may fork: a worker begins with everything imported. Its one thread writes the log,
of which a worker has its own.
"""

import contextlib
import multiprocessing
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, Literal, NamedTuple

import structlog

Report = Literal["ready", "reloaded"]
"""A worker's message to its parent: that it serves, or that it has loaded a new configuration."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STEADY = 10.0
"""Seconds after which a worker that dies is replaced at once."""
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
_GRACE = 5.0
"""Seconds that workers get to end, in addition to the time for their requests."""

_fork = multiprocessing.get_context("fork")
_log = structlog.get_logger("ordergate.listener.workers")


class Worker(NamedTuple):
    """The arguments of a worker.

    Attributes:
        number: From 1; the one that replaces it has the same.
        node: Names it among those that share a journal.
        before: The node that was in its place and is dead, if there was one.
        parent: A descriptor that is at its end once the parent is gone.
        report: Sends a message to the parent.
    """

    number: int
    node: str
    before: str | None
    parent: int
    report: Callable[[Report], None]


@dataclass
class _Place:
    """One worker, or none while the next one is waited for.

    Attributes:
        outdated: A new configuration was loaded before this worker could be informed.
        began: When it was started.
        due: When the next one is.
        failures: How many did not last, one after the other.
    """

    number: int
    node: str | None = None
    process: ForkProcess | None = None
    reports: Connection | None = None
    ready: bool = False
    outdated: bool = False
    began: float = 0.0
    due: float = 0.0
    failures: int = 0


class Supervisor:
    """The parent of some workers."""

    def __init__(
        self,
        work: Callable[[Worker], None],
        count: int,
        *,
        on_ready: Callable[[], None],
        on_reload: Callable[[], None],
        on_end: Callable[[int], None],
        on_stop: Callable[[], None],
        shutdown_timeout: float,
    ) -> None:
        """Prepare to run workers; none is started yet.

        Args:
            work: The function of each worker, which runs in its own process until SIGTERM.
            count: How many there are.
            on_ready: Called once, when all of them serve.
            on_reload: Called when one has taken a new configuration into force.
            on_end: Called with the number of one that has ended.
            on_stop: Called when they are to end.
            shutdown_timeout: Seconds that each worker gets to end; after that it is killed.
        """
        self._work = work
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._on_ready = on_ready
        self._on_reload = on_reload
        self._on_end = on_end
        self._on_stop = on_stop
        self._limit = shutdown_timeout + _GRACE
        self._announced = False
        self._ends_at: float | None = None
        self._exit_code = 0
        self._received: list[int] = []
        # Nobody writes to it: it closes when the parent ends, in any way.
        self._lives_read, self._lives_write = os.pipe()

    def run(self, *, stops_with: int | None = None) -> int:
        """Run the workers until SIGTERM or SIGINT; SIGHUP is passed on.

        Args:
            stops_with: A descriptor; the workers end when its other end closes.

        Returns:
            The exit code: 0, or 1 if workers could not be started or had to be killed.
        """
        with self._signals() as woken:
            try:
                while self._ends_at is None or any(place.process for place in self._places):
                    self._start_due()
                    ready = wait(self._watched(woken, stops_with), self._pause())
                    if stops_with in ready and not os.read(stops_with, 4096):
                        stops_with = None
                        self._stop()
                    self._obey()
                    for place in self._places:
                        self._check_worker(place)
                    self._kill_when_late()
            finally:
                self._kill()
        return self._exit_code

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Receive signals; return the file that wakes the loop."""
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            woken.close()
            waker.close()

    def _note(self, number: int, _frame: Any) -> None:
        self._received.append(number)

    def _watched(self, woken: socket.socket, stops_with: int | None) -> list[Any]:
        with contextlib.suppress(BlockingIOError):
            woken.recv(4096)
        watched: list[Any] = [woken] if stops_with is None else [woken, stops_with]
        for place in self._places:
            if place.process is not None:
                watched.append(place.process.sentinel)
            if place.reports is not None:
                watched.append(place.reports)
        return watched

    def _pause(self) -> float | None:
        """Seconds until the next due action, with the recorded events considered."""
        if self._received:
            return 0
        if self._ends_at is not None:
            moments = [self._ends_at]
        else:
            moments = [place.due for place in self._places if place.process is None]
        return max(min(moments) - time.monotonic(), 0) if moments else None

    def _start_due(self) -> None:
        for place in self._places:
            if self._ends_at is None and place.process is None and place.due <= time.monotonic():
                self._start(place)

    def _start(self, place: _Place) -> None:
        reports, reporting = _fork.Pipe(duplex=False)
        before, place.node = place.node, f"node_{secrets.token_hex(8)}"
        worker = (place.number, place.node, before)
        process = _fork.Process(target=self._become, args=(*worker, reporting), daemon=True)
        # A signal waits until the worker has installed its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        reporting.close()
        place.process, place.reports = process, reports
        place.ready = False
        place.began = time.monotonic()
        _log.info("worker.started", worker=place.number, process=process.pid)

    def _become(self, number: int, node: str, before: str | None, reporting: Connection) -> None:
        """Be a worker: this runs in its process."""
        os.close(self._lives_write)
        os.setpgid(0, 0)  # Ctrl-C is for the parent, which then asks once
        signal.set_wakeup_fd(-1)
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

        def report(what: Report) -> None:
            with contextlib.suppress(OSError):  # the parent is gone, and this process ends, too
                reporting.send(what)

        self._work(Worker(number, node, before, self._lives_read, report))

    def _obey(self) -> None:
        """Handle the received signals."""
        received, self._received = self._received, []
        for number in received:
            if number != signal.SIGHUP:
                self._stop()
                continue
            for place in self._places:
                self._request_reload(place)

    def _request_reload(self, place: _Place) -> None:
        place.outdated = not place.ready
        if place.ready and place.process is not None and place.process.pid is not None:
            os.kill(place.process.pid, signal.SIGHUP)

    def _check_worker(self, place: _Place) -> None:
        """Read a worker's messages, and check whether it lives."""
        ended = place.process is not None and not place.process.is_alive()
        try:
            while place.reports is not None and place.reports.poll():
                self._hear(place, place.reports.recv())
        except EOFError:
            self._close_reports(place)
        if ended:
            self._replace(place)

    def _hear(self, place: _Place, report: Report) -> None:
        if report == "reloaded":
            self._on_reload()
            for other in self._places:
                other.outdated = other.outdated or not other.ready
            return
        place.ready = True
        if place.outdated:
            self._request_reload(place)
        if not self._announced and all(each.ready for each in self._places):
            self._announced = True
            self._on_ready()

    def _replace(self, place: _Place) -> None:
        """Have a worker that ended followed by another; one that cannot start at the beginning ends all."""
        code = None if place.process is None else place.process.exitcode
        was_ready, lasted = place.ready, time.monotonic() - place.began >= _STEADY
        place.process, place.ready = None, False
        self._close_reports(place)
        self._on_end(place.number)
        if self._ends_at is not None:
            return
        if not self._announced and not was_ready:
            _log.error("worker.failed", worker=place.number, exit_code=code)
            self._exit_code = 1
            self._stop()
            return
        place.failures = 0 if lasted else place.failures + 1
        pause = 0.0 if lasted else min(_FIRST_PAUSE * 2 ** (place.failures - 1), _LONGEST_PAUSE)
        place.due = time.monotonic() + pause
        _log.warning("worker.ended", worker=place.number, exit_code=code, next_in_seconds=pause)

    def _stop(self) -> None:
        """Ask all workers to end, once."""
        if self._ends_at is not None:
            self._ends_at = time.monotonic()
            return
        self._ends_at = time.monotonic() + self._limit
        self._on_stop()
        for place in self._places:
            if place.process is not None:
                place.process.terminate()

    def _kill_when_late(self) -> None:
        if self._ends_at is None or time.monotonic() < self._ends_at:
            return
        if self._kill():
            self._exit_code = 1
        for place in self._places:
            place.process = None

    def _kill(self) -> bool:
        """Kill the remaining workers; return whether there were any."""
        left = [place for place in self._places if place.process is not None and place.process.is_alive()]
        for place in left:
            if place.process is not None:
                _log.warning("worker.killed", worker=place.number)
                place.process.kill()
                place.process.join()
        return bool(left)

    @staticmethod
    def _close_reports(place: _Place) -> None:
        if place.reports is not None:
            place.reports.close()
            place.reports = None
