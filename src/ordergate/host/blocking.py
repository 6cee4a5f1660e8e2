"""Runs work that may never end, such as a read from a hung mount, in threads that keep no process alive.

The threads of an executor are waited for when the process ends; these are not.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """Run a blocking function in a thread, with a timeout. After the timeout the thread continues unused.

    Raises:
        TimeoutError: It took longer.
    """
    thread, done = _started(work)
    thread.join(
        max(seconds, 0.0)
    )  # not the result alone: a process that forks wants no thread that is about to end
    if thread.is_alive():
        raise TimeoutError(f"it did not end within {seconds:.3g} seconds")
    return done.result()


async def run_blocking(work: Callable[[], T]) -> T:
    """Do some work beside the event loop."""
    _, done = _started(work)
    return await asyncio.wrap_future(done)


def _started(work: Callable[[], T]) -> tuple[threading.Thread, Future[T]]:
    done: Future[T] = Future()

    def run() -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            done.set_exception(error)
        else:
            done.set_result(result)

    thread = threading.Thread(target=run, name="ordergate-blocking", daemon=True)
    thread.start()
    return thread, done
