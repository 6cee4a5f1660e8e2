"""The journal on PostgreSQL: any number of processes on any number of hosts serve from one database.

Every transaction runs at READ COMMITTED. Unique rows decide which process has a key or an order. If two processes
conflict, the database reports it to one of them, which runs its transaction again and then sees the other's changes.
"""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import asyncpg
import structlog

from ordergate.journal.errors import JournalUnavailableError, ListTooSlowError
from ordergate.journal.journal import LIST_SECONDS, Journal
from ordergate.journal.statements import migrations, newer_schema, statements
from ordergate.journal.stores.conninfo import ConninfoError, Target, file_error, target_of
from ordergate.journal.stores.postgresql_pool import Pool
from ordergate.journal.stores.postgresql_statements import (
    Part,
    UsualCourse,
    columns_of_usual_row,
    combined,
    numbered,
    usual_course,
    values,
)
from ordergate.journal.transaction import Batch, Query, RolledBack, Rows, Steps, Transaction
from ordergate.telemetry.log import journal_time

T = TypeVar("T")

_PATIENCE = 5.0
"""Seconds that a call waits for a connection."""
_COMMAND_SECONDS = 15
_RUNS = 12
_SHARE_OF_LISTS = 3
"""Of so many connections lists have one, so that writes and short reads find one while lists take long."""
_OF_A_LIST = (
    f"SET LOCAL statement_timeout = {LIST_SECONDS * 1000:.0f}; SET LOCAL plan_cache_mode = force_custom_plan"
)
"""A list's filters find all rows or none: a plan that is made for any of them reads all rows to find none."""
_READ_ONLY_RUNS = 3
"""How often a write runs on connections to servers that cannot write."""
_REPLACED_EVERY = 1.0
"""Minimum seconds between two replacements of all connections. While no server can write, reads still work."""

_STATEMENTS_CACHED = 100
_ROOM_AGAIN = 0.05
"""Seconds until a call tries again to get a connection, if the server has no free slot."""

_IDLE_SECONDS = 5
"""Seconds that the server lets an open transaction wait for its next statement.

So the locks of a host that died are free well before its lease ends. A living process waits milliseconds.
"""
_SESSION = {
    "idle_in_transaction_session_timeout": _IDLE_SECONDS * 1000,
    "statement_timeout": _COMMAND_SECONDS * 1000,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Upper limits for the settings of each session; lower values of an administrator stay.

Zero is no limit. Some servers and platforms do not have all of these settings.
"""
_TIMEOUTS = ("idle_in_transaction_session_timeout", "statement_timeout")
_DURABLE = "SELECT set_config('synchronous_commit', 'on', {local}) WHERE current_setting('synchronous_commit') = 'off'"
"""A database, or a role, may be set to acknowledge commits that a crash forgets."""
_LIMITS = """
SELECT set_config(name, most::text, false) FROM pg_settings JOIN (VALUES {settings}) AS wanted (name, most) USING (name)
WHERE CASE WHEN vartype = 'integer' THEN setting::bigint NOT BETWEEN 1 AND most END
"""
_AT_MOST = """
SELECT set_config('{name}', '{most}', true)
WHERE extract(epoch FROM current_setting('{name}')::interval) * 1000 NOT BETWEEN 1 AND {most}
"""
_OF_TRANSACTION = "; ".join(
    [
        "BEGIN ISOLATION LEVEL READ COMMITTED",
        *(_AT_MOST.format(name=name, most=_SESSION[name]) for name in _TIMEOUTS),
        _DURABLE.format(local="true"),
    ]
)
"""Starts a transaction behind a pooler, whose connections do not keep settings between transactions."""

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


_CONNECTIONS_ALLOWED = """
SELECT least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
             nullif(datconnlimit, -1), nullif(rolconnlimit, -1))
FROM pg_database, pg_roles WHERE datname = current_database() AND rolname = current_user
"""

_log = structlog.get_logger("ordergate.journal")


class _Connection(asyncpg.Connection):
    """A connection that exposes its socket: the driver has no socket options."""

    def __init__(self, protocol: Any, transport: Any, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.socket = transport.get_extra_info("socket")


class _Connector:
    """Makes connections, each ready to be used.

    Attributes:
        pooled: A pooler is in front of the server. With transaction pooling, each transaction may use another session,
            so no prepared statement and no setting outlives a transaction.
    """

    def __init__(self, target: Target, *, session: Mapping[str, int]) -> None:
        """Connect to this target, with these limits on each session."""
        self._target = target
        settings = ", ".join(f"('{name}', {most})" for name, most in session.items())
        self._settings = f"{_LIMITS.format(settings=settings)}; {_DURABLE.format(local='false')}"
        self.pooled = False

    async def connect(self, *_: Any, command_timeout: float | None = None, **__: Any) -> Any:
        """Connect. Of the pool's arguments, only the command timeout is used.

        Raises:
            JournalUnavailableError: It is not possible.
        """
        connection = await asyncpg.connect(
            self._target.url,
            timeout=self._target.connect_seconds,
            command_timeout=command_timeout,
            statement_cache_size=0 if self.pooled else _STATEMENTS_CACHED,
            connection_class=_Connection,
            **self._target.options,
        )
        try:
            async with asyncio.timeout(self._target.connect_seconds):
                direct = await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        if direct or self.pooled:
            return connection
        connection.terminate()
        self.pooled = True
        _log.info(
            "journal.pooler", detail="A pooler is in front of PostgreSQL; statements are not prepared ahead."
        )
        return await self.connect(command_timeout=command_timeout)

    async def pool(self, *, least: int, most: int) -> Pool:
        """Make a pool of such connections."""
        pool = await asyncpg.create_pool(
            min_size=least,
            max_size=most,
            connect=self.connect,
            connection_class=_Connection,
            command_timeout=_COMMAND_SECONDS,
            reset=_reset_nothing,
        )
        return Pool(pool)

    async def _prepare(self, connection: Any) -> bool:
        """Set the session's settings; return whether the other end is the server itself, not a pooler."""
        if connection.socket.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                for option in self._target.socket_options:
                    connection.socket.setsockopt(*option)
        # A pooler answers a connection itself, and gives a number of its own for that of the server's process. The
        # statement has no name: behind a pooler another client may have prepared one of the same name.
        asked = await connection.prepare("SELECT pg_backend_pid()", name="")
        direct = bool(await asked.fetchval() == connection.get_server_pid())
        if direct:
            await connection.execute(self._settings)
        return direct


class PostgresqlJournal(Journal):
    """A journal in one database."""

    def __init__(self, pool: Pool, checks: Pool, connector: _Connector) -> None:
        """Use a pool of connections to an upgraded database, and one for health checks; see :meth:`open`."""
        self._pool = pool
        self._checks = checks
        self._connector = connector
        self._lists = asyncio.Semaphore(max(pool.size // _SHARE_OF_LISTS, 1))
        self._sql = statements("postgresql")
        self._writing: set[asyncio.Task[Any]] = set()
        self._crowd = asyncio.Lock()
        self._replaced_at = 0.0

    @classmethod
    async def open(cls, url: str, *, connections: int = 10) -> "PostgresqlJournal":
        """Connect, creating or upgrading the schema.

        Args:
            url: ``postgresql://…``, or ``host=… dbname=…``, in any form that libpq takes.
            connections: How many at most.

        Raises:
            JournalUnavailableError: The database cannot be reached, or a later release has upgraded it.
        """
        await upgrade(url)
        target = _target(url)
        for warning in target.warnings:
            _log.warning("journal.weaker", detail=warning)
        connector = _Connector(target, session=_SESSION)
        try:
            pool, checks = [
                await _retry_without_slot(partial(connector.pool, least=least, most=most))
                for least, most in ((1, connections), (0, 1))
            ]
        except (*_FAILURES, ValueError) as error:
            raise _unavailable(error) from error
        return cls(pool, checks, connector)

    async def close(self) -> None:
        """Finish the writes under way, and disconnect."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_COMMAND_SECONDS)
        for pool in (self._pool, self._checks):
            try:
                await asyncio.wait_for(pool.close(), _PATIENCE)
            except TimeoutError:
                pool.terminate()

    async def connections_allowed(self) -> int | None:
        """Return the strictest limit of server, database and role; None behind a pooler, which has its own."""
        if self._connector.pooled:
            return None
        try:
            async with self._connection(self._pool) as connection:
                return int(await connection.fetchval(_CONNECTIONS_ALLOWED))
        except _FAILURES as error:
            raise _unavailable(error) from error

    def waiting_writes(self) -> int:
        """Return how many writes wait for a connection, or have one and are not durable yet."""
        return len(self._writing)

    @journal_time("write")
    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction, and make it durable.

        Raises:
            JournalUnavailableError: The database failed. After a lost connection the commit may have happened.
        """
        # A cancelled caller does not stop the write: it may be just about to be durable.
        task = asyncio.create_task(self._run(transaction))
        self._writing.add(task)
        task.add_done_callback(self._finished)
        result = await asyncio.shield(task)
        self._written(transaction)
        return result

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as seen: the caller may be gone

    async def _run(self, transaction: Transaction[T]) -> T:
        pool = self._checks if transaction.apart else self._pool
        read_only = 0
        for run in range(_RUNS):
            try:
                async with self._connection(pool) as connection:
                    return await self._transact(connection, transaction)
            except RolledBack as undone:
                result: T = undone.result
                return result
            except _ANOTHER_WAS_FASTER:
                await asyncio.sleep(random.uniform(0, 0.01) * run)  # noqa: S311 - it decides nothing
            except asyncpg.ReadOnlySQLTransactionError as error:
                read_only += 1
                if read_only == _READ_ONLY_RUNS:
                    raise _unavailable(error) from error
            except _FAILURES as error:
                raise _unavailable(error) from error
        raise JournalUnavailableError("PostgreSQL: other processes were faster each time")

    @journal_time("read")
    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction that changes nothing.

        Raises:
            JournalUnavailableError: The database failed.
            ListTooSlowError: A page of a list took longer than its limit.
        """
        if transaction.listed:
            return await self._list(transaction)
        try:
            async with self._connection(self._pool) as connection:
                return await self._carry_out(connection, iter(transaction))
        except _FAILURES as error:
            raise _unavailable(error) from error

    async def _list(self, transaction: Transaction[T]) -> T:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                await self._lists.acquire()
        except TimeoutError as error:
            raise ListTooSlowError(LIST_SECONDS) from error
        try:
            async with self._connection(self._pool) as connection, connection.transaction(readonly=True):
                await connection.execute(_OF_A_LIST)
                return await self._carry_out(connection, iter(transaction))
        except asyncpg.QueryCanceledError as error:
            raise ListTooSlowError(LIST_SECONDS) from error
        except _FAILURES as error:
            raise _unavailable(error) from error
        finally:
            self._lists.release()

    @asynccontextmanager
    async def _connection(self, pool: Pool) -> AsyncIterator[Any]:
        """Have a connection for a while.

        A connection that breaks during a statement is closed. So is a connection to a server that cannot write: after a
        failover another server can, and no older connection is certain to lead there.
        """
        pool, connection = await self._acquired(pool)
        clean = False
        try:
            yield connection
            clean = True
        except asyncpg.InternalClientError:
            connection.terminate()
            raise
        except asyncpg.ReadOnlySQLTransactionError:
            connection.terminate()
            await self._replace_connections()
            raise
        finally:
            await pool.release(connection, clean=clean)

    async def _replace_connections(self) -> None:
        """Close all present connections after their use.

        The read-only answers of the same moment cause one replacement.
        """
        if time.monotonic() - self._replaced_at > _REPLACED_EVERY:
            self._replaced_at = time.monotonic()
            for pool in (self._pool, self._checks):
                await pool.expire_connections()

    async def _acquired(self, pool: Pool) -> tuple[Pool, Any]:
        """Wait for a connection; return it, and the pool that it belongs to.

        If the server has no slot for another connection, callers wait for the present ones, one after the other.
        """
        kept = pool.take_kept()
        if kept is not None:
            return pool, kept
        try:
            with pool.waiting(), self._pool.waiting():
                async with asyncio.timeout(_PATIENCE):
                    with contextlib.suppress(asyncpg.TooManyConnectionsError):
                        return pool, await pool.acquire()
                    async with self._crowd:
                        return self._pool, await _retry_without_slot(self._pool.acquire)
        except TimeoutError as error:
            raise JournalUnavailableError(
                f"PostgreSQL: no connection became free, and none could be opened, within {_PATIENCE:g} s"
            ) from error

    async def _transact(self, connection: Any, transaction: Transaction[T]) -> T:
        """Carry out, and commit. One statement commits itself, which spares two round trips."""
        steps = iter(transaction)
        rows: Rows | None = None
        try:
            query = next(steps)
            if isinstance(query, Query) and not self._connector.pooled:
                if query.single_statement:
                    rows = await self._ask(connection, query)
                    if rows:
                        steps.send(rows)
                        raise RuntimeError("a query follows a single statement")
                elif query.usual is not None:
                    course = usual_course(steps, query)
                    if course is not None and await self._takes_course(connection, course):
                        result: T = course.result
                        return result
                    steps = iter(transaction)
                    query = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        async with self._transaction(connection):
            if rows is None:
                rows = await self._ask(connection, query)
            return await self._carry_out(connection, steps, rows)

    async def _takes_course(self, connection: Any, course: UsualCourse) -> bool:
        """Send all queries as one statement; False if an answer is not the usual one: nothing changes then."""
        parts = (Part(self._text(each), columns_of_usual_row(each)) for each in course.queries)
        sql, given = combined(tuple(parts))
        try:
            return bool(await connection.fetch(sql, *values(course.queries, given)))
        except asyncpg.DivisionByZeroError:
            return False

    @asynccontextmanager
    async def _transaction(self, connection: Any) -> AsyncIterator[None]:
        if not self._connector.pooled:
            async with connection.transaction(isolation="read_committed"):
                yield
            return
        await connection.execute(_OF_TRANSACTION)
        try:
            yield
        except BaseException:
            with contextlib.suppress(*_FAILURES):
                await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")

    async def _carry_out(self, connection: Any, steps: Steps[T], rows: Rows | None = None) -> T:
        try:
            while True:
                query = next(steps) if rows is None else steps.send(rows)
                rows = await self._ask(connection, query)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _ask(self, connection: Any, query: Query | Batch) -> Rows:
        sql, names = numbered(self._text(query))
        if isinstance(query, Batch):
            await connection.execute(sql, *([each[name] for each in query.parameters] for name in names))
            return []
        rows: Rows = await connection.fetch(sql, *(query.parameters[name] for name in names))
        return rows

    def _text(self, query: Query | Batch) -> str:
        if isinstance(query, Batch):
            return self._sql[f"{query.statement}_batch"]
        return self._sql.get(query.statement, query.statement)


async def _reset_nothing(_connection: Any) -> None:
    """The driver ends an open transaction by itself; nothing else is left behind that was worth a round trip.

    The driver's own reset would also reset the settings of the session.
    """


async def upgrade(url: str) -> tuple[int, int]:
    """Create a database's schema or bring it up to date; return its version before, 0 for none, and now.

    Safe when several processes do so at once: one row is locked, and the others then find nothing to do.

    Raises:
        JournalUnavailableError: The database cannot be reached, or a later release has upgraded it.
    """
    # An upgrade may read a whole table, so its statements have no timeout.
    limits = {name: most for name, most in _SESSION.items() if name != "statement_timeout"}
    connector = _Connector(_target(url), session=limits)
    try:
        connection = await _retry_without_slot(connector.connect)
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
        with contextlib.suppress(*_FAILURES):
            await connection.close(timeout=_PATIENCE)


def _target(url: str) -> Target:
    try:
        found = file_error(url)
        if found is not None:
            raise JournalUnavailableError(f"PostgreSQL: {found}")
        return target_of(url)
    except ValueError as error:
        raise _unavailable(error) from error


async def _retry_without_slot(connect: Callable[[], Awaitable[T]]) -> T:
    """Connect; if the server has no slot left, wait for one: others may be about to end, as in a rolling deploy."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return await connect()
        except asyncpg.TooManyConnectionsError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_ROOM_AGAIN)


async def _make_version_table(connection: Any) -> None:
    """Create the table. If two processes do so at once, one fails despite IF NOT EXISTS, and tries again."""
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


def _unavailable(error: Exception) -> JournalUnavailableError:
    """Return the failure without the URL, which may contain a password."""
    if isinstance(error, JournalUnavailableError):
        return error
    if isinstance(error, ConninfoError):
        return JournalUnavailableError(f"PostgreSQL: {error}")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return JournalUnavailableError(
            f"PostgreSQL: this server cannot write ({error}); name every server in the URL, with "
            "target_session_attrs=read-write, and the one that can is found"
        )
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return JournalUnavailableError(
            f"PostgreSQL: {error}; the server, its database or its role allows fewer connections than all processes "
            "have together ([store] connections of each)"
        )
    if isinstance(error, ValueError) and not isinstance(
        error, asyncpg.PostgresError | asyncpg.InterfaceError
    ):
        # It quotes the part of the URL that makes no sense, and that is often half of a password.
        return JournalUnavailableError(
            "PostgreSQL: the URL is not understood; in a user name or a password write / as %2F, # as %23, ? as %3F, "
            "@ as %40"
        )
    return JournalUnavailableError(f"PostgreSQL: {str(error) or type(error).__name__}")
