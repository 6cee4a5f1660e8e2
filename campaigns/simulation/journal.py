"""The embedded journal without its threads: every call is durable before the simulation does anything else."""

from typing import TypeVar

from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.journal.transaction import RolledBack, Transaction

T = TypeVar("T")


class ImmediateJournal(SqliteJournal):
    """The same file, statements and transactions, run in the caller's thread.

    A commit in another thread would take real time, and virtual time must not pass meanwhile. The order of two commits
    would depend on the disk.
    """

    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction at once."""
        [result] = self._writer.transact([lambda connection: self._run(connection, transaction)])
        if isinstance(result, RolledBack):
            kept: T = result.result
            return kept
        if isinstance(result, Exception):
            raise result
        self._written(transaction)
        done: T = result
        return done

    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction at once."""
        return self._run(self._reading_connection(), transaction)

    def abandon(self) -> None:
        """Close the file, as the end of a process does."""
        self._end()
