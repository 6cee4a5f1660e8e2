"""The processes: emulators, gateway nodes that are killed again and again, and a database that loses connections."""

import asyncio
import contextlib
import json
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from tests.postgresql import Server, _execute, start
from tests.scenarios.shop import Command, Emulator

from campaigns.chaos.logs import LogPipe
from campaigns.chaos.plan import Outage, Plan
from ordergate.gateway.accounts.registry import installed_adapters


class Node:
    """One gateway process on a port of its own, and its successors there."""

    def __init__(self, number: int, port: int, config: Path, folder: Path) -> None:
        self.number = number
        self.port = port
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills = 0
        self.stops = 0
        self._config = config
        self._log = folder / f"node-{number}.log"
        self.log_pipe = LogPipe(self._log)
        self._command: Command | None = None

    async def up(self) -> float:
        """Start it, as often as it takes: the database may be away. Return the seconds until it served."""
        while True:
            began = time.monotonic()
            with self.log_pipe.writing() as stderr:
                self._command = Command(
                    self._log,
                    *("serve", "--config", str(self._config), "--port", str(self.port)),
                    *("--announce", "--stop-with-stdin"),
                    stderr=stderr,
                )
            try:
                await asyncio.to_thread(self._command.line)
            except AssertionError:
                self._command.kill()
                await asyncio.sleep(0.2)
            else:
                return time.monotonic() - began

    def kill(self) -> None:
        """End the process in the middle of its work."""
        if self._command is not None:
            self._command.kill()
            self.kills += 1

    async def stop(self) -> None:
        """Ask it to end, as a new release would, and wait until it has."""
        await asyncio.to_thread(self.end)
        self.stops += 1

    def end(self) -> None:
        """End it in order."""
        if self._command is not None:
            self._command.end()
            self._command = None


class Database:
    """A PostgreSQL server, and the ways in which it fails its clients."""

    def __init__(self, server: Server) -> None:
        self._server = server
        owned = server.new_database()
        self._name = urlsplit(owned).path.removeprefix("/")
        self._role = f"ordergate_chaos_{secrets.token_hex(4)}"  # no superuser, who has a slot always
        _execute(server.url, f"CREATE ROLE {self._role} LOGIN")
        _execute(server.url, f'ALTER DATABASE "{self._name}" OWNER TO {self._role}')
        self.url = urlsplit(owned)._replace(netloc=f"{self._role}@").geturl()
        self.cut = 0
        self.restarts = 0
        self.outages: Counter[str] = Counter()

    def drop(self) -> None:
        """Leave nothing on a server that is not ours."""
        if not self._server.owned:
            self._server.drop_database(self.url)
            _execute(self._server.url, f"DROP ROLE {self._role}")

    async def cut_some(self, draw: random.Random) -> None:
        """End some of the connections to the journal."""
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection = await asyncpg.connect(self._server.url, timeout=5)
            try:
                rows = await connection.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE datname = $1 ORDER BY pid", self._name
                )
                for (process,) in rows:
                    if draw.random() < 0.5:
                        await connection.execute("SELECT pg_terminate_backend($1)", process)
                        self.cut += 1
            finally:
                await connection.close()

    async def suffer(self, outage: Outage, seconds: float) -> None:
        """Be reachable, and of no use for so long: read-only as after a failover, or with no slot to connect by."""
        begin, end = {
            "read-only": (
                f'ALTER DATABASE "{self._name}" SET default_transaction_read_only = on',
                f'ALTER DATABASE "{self._name}" RESET default_transaction_read_only',
            ),
            "no slots": (
                f"ALTER ROLE {self._role} CONNECTION LIMIT 1",
                f"ALTER ROLE {self._role} CONNECTION LIMIT -1",
            ),
        }[outage]
        await self._insist(begin)
        await self._insist(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'"
        )
        try:
            await asyncio.sleep(seconds)
            self.outages[outage] += 1
        finally:
            await self._insist(end)

    async def _insist(self, statement: str) -> None:
        """Run a statement as the administrator, however often the server is killed meanwhile."""
        while True:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                connection = await asyncpg.connect(self._server.url, timeout=5)
                try:
                    await connection.execute(statement)
                finally:
                    await connection.close()
                return
            await asyncio.sleep(0.2)

    def crash(self) -> None:
        """Kill the server and start it again: every confirmed commit must still be there."""
        if self._server.owned:
            self._server.kill()
            self._server.restart()
            self.restarts += 1


@contextlib.contextmanager
def compiled(folder: Path) -> Iterator[None]:
    """Keep the compiled modules of the processes: compiling would be most of a node's work."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(folder / "compiled"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def database(plan: Plan) -> Iterator[Database | None]:
    """Start a PostgreSQL server if the plan is for one."""
    if plan.store != "postgres":
        yield None
        return
    with start() as server:
        store = Database(server)
        try:
            yield store
        finally:
            store.drop()


@contextlib.contextmanager
def emulators(folder: Path, seed: int) -> Iterator[Mapping[str, Emulator]]:
    """Start every installed provider's emulator."""
    with contextlib.ExitStack() as stack:
        running = {}
        for name in sorted(installed_adapters()):
            command = Command(
                folder / f"{name}.log",
                *("emulate", name, "--seed", str(seed), "--json", "--stop-with-stdin"),
            )
            stack.callback(command.end)
            running[name] = Emulator(json.loads(command.line()))
            stack.callback(running[name].close)
        yield running


@contextlib.asynccontextmanager
async def killed(node: Node, plan: Plan) -> AsyncIterator[None]:
    """Kill a node again and again; at the end it is up."""
    stop = asyncio.Event()
    task = asyncio.create_task(_kill_again_and_again(node, plan, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def _kill_again_and_again(node: Node, plan: Plan, stop: asyncio.Event) -> None:
    draw = random.Random(f"{plan.seed}/node {node.number}")
    took = 0.0
    while not stop.is_set():
        # On a machine that is so busy that a node needs long to start, it lives as long as it took.
        lives = max(draw.uniform(*plan.uptime), took)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), lives)
            return
        if draw.random() < plan.orderly:
            await node.stop()
        else:
            node.kill()
        took = await node.up()


@contextlib.asynccontextmanager
async def disconnected(store: Database | None, plan: Plan) -> AsyncIterator[None]:
    """Cut connections to the database now and then."""
    if store is None:
        yield
        return
    task = asyncio.create_task(_cut_now_and_then(store, plan))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _cut_now_and_then(store: Database, plan: Plan) -> None:
    draw = random.Random(f"{plan.seed}/database")
    while True:
        await asyncio.sleep(draw.uniform(1.5, 4.0))
        await store.cut_some(draw)


@contextlib.asynccontextmanager
async def of_no_use(store: Database | None, plan: Plan) -> AsyncIterator[None]:
    """Let the database suffer one outage after the other; at the end it has suffered each kind, and is well."""
    if store is None or not plan.outages:
        yield
        return
    enough = asyncio.Event()
    task = asyncio.create_task(_suffer_in_turn(store, plan, enough))
    try:
        yield
    finally:
        enough.set()
        await task


async def _suffer_in_turn(store: Database, plan: Plan, enough: asyncio.Event) -> None:
    draw = random.Random(f"{plan.seed}/outages")
    for outage in plan.outages:
        if enough.is_set() and store.outages[outage]:
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), draw.uniform(*plan.between_outages))
        await store.suffer(outage, draw.uniform(*plan.outage_seconds))
