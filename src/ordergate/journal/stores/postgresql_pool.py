"""Connections to PostgreSQL that are reused without a detour through the driver's pool."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg

_KEPT_SECONDS = 1.0
"""Seconds without a call after which the driver's pool gets the kept connections back."""


class Pool:
    """A pool that keeps a connection for the next call, if no other call waits for one.

    The driver's pool needs a task and several timers for each use. It still makes the connections, and closes those
    that are broken, expired, or not used for long.
    """

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        """Use a pool of the driver."""
        self._pool = pool
        self._kept: list[Any] = []
        self._in_use: set[Any] = set()
        self._expired: set[Any] = set()
        self._waiting = 0
        self._used = False
        self._timer: asyncio.TimerHandle | None = None
        self._returns: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """The number of connections at most."""
        return int(self._pool.get_max_size())

    def take_kept(self) -> Any:
        """Return a kept connection; None if there is none."""
        while self._kept:
            connection = self._kept.pop()
            if _is_open(connection):
                self._used = True
                self._in_use.add(connection)
                return connection
            self._give_back(connection)
        return None

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Keep no connection meanwhile: a call waits for one."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def acquire(self) -> Any:
        """Acquire a connection of the driver's pool."""
        connection = await self._pool.acquire()
        self._in_use.add(connection)
        return connection

    async def release(self, connection: Any, *, clean: bool) -> None:
        """Release a connection.

        Args:
            connection: The connection.
            clean: The call that used it ended without an error, and outside any transaction.
        """
        self._in_use.discard(connection)
        expired = connection in self._expired
        self._expired.discard(connection)
        if not clean or expired or self._waiting or self._pool.is_closing() or not _is_open(connection):
            await self._pool.release(connection)
            return
        self._kept.append(connection)
        if self._timer is None:
            self._schedule()

    async def expire_connections(self) -> None:
        """Close all present connections after their use."""
        self._expired |= self._in_use
        await self._pool.expire_connections()
        self._give_all_back()

    async def close(self) -> None:
        """Close the connections, each after its use."""
        if self._timer is not None:
            self._timer.cancel()
        self._give_all_back()
        await self._pool.close()

    def terminate(self) -> None:
        """Close the connections at once."""
        self._pool.terminate()

    def _schedule(self) -> None:
        self._used = False
        self._timer = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._return_if_idle)

    def _return_if_idle(self) -> None:
        self._timer = None
        if self._used:
            self._schedule()
        else:
            self._give_all_back()

    def _give_all_back(self) -> None:
        while self._kept:
            self._give_back(self._kept.pop())

    def _give_back(self, connection: Any) -> None:
        task = asyncio.ensure_future(self._pool.release(connection))
        self._returns.add(task)
        task.add_done_callback(self._returned)

    def _returned(self, task: "asyncio.Task[None]") -> None:
        self._returns.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen: the driver has closed the connection


def _is_open(connection: Any) -> bool:
    with contextlib.suppress(
        asyncpg.InterfaceError
    ):  # the driver's pool has taken a broken connection back itself
        return not connection.is_closed()
    return False
