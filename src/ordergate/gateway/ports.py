"""What the use cases need from outside: a journal, a way to the providers, the time and randomness."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.errors import Sent
from ordergate.gateway.account import Account, World
from ordergate.gateway.records import (
    ApiKey,
    Claim,
    Existing,
    Intent,
    LinkKey,
    LinkKind,
    Links,
    Operation,
    OperationQuery,
    OrderQuery,
    StoredOrder,
    StoredResponse,
)
from ordergate.spi.wire import WireRequest, WireResponse

Clock = Callable[[], datetime]
"""The time, in UTC."""


class JournalUnavailableError(Exception):
    """The journal cannot be read or written; the message says why, for an operator."""


class TransportError(Exception):
    """No answer came.

    Attributes:
        sent: ``no`` only if not one byte of the request can have arrived.
        reason: For a human.
    """

    def __init__(self, sent: Sent, reason: str) -> None:
        """Say whether the request may have arrived, and what happened."""
        super().__init__(reason)
        self.sent = sent
        self.reason = reason


class Transport(Protocol):
    """The way to the providers: one request, one answer, never a second send."""

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Sign and send one request, and return the answer.

        Raises:
            TransportError: No whole answer came.
        """
        ...


class Journal(Protocol):
    """The gateway's memory. A method that returns has made its effect durable.

    Every method raises :class:`JournalUnavailableError` where the store does not answer.
    """

    async def claim(self, intent: Intent) -> Claim:
        """Make an intent durable, unless its key, its reference or its order is taken.

        An intent with one attempt more than its operation has in the journal is the next attempt of it; it is
        let through only after one that was not applied and whose answer is not kept.
        """
        ...

    async def settle(
        self, operation: Operation, response: StoredResponse | None, order: OrderRecord | None
    ) -> None:
        """Record in one step how an operation ended, the answer to give again, and the order as it is now."""
        ...

    async def by_key(self, operation: Operation) -> Existing | None:
        """Return the operation that has this operation's key, in its merchant, world, method and path."""
        ...

    async def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        ...

    async def operations(self, query: OperationQuery) -> list[Operation]:
        """Return up to ``limit + 1`` operations, so that the caller can tell whether there are more."""
        ...

    async def unsettled(self, order_id: str) -> Operation | None:
        """Return the operation that keeps an order busy."""
        ...

    async def forget_running(self, now: datetime) -> int:
        """Mark every operation in progress as unknown: nobody works on it any more. Return how many."""
        ...

    async def order(self, order_id: str) -> StoredOrder | None:
        """Return one order."""
        ...

    async def orders(self, query: OrderQuery) -> list[OrderRecord]:
        """Return up to ``limit + 1`` orders, so that the caller can tell whether there are more."""
        ...

    async def refresh(self, record: OrderRecord, revision: int) -> StoredOrder:
        """Keep what the provider said, unless the row has changed since; return what is kept now."""
        ...

    async def adopt(self, record: OrderRecord) -> OrderRecord:
        """Keep an order that was made elsewhere, unless it is known already; return what is kept."""
        ...

    async def adopted(self, account: str, provider_order_ids: Iterable[str]) -> dict[str, OrderRecord]:
        """Return, by the provider's id, those orders of an account that the gateway knows."""
        ...

    async def put_links(self, key: LinkKey, links: Links) -> None:
        """Set what one id is called at the named accounts; others are left."""
        ...

    async def links(self, key: LinkKey) -> Links:
        """Return what one id is called at every account; empty if it is not linked."""
        ...

    async def delete_links(self, key: LinkKey) -> bool:
        """Forget an id's links; tell whether there were any."""
        ...

    async def native_ids(
        self, merchant: str, world: World, account: str, ids: Iterable[tuple[LinkKind, str]]
    ) -> dict[tuple[LinkKind, str], str]:
        """Return what the ids are called at one account; those without a link are absent."""
        ...

    async def merchant_id(
        self, merchant: str, world: World, account: str, kind: LinkKind, native: str
    ) -> str | None:
        """Return which of the merchant's ids is called so at one account."""
        ...

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep an API key by its hash."""
        ...

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this hash."""
        ...

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        ...

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key; tell whether there was one to revoke."""
        ...

    async def ping(self) -> None:
        """Return if the store answers."""
        ...
