"""The journal: runs transactions on a database and makes them durable."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from ordergate.journal.transaction import Transaction

T = TypeVar("T")

LIST_SECONDS = 5.0
"""Seconds that a page of a list may take."""


class Journal(ABC):
    """The gateway's memory. A write that returns has made its effect durable."""

    _wake: Callable[[], None] | None = None

    @abstractmethod
    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction that changes nothing.

        Raises:
            JournalUnavailableError: The database does not answer.
            ListTooSlowError: A page of a list took longer than :data:`LIST_SECONDS`.
        """

    @abstractmethod
    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction, and make it durable.

        Raises:
            JournalUnavailableError: The database failed, and nothing was changed.
        """

    async def connections_allowed(self) -> int | None:
        """Return how many connections all processes together may have; None if nothing limits them."""
        return None

    @abstractmethod
    def waiting_writes(self) -> int:
        """Return how many writes of this process are not durable yet."""

    @abstractmethod
    async def close(self) -> None:
        """Finish the writes under way, and close the database."""

    def on_events(self, wake: Callable[[], None] | None) -> None:
        """Call a function after each write of this process that may have recorded events."""
        self._wake = wake

    def _written(self, transaction: Transaction[T]) -> None:
        """Wake the outbox after a write."""
        if transaction.records_events and self._wake is not None:
            self._wake()
