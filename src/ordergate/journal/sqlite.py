"""The embedded journal: SQLite in WAL mode, durable on every commit, one writer and a few readers."""

import asyncio
import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.gateway.account import World
from ordergate.gateway.ports import JournalUnavailableError
from ordergate.gateway.records import (
    ApiKey,
    Busy,
    Claim,
    Claimed,
    Duplicate,
    Existing,
    Intent,
    LinkKey,
    LinkKind,
    Links,
    Operation,
    OperationQuery,
    OrderQuery,
    Stale,
    StoredOrder,
    StoredResponse,
)
from ordergate.journal import codec, search
from ordergate.journal.statements import migrations, statements
from ordergate.journal.writer import GroupWriter

T = TypeVar("T")

_READERS = 2
_BUSY_SECONDS = 5.0


class SqliteJournal:
    """A journal in one file. Several processes may open it; one may serve."""

    def __init__(self, path: Path, *, serving: bool = False) -> None:
        """Open the file, creating or upgrading its schema.

        Args:
            path: The database.
            serving: Hold it as the one process that serves from it.

        Raises:
            JournalUnavailableError: The file cannot be used, or a later release has upgraded it.
        """
        self._path = path
        self._sql = statements()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = _serve_alone(path) if serving else None
        try:
            _upgrade(path)
        except JournalUnavailableError:
            if self._lock is not None:
                self._lock.close()
            raise
        self._writer = GroupWriter(_connect(path))
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="journal-reader")

    async def close(self) -> None:
        """Finish what waits and close the file."""
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        if self._lock is not None:
            self._lock.close()

    async def claim(self, intent: Intent) -> Claim:
        """Make an intent durable, unless its key, its reference or its order is taken."""
        return await self._writer.run(lambda connection: self._claim(connection, intent))

    async def settle(
        self, operation: Operation, response: StoredResponse | None, order: OrderRecord | None
    ) -> None:
        """Record how an operation ended, the answer to give again, and the order, in one step."""

        def work(connection: sqlite3.Connection) -> None:
            columns = codec.operation_columns(operation)
            columns["response_status"] = response.status if response else None
            columns["response_body"] = response.body if response else None
            connection.execute(self._sql["settle_operation"], columns)
            if order is not None:
                connection.execute(self._sql["save_order"], codec.order_columns(order))

        await self._writer.run(work)

    async def by_key(self, operation: Operation) -> Existing | None:
        """Return the operation that has this operation's key."""
        return await self._read(lambda connection: self._existing(connection, operation))

    async def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        row = await self._row("operation_by_id", {"id": operation_id})
        return codec.decode_operation(row[0]) if row else None

    async def operations(self, query: OperationQuery) -> list[Operation]:
        """Return up to ``limit + 1`` operations."""
        sql, parameters = search.operations(query)
        rows = await self._rows(sql, parameters)
        return search.in_order([codec.decode_operation(row[0]) for row in rows], query.ending_before)

    async def unsettled(self, order_id: str) -> Operation | None:
        """Return the operation that keeps an order busy."""
        row = await self._row("unsettled_operation", {"order_id": order_id})
        return codec.decode_operation(row[0]) if row else None

    async def forget_running(self, now: datetime) -> int:
        """Mark every operation in progress as unknown."""

        def work(connection: sqlite3.Connection) -> int:
            rows = connection.execute(self._sql["running_operations"]).fetchall()
            for row in rows:
                operation = msgspec.structs.replace(
                    codec.decode_operation(row[0]), state="unknown", outcome="unknown", updated_at=now
                )
                columns = codec.operation_columns(operation) | {
                    "response_status": None,
                    "response_body": None,
                }
                connection.execute(self._sql["settle_operation"], columns)
            return len(rows)

        return await self._writer.run(work)

    async def order(self, order_id: str) -> StoredOrder | None:
        """Return one order."""
        row = await self._row("order_by_id", {"id": order_id})
        return StoredOrder(codec.decode_order(row[0]), row[1]) if row else None

    async def orders(self, query: OrderQuery) -> list[OrderRecord]:
        """Return up to ``limit + 1`` orders."""
        sql, parameters = search.orders(query)
        rows = await self._rows(sql, parameters)
        return search.in_order([codec.decode_order(row[0]) for row in rows], query.ending_before)

    async def refresh(self, record: OrderRecord, revision: int) -> StoredOrder:
        """Keep what the provider said, unless the row has changed since."""

        def work(connection: sqlite3.Connection) -> StoredOrder:
            row = connection.execute(self._sql["order_by_id"], {"id": record.id}).fetchone()
            if row[1] != revision:
                return StoredOrder(codec.decode_order(row[0]), row[1])
            connection.execute(self._sql["save_order"], codec.order_columns(record))
            return StoredOrder(record, revision + 1)

        return await self._writer.run(work)

    async def adopt(self, record: OrderRecord) -> OrderRecord:
        """Keep an order that was made elsewhere, unless it is known already."""

        def work(connection: sqlite3.Connection) -> OrderRecord:
            parameters = {"account": record.account, "provider_order_id": record.seen.provider_order_id}
            row = connection.execute(self._sql["adopted_order"], parameters).fetchone()
            if row is not None:
                return codec.decode_order(row[0])
            connection.execute(self._sql["save_order"], codec.order_columns(record))
            return record

        return await self._writer.run(work)

    async def adopted(self, account: str, provider_order_ids: Iterable[str]) -> dict[str, OrderRecord]:
        """Return, by the provider's id, those orders of an account that the gateway knows."""
        wanted = list(provider_order_ids)

        def work(connection: sqlite3.Connection) -> dict[str, OrderRecord]:
            found = {}
            for native in wanted:
                parameters = {"account": account, "provider_order_id": native}
                row = connection.execute(self._sql["adopted_order"], parameters).fetchone()
                if row:
                    found[native] = codec.decode_order(row[0])
            return found

        return await self._read(work)

    async def put_links(self, key: LinkKey, links: Links) -> None:
        """Set what one id is called at the named accounts."""
        rows = [
            {**msgspec.structs.asdict(key), "account": account, "native": native}
            for account, native in links.items()
        ]
        await self._writer.run(lambda connection: connection.executemany(self._sql["put_link"], rows))

    async def links(self, key: LinkKey) -> Links:
        """Return what one id is called at every account."""
        rows = await self._rows(self._sql["links_of_id"], msgspec.structs.asdict(key))
        return {str(account): str(native) for account, native in rows}

    async def delete_links(self, key: LinkKey) -> bool:
        """Forget an id's links."""
        parameters = msgspec.structs.asdict(key)

        def work(connection: sqlite3.Connection) -> bool:
            return connection.execute(self._sql["delete_links"], parameters).rowcount > 0

        return await self._writer.run(work)

    async def native_ids(
        self, merchant: str, world: World, account: str, ids: Iterable[tuple[LinkKind, str]]
    ) -> dict[tuple[LinkKind, str], str]:
        """Return what the ids are called at one account."""
        wanted = set(ids)
        if not wanted:
            return {}

        def work(connection: sqlite3.Connection) -> dict[tuple[LinkKind, str], str]:
            found = {}
            for kind, identifier in wanted:
                parameters = {
                    "merchant": merchant,
                    "world": world,
                    "account": account,
                    "kind": kind,
                    "id": identifier,
                }
                row = connection.execute(self._sql["native_id"], parameters).fetchone()
                if row:
                    found[kind, identifier] = str(row[0])
            return found

        return await self._read(work)

    async def merchant_id(
        self, merchant: str, world: World, account: str, kind: LinkKind, native: str
    ) -> str | None:
        """Return which of the merchant's ids is called so at one account."""
        parameters = {
            "merchant": merchant,
            "world": world,
            "account": account,
            "kind": kind,
            "native": native,
        }
        row = await self._row("merchant_id", parameters)
        return str(row[0]) if row else None

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Keep an API key by its hash."""
        parameters = {"id": key.id, "secret_hash": secret_hash, "record": codec.encode(key)}
        await self._writer.run(lambda connection: connection.execute(self._sql["add_key"], parameters))

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        """Return the key with this hash."""
        row = await self._row("find_key", {"secret_hash": secret_hash})
        return codec.decode_key(row[0]) if row else None

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        return [codec.decode_key(row[0]) for row in await self._rows(self._sql["all_keys"], {})]

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Revoke a key."""

        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(self._sql["key_by_id"], {"id": key_id}).fetchone()
            if row is None:
                return False
            key = msgspec.structs.replace(codec.decode_key(row[0]), revoked_at=now)
            parameters = {"id": key_id, "record": codec.encode(key), "revoked_at": codec.milliseconds(now)}
            connection.execute(self._sql["replace_key"], parameters)
            return True

        return await self._writer.run(work)

    async def ping(self) -> None:
        """Return if the store answers."""
        await self._row("ping", {})

    def _claim(self, connection: sqlite3.Connection, intent: Intent) -> Claim:
        operation = intent.operation
        existing = self._existing(connection, operation)
        if existing is not None and existing.operation.expired(intent.since):
            connection.execute(self._sql["expire_key"], {"id": existing.operation.id})
            existing = None
        if existing is not None and not _is_next_attempt(existing, operation):
            return existing
        obstacle = self._obstacle(connection, intent)
        if obstacle is not None:
            return obstacle
        statement = "insert_operation" if existing is None else "reopen_operation"
        connection.execute(self._sql[statement], codec.intent_columns(intent))
        return Claimed(operation)

    def _existing(self, connection: sqlite3.Connection, operation: Operation) -> Existing | None:
        if operation.key is None:
            return None
        columns = codec.operation_columns(operation)
        row = connection.execute(self._sql["operation_by_key"], columns).fetchone()
        if row is None:
            return None
        response = None if row[1] is None else StoredResponse(status=row[1], body=row[2])
        return Existing(codec.decode_operation(row[0]), response)

    def _obstacle(self, connection: sqlite3.Connection, intent: Intent) -> Duplicate | Busy | Stale | None:
        operation = intent.operation
        if operation.reference is not None:
            parameters = codec.operation_columns(operation) | {
                "since": codec.milliseconds(intent.since),
                "unknown_only": int(intent.allow_duplicate),
            }
            row = connection.execute(self._sql["operation_by_reference"], parameters).fetchone()
            if row is not None:
                return Duplicate(codec.decode_operation(row[0]))
        row = connection.execute(self._sql["unsettled_operation"], {"order_id": operation.order}).fetchone()
        if row is not None:
            return Busy(codec.decode_operation(row[0]))
        if intent.revision is None:
            return None
        row = connection.execute(self._sql["order_revision"], {"id": operation.order}).fetchone()
        return None if row is not None and row[0] == intent.revision else Stale()

    async def _row(self, statement: str, parameters: dict[str, Any]) -> Any:
        sql = self._sql[statement]
        return await self._read(lambda connection: connection.execute(sql, parameters).fetchone())

    async def _rows(self, sql: str, parameters: dict[str, Any]) -> list[Any]:
        return await self._read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, lambda: work(self._reading_connection()))
        except sqlite3.Error as error:
            raise JournalUnavailableError(f"SQLite: {error}") from error

    def _reading_connection(self) -> sqlite3.Connection:
        """One connection per thread: a shared one would keep an old snapshot."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self._path)
            self._opened.append(connection)
            connection.execute("PRAGMA query_only = 1")
        return connection


def _is_next_attempt(existing: Existing, wanted: Operation) -> bool:
    """Whether a repeat of the key may send again: nothing happened, and the answer was not one to keep."""
    before = existing.operation
    return (
        before.id == wanted.id
        and before.state == "failed"
        and existing.response is None
        and len(before.attempts) + 1 == len(wanted.attempts)
    )


def _serve_alone(path: Path) -> TextIO:
    """Lock a file beside the database; the lock ends with the process, however it ends."""
    try:
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        raise JournalUnavailableError(f"SQLite cannot use {path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise JournalUnavailableError(
            f"Another process serves from {path}; one SQLite file has one server. Stop it, or use another file."
        ) from error
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _upgrade(path: Path) -> None:
    try:
        connection = _connect(path)
        try:
            _apply_migrations(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise JournalUnavailableError(f"SQLite cannot use {path}: {error}") from error


def _apply_migrations(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = migrations()[-1][0]
    if version > newest:
        raise JournalUnavailableError(
            f"{path} has schema {version}, made by a later release; this one knows up to {newest}. "
            "Run the release that upgraded it."
        )
    for number, script in migrations():
        if number > version:
            for statement in script:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
    connection.execute("COMMIT")
