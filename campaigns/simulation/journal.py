"""The embedded journal without its threads: every call is durable before the simulation does anything else."""

from collections.abc import Callable
from typing import TypeVar

from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.journal.transactions.operations import RolledBack, Transaction

T = TypeVar("T")


class ImmediateJournal(SqliteJournal):
    """The same file, statements and transactions, run by whoever asks.

    A commit in another thread would take real time, in which virtual time must not pass; and which of two comes
    first would depend on the disk.
    """

    async def _write(self, begin: Callable[[], Transaction[T]], *, brief: bool = False) -> T:
        [result] = self._writer.transact([lambda connection: self._carry_out(connection, begin())])
        if isinstance(result, RolledBack):
            undone: T = result.result
            return undone
        if isinstance(result, Exception):
            raise result
        done: T = result
        return done

    async def _read(self, begin: Callable[[], Transaction[T]]) -> T:
        return self._carry_out(self._reading_connection(), begin())

    async def _list(self, begin: Callable[[], Transaction[T]]) -> T:
        return await self._read(begin)

    async def _check(self, begin: Callable[[], Transaction[T]]) -> T:
        return await self._read(begin)

    def abandon(self) -> None:
        """Let go of the file, as the end of a process does."""
        self._writer.close()
        for connection in self._opened:
            connection.close()
        if self._lock is not None:
            self._lock.close()
