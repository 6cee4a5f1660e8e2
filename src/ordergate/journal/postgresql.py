"""The journal on PostgreSQL: any number of processes on any number of hosts serve from one database.

Every transaction runs at READ COMMITTED. Unique rows decide who has a key or an order; where two processes meet,
one is told so by the database and runs its transaction again, when it sees what the other has done.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

import asyncpg

from ordergate.gateway.ports import JournalUnavailableError, ListTooSlowError
from ordergate.journal.conversation import Batch, Query, RolledBack, Rows, Transaction
from ordergate.journal.sql_events import LIST_SECONDS
from ordergate.journal.sql_journal import SqlJournal
from ordergate.journal.statements import migrations, newer_schema, statements
from ordergate.observability import journal_time

T = TypeVar("T")

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's clock: that of a process would make its leases longer or shorter than others think."""
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_CONNECT_SECONDS = 5
_COMMAND_SECONDS = 15
_RUNS = 12
_SHARE_OF_LISTS = 3
"""Of so many connections lists have one, so that writes and short reads find one while lists take long."""
_OF_A_LIST = (
    f"SET LOCAL statement_timeout = {LIST_SECONDS * 1000:.0f}; SET LOCAL plan_cache_mode = force_custom_plan"
)
"""A list's filters find all rows or none: a plan that is made for any of them reads all rows to find none."""

_ANOTHER_WAS_FASTER = (
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
_FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that breaks at the wrong moment comes to this, too
    asyncpg.ClientConfigurationError,
    OSError,
    TimeoutError,
)


class PostgresqlJournal(SqlJournal):
    """A journal in one database."""

    def __init__(self, pool: "asyncpg.Pool[Any]", check: "asyncpg.Pool[Any]") -> None:
        """Use a pool of connections to a database whose schema is up to date, and one for checks; see :meth:`open`."""
        self._pool = pool
        self._checks = check
        self._lists = asyncio.Semaphore(max(pool.get_max_size() // _SHARE_OF_LISTS, 1))
        self._sql = statements("postgresql")
        self._writing: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, url: str, *, connections: int = 10) -> "PostgresqlJournal":
        """Connect, creating or upgrading the schema.

        Args:
            url: ``postgresql://…`` in any form that libpq takes.
            connections: How many at most.

        Raises:
            JournalUnavailableError: The database cannot be reached, or a later release has upgraded it.
        """
        await upgrade(url)
        try:
            pool, check = [
                await asyncpg.create_pool(
                    url,
                    min_size=least,
                    max_size=most,
                    timeout=_CONNECT_SECONDS,
                    command_timeout=_COMMAND_SECONDS,
                    init=_be_durable,
                    reset=_reset_nothing,
                )
                for least, most in ((1, connections), (0, 1))
            ]
        except (*_FAILURES, ValueError) as error:
            raise _unavailable(error) from error
        return cls(pool, check)

    async def close(self) -> None:
        """Finish what is under way and disconnect."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_COMMAND_SECONDS)
        for pool in (self._pool, self._checks):
            try:
                await asyncio.wait_for(pool.close(), _CONNECT_SECONDS)
            except TimeoutError:
                pool.terminate()

    def waiting_writes(self) -> int:
        """Return how many writes wait for a connection, or have one and are not durable yet."""
        return len(self._writing)

    @journal_time("write")
    async def _write(self, begin: Callable[[], Transaction[T]]) -> T:
        # A caller that goes away does not stop the write: it may be just about to be durable.
        task = asyncio.create_task(self._run(begin))
        self._writing.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen: the caller may be gone

    async def _run(self, begin: Callable[[], Transaction[T]]) -> T:
        for run in range(_RUNS):
            try:
                async with self._connection() as connection:
                    return await self._transact(connection, begin())
            except RolledBack as undone:
                result: T = undone.result
                return result
            except _ANOTHER_WAS_FASTER:
                await asyncio.sleep(random.uniform(0, 0.01) * run)  # noqa: S311 - it decides nothing
            except _FAILURES as error:
                raise _unavailable(error) from error
        raise JournalUnavailableError("PostgreSQL: other processes were faster each time")

    @journal_time("read")
    async def _read(self, begin: Callable[[], Transaction[T]]) -> T:
        try:
            async with self._connection() as connection:
                return await self._carry_out(connection, begin())
        except _FAILURES as error:
            raise _unavailable(error) from error

    @journal_time("read")
    async def _list(self, begin: Callable[[], Transaction[T]]) -> T:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                await self._lists.acquire()
        except TimeoutError as error:
            raise ListTooSlowError(LIST_SECONDS) from error
        try:
            async with self._connection() as connection, connection.transaction(readonly=True):
                await connection.execute(_OF_A_LIST)
                return await self._carry_out(connection, begin())
        except asyncpg.QueryCanceledError as error:
            raise ListTooSlowError(LIST_SECONDS) from error
        except _FAILURES as error:
            raise _unavailable(error) from error
        finally:
            self._lists.release()

    async def _check(self, begin: Callable[[], Transaction[T]]) -> T:
        try:
            async with self._connection(self._checks) as connection:
                return await self._carry_out(connection, begin())
        except asyncpg.TooManyConnectionsError:
            return await self._read(begin)  # the server has no room for one more: one of the others answers
        except _FAILURES as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def _connection(self, pool: "asyncpg.Pool[Any] | None" = None) -> AsyncIterator[Any]:
        """Have a connection for a while; one that broke in the middle of something is not used again."""
        async with (pool or self._pool).acquire(timeout=_CONNECT_SECONDS) as connection:
            try:
                yield connection
            except asyncpg.InternalClientError:
                connection.terminate()
                raise

    async def _transact(self, connection: Any, transaction: Transaction[T]) -> T:
        """Carry out, and commit; one statement that is enough commits itself, which spares two round trips."""
        try:
            query: Query | Batch | None = next(transaction)
            rows: Rows = ()
            if isinstance(query, Query) and query.enough:
                rows, query = await self._ask(connection, query), None
                if rows:
                    transaction.send(rows)
                    raise RuntimeError("more follows a statement that was to be enough")
        except StopIteration as end:
            result: T = end.value
            return result
        async with connection.transaction(isolation="read_committed"):
            if query is not None:
                rows = await self._ask(connection, query)
            return await self._carry_out(connection, transaction, rows)

    async def _carry_out(self, connection: Any, transaction: Transaction[T], rows: Rows | None = None) -> T:
        try:
            while True:
                query = next(transaction) if rows is None else transaction.send(rows)
                rows = await self._ask(connection, query)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _ask(self, connection: Any, query: Query | Batch) -> Rows:
        if isinstance(query, Batch):
            sql, names = _numbered(self._sql[f"{query.statement}_batch"])
            await connection.execute(sql, *([each[name] for each in query.parameters] for name in names))
            return []
        sql, names = _numbered(self._sql.get(query.statement, query.statement))
        rows: Rows = await connection.fetch(sql, *(query.parameters[name] for name in names))
        return rows


async def _be_durable(connection: Any) -> None:
    """A database, or a role, may be set to acknowledge commits that a crash forgets."""
    if await connection.fetchval("SHOW synchronous_commit") == "off":
        await connection.execute("SET synchronous_commit = on")


async def _reset_nothing(_connection: Any) -> None:
    """The driver ends an open transaction by itself; nothing else is left behind that was worth a round trip.

    Its own way would also set back what :func:`_be_durable` has set.
    """


async def upgrade(url: str) -> tuple[int, int]:
    """Create a database's schema or bring it up to date; return its version before, 0 for none, and now.

    Safe when several processes do so at once: one row is locked, and the others then find nothing to do.

    Raises:
        JournalUnavailableError: The database cannot be reached, or a later release has upgraded it.
    """
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    except (*_FAILURES, ValueError) as error:
        raise _unavailable(error) from error
    try:
        await _make_version_table(connection)
        async with connection.transaction():
            version = await connection.fetchval("SELECT version FROM schema_version FOR UPDATE")
            newest = migrations("postgresql")[-1][0]
            if version > newest:
                raise JournalUnavailableError(newer_schema("The database", version, newest))
            for number, script in migrations("postgresql"):
                if number > version:
                    for statement in script:
                        await connection.execute(statement)
            await connection.execute("UPDATE schema_version SET version = $1", newest)
    except _FAILURES as error:
        raise _unavailable(error) from error
    else:
        return version, newest
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


async def _make_version_table(connection: Any) -> None:
    """IF NOT EXISTS alone does not save two that create at once: one of them then fails, and has to look again."""
    for _ in range(_RUNS):
        try:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_version "
                "(only_row INTEGER PRIMARY KEY CHECK (only_row = 1), version INTEGER NOT NULL)"
            )
            await connection.execute("INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING")
        except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
            await asyncio.sleep(0.05)
        else:
            return


@cache
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Named parameters to PostgreSQL's numbered ones, and the names in order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name == "now":
            return _NOW
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, sql), tuple(names)


def _unavailable(error: Exception) -> JournalUnavailableError:
    """Say what failed without the URL, which may hold a password."""
    if isinstance(error, JournalUnavailableError):
        return error
    if isinstance(error, ValueError) and not isinstance(
        error, asyncpg.PostgresError | asyncpg.InterfaceError
    ):
        # It quotes the part of the URL that makes no sense, and that is often half of a password.
        return JournalUnavailableError(
            "PostgreSQL: the URL is not understood; in a user name or a password write / as %2F, # as %23, ? as %3F, "
            "@ as %40"
        )
    return JournalUnavailableError(f"PostgreSQL: {str(error) or type(error).__name__}")
