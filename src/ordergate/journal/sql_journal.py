"""The journal on any SQL database: every method is one transaction, which the database's own class runs."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.mode import World
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
from ordergate.journal.sql_events import SqlEvents
from ordergate.journal.transactions import comparisons as comparison_transactions
from ordergate.journal.transactions import operations as transactions
from ordergate.journal.transactions import provider_events


class SqlJournal(SqlEvents):
    """Implements :class:`ordergate.gateway.runtime.ports.Journal`; the methods are described there."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what waits and let go of the store."""

    async def claim(self, intent: Intent) -> Claim:
        """Make an intent durable, unless its key, its reference or its order is taken."""
        return await self._write_briefly(lambda: transactions.claim(intent))

    async def begin_attempt(self, operation: Operation, owner: str, settling: float) -> bool:
        """Make one more attempt of an unsettled operation durable, before it is sent."""
        return await self._write_briefly(lambda: transactions.begin_attempt(operation, owner, settling))

    async def move(
        self, operation: Operation, work: Work, request: bytes | None, owner: str, settling: float
    ) -> bool:
        """Make an attempt at another account durable, before it is sent."""
        return await self._write_briefly(lambda: transactions.move(operation, work, request, owner, settling))

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
        """Record how an operation ended, the answer to give again, and the order, in one step."""
        return await self._write_events(
            lambda: transactions.settle(
                operation,
                response,
                order,
                before=before,
                owner=owner,
                late=late,
                look_again_in=look_again_in,
                exchanges=exchanges,
            )
        )

    async def leave_unknown(
        self,
        operation: Operation,
        owner: str,
        *,
        settles_in: float | None,
        look_in: float | None,
        exchanges: Sequence[Exchange] = (),
    ) -> bool:
        """Give up an operation that this process holds, its outcome unknown."""
        return await self._write_briefly(
            lambda: transactions.leave_unknown(
                operation, owner, settles_in=settles_in, look_in=look_in, exchanges=exchanges
            )
        )

    async def take(self, operation_id: str, owner: str, *, late: bool = False) -> Taken | None:
        """Look after one operation of unknown outcome."""
        return await self._write(lambda: transactions.take(operation_id, owner, late=late))

    async def take_due(self, owner: str, limit: int) -> list[Taken]:
        """Look after operations whose time has come."""
        return await self._write(lambda: transactions.take_due(owner, limit))

    async def look_soon(self, operation_id: str) -> None:
        """Let recovery look after an operation at once."""
        await self._write(lambda: transactions.look_soon(operation_id))

    async def stay_alive(self, node: str, seconds: float, *, serves: bool = True) -> int:
        """Keep what this process holds from others for so long; return how many processes that serve do so now."""
        return await self._write(lambda: transactions.stay_alive(node, seconds, serves=serves))

    async def time(self) -> datetime:
        """Return the time by the store's own clock."""
        return await self._read(transactions.time_now)

    async def leave(self, node: str) -> None:
        """Let others take at once what this process held."""
        await self._write(lambda: transactions.leave(node))

    async def forget_dead(self, node: str, held: Collection[str]) -> int:
        """Let go of every operation that nobody works on any more."""
        return await self._write(lambda: transactions.forget_dead(node, held))

    async def prune(self, since: datetime, limit: int) -> int:
        """Free the keys of operations settled before, and forget what was kept for their repeats."""
        return await self._write(lambda: transactions.prune(since, limit))

    async def by_key(self, operation: Operation) -> Existing | None:
        """Return the operation that has this operation's key."""
        return await self._look_up(lambda: transactions.by_key(operation))

    async def by_id(self, operation_id: str) -> Existing | None:
        """Return one operation, and its answer to give again."""
        return await self._look_up(lambda: transactions.by_id(operation_id))

    async def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        return await self._look_up(lambda: transactions.operation(operation_id))

    async def operations(self, query: OperationQuery) -> list[Operation]:
        """Return up to ``limit + 1`` operations."""
        return await self._list(lambda: transactions.operations(query))

    async def told(self, order_id: str) -> list[Told]:
        """Return an order's operations with what was said about them."""
        return await self._read(lambda: transactions.told(order_id))

    async def begin_comparison(self, comparison: Comparison, since: datetime) -> Comparison:
        """Keep a comparison, unless its key has one."""
        return await self._write(lambda: comparison_transactions.begin_comparison(comparison, since))

    async def end_comparison(self, comparison: Comparison) -> Comparison:
        """Keep what a comparison came to."""
        return await self._write(lambda: comparison_transactions.end_comparison(comparison))

    async def comparison(self, comparison_id: str) -> Comparison | None:
        """Return one comparison."""
        return await self._read(lambda: comparison_transactions.comparison(comparison_id))

    async def comparisons(self, query: ComparisonQuery) -> list[Comparison]:
        """Return up to ``limit + 1`` comparisons."""
        return await self._list(lambda: comparison_transactions.comparisons(query))

    async def count_shadows(self, counts: Sequence[ShadowCount]) -> None:
        """Add to what is counted of shadow translations."""
        await self._write(lambda: comparison_transactions.count_shadows(counts))

    async def shadow_counts(self, world: World, merchant: str | None) -> list[ShadowCount]:
        """Return what was counted of shadow translations."""
        return await self._read(lambda: comparison_transactions.shadow_counts(world, merchant))

    async def unsettled(self, order_id: str) -> Operation | None:
        """Return the operation that keeps an order busy."""
        return await self._look_up(lambda: transactions.unsettled(order_id))

    async def order(self, order_id: str) -> StoredOrder | None:
        """Return one order."""
        return await self._look_up(lambda: transactions.order(order_id))

    async def orders(self, query: OrderQuery) -> list[OrderRecord]:
        """Return up to ``limit + 1`` orders."""
        return await self._list(lambda: transactions.orders(query))

    async def refresh(self, record: OrderRecord, revision: int) -> StoredOrder:
        """Keep what the provider said, unless the row has changed since."""
        return await self._write_events(lambda: transactions.refresh(record, revision))

    async def accept(self, operation: Operation, record: OrderRecord, revision: int) -> bool:
        """Keep a person's word with an applied operation, and what it changes of its order."""
        return await self._write_events(lambda: transactions.accept(operation, record, revision))

    async def redact(self, record: OrderRecord, revision: int) -> StoredOrder | Busy | Stale:
        """Replace an order's record by a redacted one, and erase what its operations held of it."""
        return await self._write(lambda: transactions.redact(record, revision))

    async def redact_unmade(self, operation: Operation, comparison: str | None) -> Busy | None:
        """Erase what the operations of an order that was never made held of it."""
        return await self._write(lambda: transactions.redact_unmade(operation, comparison))

    async def adopt(self, record: OrderRecord) -> OrderRecord:
        """Keep an order that was made elsewhere, unless it is known already."""
        return await self._write_events(lambda: transactions.adopt(record))

    async def adopted(self, account: str, provider_order_ids: Iterable[str]) -> dict[str, OrderRecord]:
        """Return, by the provider's id, those orders of an account that the gateway knows."""
        wanted = list(provider_order_ids)
        return await self._read(lambda: transactions.adopted(account, wanted))

    async def use_of_account(self, account: str) -> AccountUse:
        """Count what an account cannot be removed for."""
        return await self._read(lambda: transactions.use_of_account(account))

    async def unknown_operations(self) -> UnknownOperations:
        """Count the operations of which it is not known what became."""
        return await self._read(transactions.unknown_operations)

    async def record_events(self, account: str, told: Sequence[Arrived], pace: Pace) -> Recorded:
        """Keep what a provider told, and let what it concerns be looked at."""
        return await self._write(lambda: provider_events.record(account, told, pace))

    async def take_subjects(
        self, owner: str, room: Mapping[str, int], held: Collection[tuple[str, str]] = ()
    ) -> list[Subject]:
        """Look at what is due, so much of each account at most."""
        due = set(await self._look_up(lambda: provider_events.accounts_due(room)))
        room = {account: limit for account, limit in room.items() if account in due}
        return await self._write(lambda: provider_events.take(owner, room, held)) if room else []

    async def finish_subject(
        self, subject: Subject, owner: str, pace: Pace, *, parked: bool = False, erase: bool = False
    ) -> bool:
        """End a look at what events concern."""
        return await self._write(
            lambda: provider_events.finish(subject, owner, pace, parked=parked, erase=erase)
        )

    async def postpone_subject(self, subject: Subject, owner: str, seconds: float) -> None:
        """Look again later."""
        await self._write(lambda: provider_events.postpone(subject, owner, seconds))

    async def read_orders_again(self, account: str, before: datetime, limit: int, pace: Pace) -> int:
        """Let orders that are not over be read again."""
        return await self._write(lambda: provider_events.read_again(account, before, limit, pace))

    async def look_at_order(self, account: str, provider_order_id: str, pace: Pace) -> None:
        """Let one order be looked at, as if told of."""
        await self._write(lambda: provider_events.look_at_order(account, provider_order_id, pace))

    async def take_turn(self, account: str, owner: str, every: float) -> Turn | None:
        """Look through an account, if its time has come and nobody does."""
        return await self._write(lambda: provider_events.take_turn(account, owner, every))

    async def end_turn(
        self, account: str, owner: str, every: float, walked_at: datetime | None = None
    ) -> None:
        """Let somebody look through the account again later."""
        await self._write(lambda: provider_events.end_turn(account, owner, every, walked_at))

    async def inbound_use(self, accounts: Iterable[str]) -> dict[str, InboundUse]:
        """Count what providers told."""
        wanted = list(accounts)
        return await self._read(lambda: provider_events.use(wanted))

    async def prune_events(self, since: datetime, limit: int) -> int:
        """Forget events that came before and wait for nothing."""
        return await self._write(lambda: provider_events.prune(since, limit))

    async def put_links(self, key: LinkKey, links: Links) -> None:
        """Set what one id is called at the named accounts."""
        await self._write(lambda: transactions.put_links(key, links))

    async def links(self, key: LinkKey) -> Links:
        """Return what one id is called at every account."""
        return await self._look_up(lambda: transactions.links(key))

    async def delete_links(self, key: LinkKey) -> bool:
        """Forget an id's links."""
        return await self._write(lambda: transactions.delete_links(key))

    async def import_links(
        self, merchant: str, world: World, links: Sequence[Link], progress: Progress | None = None
    ) -> None:
        """Set many links, all of them or none."""
        # In one order, so that two imports wait for each other and never in a circle.
        ordered = sorted(links, key=lambda link: (link.kind, link.id, link.account))
        await self._write(lambda: transactions.import_links(merchant, world, ordered, progress))

    async def list_links(self, query: LinkQuery) -> list[StoredLink]:
        """Return up to ``limit + 1`` links."""
        return await self._list(lambda: transactions.list_links(query))

    async def linked_merchants(self, world: World) -> list[str]:
        """Return who has links."""
        return await self._read(lambda: transactions.linked_merchants(world))

    async def linked_accounts(self) -> dict[tuple[World, str], int]:
        """Return how many links name each account."""
        return await self._read(transactions.linked_accounts)

    async def native_ids(
        self, merchant: str, world: World, account: str, ids: Iterable[tuple[LinkKind, str]]
    ) -> dict[tuple[LinkKind, str], str]:
        """Return what the ids are called at one account."""
        wanted = set(ids)
        if not wanted:
            return {}
        return await self._look_up(lambda: transactions.native_ids(merchant, world, account, wanted))

    async def merchant_id(
        self, merchant: str, world: World, account: str, kind: LinkKind, native: str
    ) -> str | None:
        """Return which of the merchant's ids is called so at one account."""
        return await self._look_up(lambda: transactions.merchant_id(merchant, world, account, kind, native))

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep an API key by its hash."""
        await self._write(lambda: transactions.add_key(key, secret_hash))

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this hash."""
        return await self._look_up(lambda: transactions.find_key(secret_hash))

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        return await self._read(transactions.keys)

    async def rotate_key(
        self, key_id: str, replacement: ApiKey, secret_hash: bytes, ends_at: datetime
    ) -> bool:
        """Keep a key's replacement, and end the key then."""
        return await self._write(lambda: transactions.rotate_key(key_id, replacement, secret_hash, ends_at))

    async def touch_keys(self, uses: Mapping[str, datetime]) -> None:
        """Record when keys were used last."""
        await self._write(lambda: transactions.touch_keys(uses))

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key."""
        return await self._write(lambda: transactions.revoke_key(key_id, now))

    async def add_session(self, key_id: str, token_hash: bytes, *, seconds: float, kept: int) -> None:
        """Keep a session."""
        await self._write(lambda: transactions.add_session(key_id, token_hash, seconds, kept))

    async def session_key(self, token_hash: bytes) -> ApiKey | None:
        """Return the key that a session was opened with."""
        return await self._look_up(lambda: transactions.session_key(token_hash))

    async def end_session(self, token_hash: bytes) -> None:
        """Forget a session."""
        await self._write(lambda: transactions.end_session(token_hash))

    async def connections_allowed(self) -> int | None:
        """Return how many connections all processes together may have; None if nothing limits them."""
        return None

    async def count_secrets(self) -> int:
        """Return how many signing secrets of webhook endpoints the store holds."""
        return await self._read(transactions.count_secrets)

    async def check_writable(self) -> None:
        """Return if the store takes a write."""
        await self._check(transactions.check_writable)

    async def ping(self) -> None:
        """Return if the store answers."""
        await self._read(transactions.ping)
