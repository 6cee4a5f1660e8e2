"""What the use cases need from outside: a journal, a way to the providers, the time and randomness."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Protocol

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.errors import Sent
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.mode import World
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.health import Health
from ordergate.gateway.runtime.event_ports import EventJournal
from ordergate.journal.records.comparisons import Comparison, ComparisonQuery, ShadowCount
from ordergate.journal.records.exchanges import Exchange, Told
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.records.links import LinkKey, LinkQuery, Links, Progress, StoredLink
from ordergate.journal.records.operations import (
    Busy,
    Claim,
    Existing,
    Intent,
    Operation,
    OperationQuery,
    Stale,
    StoredResponse,
    Taken,
    UnknownOperations,
    Work,
)
from ordergate.journal.records.orders import AccountUse, OrderQuery, StoredOrder
from ordergate.journal.records.provider_events import Arrived, InboundUse, Pace, Recorded, Subject, Turn
from ordergate.spi.wire import WireRequest, WireResponse

Clock = Callable[[], datetime]
"""The time, in UTC."""


class TransportError(Exception):
    """No answer came.

    Attributes:
        sent: ``no`` only if not one byte of the request can have arrived.
        reason: For a human.
        closed: The other side ended the exchange, so that nothing of it is still under way.
        code: The problem's code for what was not sent.
        retry_after: Seconds after which it may be worth another try.
    """

    def __init__(
        self,
        sent: Sent,
        reason: str,
        *,
        closed: bool = False,
        code: str = "provider_unavailable",
        retry_after: float = 5,
    ) -> None:
        """Say whether the request may have arrived, and what happened."""
        super().__init__(reason)
        self.code = code
        self.retry_after = ceil(retry_after)
        self.sent = sent
        self.reason = reason
        self.closed = closed


class Transport(Protocol):
    """The way to the providers: one request, one answer, never a second send.

    An account whose provider answers 429 is left alone for as long as that asks for.
    """

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Sign and send one request, and return the answer.

        Raises:
            TransportError: No whole answer came.
        """
        ...

    def share_among(self, nodes: int) -> None:
        """Keep rate limits together with so many processes that serve, this one included if it does."""
        ...

    def keep_only(self, accounts: Iterable[Account]) -> None:
        """Let the connections to all other accounts end once they are idle."""
        ...

    def health(self, account: Account) -> Health:
        """Return how an account is doing."""
        ...


class Journal(EventJournal, Protocol):
    """The gateway's memory. A method that returns has made its effect durable.

    Every method raises :class:`JournalUnavailableError` where the store does not answer.
    """

    async def claim(self, intent: Intent) -> Claim:
        """Make an intent durable, unless its key, its reference or its order is taken, or its API key is revoked.

        An intent with one attempt more than its operation has in the journal is the next attempt of it; it is
        let through only after one that was not applied and whose answer is not kept.
        """
        ...

    async def begin_attempt(self, operation: Operation, owner: str, settling: float) -> bool:
        """Make one more attempt of an unsettled operation durable, before it is sent; False if it is another's.

        Args:
            operation: With the attempt that is about to begin as its last.
            owner: The process that will send it.
            settling: Seconds after which nothing of the attempt can still arrive.
        """
        ...

    async def move(
        self, operation: Operation, work: Work, request: bytes | None, owner: str, settling: float
    ) -> bool:
        """Make an attempt at another account durable, before it is sent; False if it is another's.

        Args:
            operation: With its new account, and the attempt that is about to begin as its last.
            work: What is to be done there.
            request: The exact bytes to send there; stars where they hold a one-time token.
            owner: This process, which holds it.
            settling: Seconds after which nothing of the attempt can still arrive.
        """
        ...

    async def settle(
        self,
        operation: Operation,
        response: StoredResponse | None,
        order: OrderRecord | None,
        *,
        before: StoredOrder | None = None,
        owner: str | None = None,
        late: bool = False,
        look_again_in: float | None = None,
        exchanges: Sequence[Exchange] = (),
    ) -> bool | Stale:
        """Record in one step how an operation ended, the answer to give again, and the order as it is now.

        Args:
            operation: As it ended; its last attempt must be the journal's.
            response: The answer to give again; None where a repeat may be sent, or is answered from the order.
            order: None where it did not change.
            before: The order and its row's revision that `order` was made from; None for a new order.
            owner: Settle only while this process holds it; None for whoever heard the provider's own answer.
            late: Settle only what was settled as not applied before.
            look_again_in: Seconds until recovery looks for a late trace of it.
            exchanges: What was said to the provider about it since it was recorded last.

        Returns:
            False where it had ended otherwise, or another attempt had begun; ``Stale`` where the order has changed
            since that revision. Nothing is changed then.
        """
        ...

    async def leave_unknown(
        self,
        operation: Operation,
        owner: str,
        *,
        settles_in: float | None,
        look_in: float | None,
        exchanges: Sequence[Exchange] = (),
    ) -> bool:
        """Give up an operation that this process holds, its outcome unknown.

        Args:
            operation: As it is now.
            owner: This process.
            settles_in: Seconds until nothing of it can still arrive; None to leave that as it was.
            look_in: Seconds until recovery looks after it; None for a person to do so.
            exchanges: What was said to the provider about it since it was recorded last.

        Returns:
            False where it is settled, or another's.
        """
        ...

    async def take(self, operation_id: str, owner: str, *, late: bool = False) -> Taken | None:
        """Look after one operation of unknown outcome; None if it is settled or somebody does already.

        Args:
            operation_id: Which.
            owner: This process.
            late: One that was not applied, too.
        """
        ...

    async def take_due(self, owner: str, limit: int) -> list[Taken]:
        """Look after operations that nobody living does and whose time has come, the longest waiting first."""
        ...

    async def look_soon(self, operation_id: str) -> None:
        """Let recovery look after an operation of unknown outcome at once."""
        ...

    async def stay_alive(self, node: str, seconds: float, *, serves: bool = True) -> int:
        """Keep what this process holds from others for so long; return how many processes that serve do so now."""
        ...

    async def time(self) -> datetime:
        """Return the time by the store's own clock, which a step of this host's does not move."""
        ...

    async def leave(self, node: str) -> None:
        """Let others take at once what this process held."""
        ...

    async def forget_dead(self, node: str, held: Collection[str]) -> int:
        """Let go of every operation that nobody works on any more; return how many.

        One that may have been sent is of unknown outcome from then on.

        Args:
            node: This process.
            held: The operations that it does work on: others in its name were lost when the store failed.
        """
        ...

    async def prune(self, since: datetime, limit: int) -> int:
        """Free the keys of operations that were settled before, and forget what was kept for repeats and recovery.

        Their records stay. One that somebody works on, or will look after again, is left for later.

        Returns:
            How many, `limit` at most; never one that another process prunes at this moment.
        """
        ...

    async def by_key(self, operation: Operation) -> Existing | None:
        """Return the operation that has this operation's key, in its merchant, world, method and path."""
        ...

    async def by_id(self, operation_id: str) -> Existing | None:
        """Return one operation, and its answer to give again."""
        ...

    async def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        ...

    async def operations(self, query: OperationQuery) -> list[Operation]:
        """Return up to ``limit + 1`` operations, so that the caller can tell whether there are more."""
        ...

    async def told(self, order_id: str) -> list[Told]:
        """Return an order's operations, oldest first, with what was said about them and is still kept."""
        ...

    async def begin_comparison(self, comparison: Comparison, since: datetime) -> Comparison:
        """Keep a comparison, unless its key has one that was made since then; return what is kept."""
        ...

    async def end_comparison(self, comparison: Comparison) -> Comparison:
        """Keep what a comparison came to, unless it has ended already; return what is kept."""
        ...

    async def comparison(self, comparison_id: str) -> Comparison | None:
        """Return one comparison."""
        ...

    async def comparisons(self, query: ComparisonQuery) -> list[Comparison]:
        """Return up to ``limit + 1`` comparisons that have come to something."""
        ...

    async def count_shadows(self, counts: Sequence[ShadowCount]) -> None:
        """Add to what is counted of shadow translations."""
        ...

    async def shadow_counts(self, world: World, merchant: str | None) -> list[ShadowCount]:
        """Return what was counted of shadow translations, the most frequent first."""
        ...

    async def unsettled(self, order_id: str) -> Operation | None:
        """Return the operation that keeps an order busy."""
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

    async def accept(self, operation: Operation, record: OrderRecord, revision: int) -> bool:
        """Keep a person's word with an applied operation, and what it changes of its order.

        Args:
            operation: With the word.
            record: The order.
            revision: Of the row that the record was made from.

        Returns:
            False where the row has changed since: nothing is kept then.
        """
        ...

    async def redact(self, record: OrderRecord, revision: int) -> StoredOrder | Busy | Stale:
        """Replace an order's record by a redacted one, and erase what its operations held of it.

        Their requests, their commands and the answers of those that were applied go; what a provider refused, and
        every evidence, stays. Comparisons of the order's reference go, and the one that it was made for with what was
        said for its other orders. When this returns the order, the store holds the erased bytes nowhere that it could
        still be asked for them.

        Args:
            record: Without personal data.
            revision: Of the row that it was made from.

        Returns:
            The order as it is kept now; busy while one of its operations is unsettled or will be looked at again;
            stale if the row has changed since. Nothing is changed then.
        """
        ...

    async def redact_unmade(self, operation: Operation, comparison: str | None) -> Busy | None:
        """Erase what the operations of an order that was never made held of it, as :meth:`redact` does.

        Args:
            operation: One of the order's.
            comparison: The one that the order would have been made for, if any.

        Returns:
            Busy while one of the operations is unsettled or will be looked at again; nothing is changed then.
        """
        ...

    async def adopt(self, record: OrderRecord) -> OrderRecord:
        """Keep an order that was made elsewhere, unless it is known already; return what is kept."""
        ...

    async def adopted(self, account: str, provider_order_ids: Iterable[str]) -> dict[str, OrderRecord]:
        """Return, by the provider's id, those orders of an account that the gateway knows."""
        ...

    async def use_of_account(self, account: str) -> AccountUse:
        """Count what an account cannot be removed for."""
        ...

    async def unknown_operations(self) -> UnknownOperations:
        """Count the operations of which it is not known what became."""
        ...

    def waiting_writes(self) -> int:
        """Return how many writes of this process wait to be durable."""
        ...

    async def record_events(self, account: str, told: Sequence[Arrived], pace: Pace) -> Recorded:
        """Keep what a provider told, each event once, and let what it concerns be looked at.

        Operations that it names are looked at now, where their outcome is unknown or rests on a missing trace.
        """
        ...

    async def take_subjects(
        self, owner: str, room: Mapping[str, int], held: Collection[tuple[str, str]] = ()
    ) -> list[Subject]:
        """Look at what is due and nobody living looks at, the longest waiting first.

        Args:
            owner: This process.
            room: By account, how much at most; of others nothing.
            held: Accounts and names of what it looks at: others in its name were lost when the store failed.
        """
        ...

    async def finish_subject(
        self, subject: Subject, owner: str, pace: Pace, *, parked: bool = False, erase: bool = False
    ) -> bool:
        """End a look at what events concern: they are processed.

        Args:
            subject: As it was taken.
            owner: This process.
            pace: When it is looked at again, where it was told of meanwhile.
            parked: Nobody here knows it: the events are kept, and processed when it is known once told of again.
            erase: Forget the bytes in which the events came.

        Returns:
            False where it was told of meanwhile: then it is due again, or where it is another's.
        """
        ...

    async def postpone_subject(self, subject: Subject, owner: str, seconds: float) -> None:
        """Look again after so many seconds, or as soon as it is told of again."""
        ...

    async def read_orders_again(self, account: str, before: datetime, limit: int, pace: Pace) -> int:
        """Let orders that are not over be looked at, as if told of; return how many.

        Args:
            account: Where they live.
            before: Only those that were read before, the longest ago first.
            limit: How many at most; those that are due anyway do not count.
            pace: How soon.
        """
        ...

    async def look_at_order(self, account: str, provider_order_id: str, pace: Pace) -> None:
        """Let one order be looked at, as if told of."""
        ...

    async def take_turn(self, account: str, owner: str, every: float) -> Turn | None:
        """Look through an account, if its time has come and nobody living does.

        The first turn comes `every` seconds after the first question for it. A process asks only for what it does not
        look through itself.
        """
        ...

    async def end_turn(
        self, account: str, owner: str, every: float, walked_at: datetime | None = None
    ) -> None:
        """Let the next turn come after so many seconds; `walked_at` is when a whole walk began, None for none."""
        ...

    async def inbound_use(self, accounts: Iterable[str]) -> dict[str, InboundUse]:
        """Return, by account, what its provider told unasked, and what of it is not processed."""
        ...

    async def prune_events(self, since: datetime, limit: int) -> int:
        """Forget events that came before and wait for nothing, parked ones too; return how many, `limit` at most."""
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

    async def import_links(
        self, merchant: str, world: World, links: Sequence[Link], progress: Progress | None = None
    ) -> None:
        """Set many links, all of them or none; of one id's links at other accounts nothing changes.

        Args:
            merchant: Whose they are.
            world: Test and live links are separate.
            links: Each id at an account once.
            progress: Is told now and then how many are written, in any thread; not yet durable then.
        """
        ...

    async def list_links(self, query: LinkQuery) -> list[StoredLink]:
        """Return up to ``limit + 1`` links, so that the caller can tell whether there are more."""
        ...

    async def linked_merchants(self, world: World) -> list[str]:
        """Return who has links, sorted."""
        ...

    async def linked_accounts(self) -> dict[tuple[World, str], int]:
        """Return how many links name each account, by world and account."""
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

    async def rotate_key(
        self, key_id: str, replacement: ApiKey, secret_hash: bytes, ends_at: datetime
    ) -> bool:
        """Keep a key's replacement, by its hash, and end the key then.

        Returns:
            False where the key is unknown, revoked or replaced: then nothing changes.
        """
        ...

    async def touch_keys(self, uses: Mapping[str, datetime]) -> None:
        """Record when keys were used last, whatever else is written about them at the same time."""
        ...

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key; tell whether there was one to revoke."""
        ...

    async def add_session(self, key_id: str, token_hash: bytes, *, seconds: float, kept: int) -> None:
        """Keep a session at the console, by the hash of its token, for so long.

        Args:
            key_id: The key that it was opened with.
            token_hash: Of what the browser holds.
            seconds: By the store's clock.
            kept: Of one key's sessions so many are kept, the newest ones.
        """
        ...

    async def session_key(self, token_hash: bytes) -> ApiKey | None:
        """Return the key that a session was opened with, revoked or not; None where there is no session."""
        ...

    async def end_session(self, token_hash: bytes) -> None:
        """Forget a session, if there is one."""
        ...

    async def check_writable(self) -> None:
        """Return if the store takes a write; nothing of it stays."""
        ...

    async def ping(self) -> None:
        """Return if the store answers."""
        ...
