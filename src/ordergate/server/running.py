"""The parts of a serving process: alone, or as one of several workers."""

import asyncio
import contextlib
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

from ordergate.console.plugin import Console
from ordergate.domain.errors import Problem
from ordergate.gateway.accounts.configuration import ConfigurationError
from ordergate.gateway.comparing.shadow import shadowing
from ordergate.gateway.inbound.poll import polling
from ordergate.gateway.inbound.resync import resyncing
from ordergate.gateway.operating.reload import answers_to_siblings, reload
from ordergate.gateway.operating.retention import pruning
from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.outbound.deliver import delivering
from ordergate.gateway.outbound.feed import outbox
from ordergate.gateway.runtime.key_use import recording_key_use
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.lease import leased
from ordergate.gateway.writes.recovery import recovering
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.listener.connections import Connections, Limits
from ordergate.listener.server import (
    Share,
    allow_open_files,
    collect_less,
    connections_within,
    server_of,
    stop_when_closed,
)
from ordergate.listener.siblings import UnixSiblings
from ordergate.listener.workers import Supervisor, Worker
from ordergate.server.bootstrap import open_gateway, open_journal
from ordergate.settings import Settings, load_settings
from ordergate.settings.keys import ServerSettings
from ordergate.telemetry.log import finish_log
from ordergate.web.app import create_app

Bind = Callable[[bool], socket.socket]
"""Binds the port; the allowed address depends on whether a key exists."""
Ready = Callable[[socket.socket], None]
"""Announces that the port is served."""
Guard = Callable[[Callable[[Worker], None]], Callable[[Worker], None]]
"""Makes a worker report its failure and exit with 1."""


class NoFolderError(Exception):
    """No directory can be made for the sockets between workers; the message names the cure."""


def serve_alone(settings: Settings, bind: Bind, ready: Ready, stops_with: int | None) -> None:
    """Be the only process that serves, until SIGTERM or SIGINT, or the end of a descriptor.

    Raises:
        JournalUnavailableError: The journal cannot be opened.
    """

    async def run() -> None:
        async with _running(settings) as runtime:
            with bind(bool(await runtime.journal.read(tx.keys.list_all()))) as listener:
                await _serve(runtime, settings, listener, lambda: ready(listener), stops_with)

    _run(run())


def serve_together(
    settings: Settings, count: int, bind: Bind, ready: Ready, stops_with: int | None, guard: Guard
) -> int:
    """Be the parent of `count` workers that serve from one socket; return the exit code.

    Raises:
        JournalUnavailableError: The journal cannot be opened.
        NoFolderError: The workers have no directory for the sockets between them.
    """
    in_force = settings

    def take_over() -> None:
        """A later worker starts with the configuration of the others."""
        nonlocal in_force
        with contextlib.suppress(ConfigurationError):
            in_force = load_settings(settings.file)

    def work(worker: Worker) -> None:
        _run(_work(in_force, listener, worker, Path(folder), shares))

    shares = Share.of_each(count)
    keys_exist = asyncio.run(_prepared(settings))
    with bind(keys_exist) as listener, _folder_for_sockets() as folder:
        supervisor = Supervisor(
            guard(work),
            count,
            on_ready=lambda: ready(listener),
            on_reload=take_over,
            on_end=lambda number: shares[number - 1].unpublish(),
            on_stop=listener.close,
            shutdown_timeout=settings.server.shutdown_timeout,
        )
        return supervisor.run(stops_with=stops_with)


def _folder_for_sockets() -> "tempfile.TemporaryDirectory[str]":
    """Make the folder in which workers ask each other."""
    try:
        return tempfile.TemporaryDirectory(prefix="ordergate-")
    except OSError as error:
        raise NoFolderError(
            "workers need a directory for the sockets between them: set TMPDIR to one that can be written to "
            f"(in a container, mount a tmpfs at /tmp), or serve with one worker ({error})"
        ) from error


async def _prepared(settings: Settings) -> bool:
    """Bring the journal's schema up to date, once for all workers; return whether any key exists."""
    journal = await open_journal(settings.store.url, connections=2)
    try:
        return bool(await journal.read(tx.keys.list_all()))
    finally:
        await journal.close()


async def _work(
    settings: Settings, listener: socket.socket, worker: Worker, folder: Path, shares: list[Share]
) -> None:
    share = shares[worker.number - 1]
    siblings = UnixSiblings(folder, worker.number, len(shares), lambda: worker.report("reloaded"))
    async with (
        _running(settings, worker) as runtime,
        siblings.answering(answers_to_siblings(runtime)),
    ):
        runtime.siblings = siblings
        await _serve(runtime, settings, listener, lambda: worker.report("ready"), worker.parent, share)


@contextlib.asynccontextmanager
async def _running(settings: Settings, worker: Worker | None = None) -> AsyncIterator[Runtime]:
    """Do everything that a process which serves does besides answering."""
    async with (
        open_gateway(settings, serving=True) as runtime,
        _following_the_dead(runtime, worker),
        leased(runtime, drain=settings.server.shutdown_timeout),
        recovering(runtime, failover_as_routed),
        outbox(runtime),
        delivering(runtime),
        resyncing(runtime),
        polling(runtime),
        pruning(runtime),
        shadowing(runtime),
        recording_key_use(runtime.workers, runtime.access.key_use, runtime.journal),
    ):
        yield runtime


@contextlib.asynccontextmanager
async def _following_the_dead(runtime: Runtime, worker: Worker | None) -> AsyncIterator[None]:
    """Be the node that the parent names, and release the operations of the dead predecessor before its lease ends."""
    if worker is not None:
        runtime.node = worker.node
        if worker.before is not None:
            await runtime.journal.write(tx.leases.release(worker.before))
    yield


async def _serve(
    runtime: Runtime,
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], None],
    stops_with: int | None,
    share: Share | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, or the end of a descriptor."""
    app = create_app(
        runtime,
        max_body_bytes=settings.server.max_body_bytes,
        root_path=settings.server.root_path,
        plugins=[Console()] if settings.server.console else [],
    )
    limits = limits_of(settings.server, connections_within(allow_open_files()))
    server = server_of(
        app,
        ready,
        protocol=Connections(limits, app.refuse).protocol,
        shutdown_timeout=settings.server.shutdown_timeout,
        on_stopping=lambda: runtime.work.end_within(settings.server.shutdown_timeout),
        share=share,
    )
    _reload_on_hangup(runtime)
    if stops_with is not None:
        stop_when_closed(server, stops_with)
    collect_less()
    await server.serve([listener])


def limits_of(server: ServerSettings, most_connections: int) -> Limits:
    """Return the configured limits of connections, within the system's limit of open files."""
    return Limits(
        head_bytes=server.max_head_bytes,
        headers=server.max_headers,
        head_seconds=server.head_timeout,
        body_seconds=server.body_timeout,
        body_bytes=server.max_body_bytes,
        connections=min(server.max_connections, most_connections),
    )


def _reload_on_hangup(runtime: Runtime) -> None:
    """SIGHUP reloads the configuration; the log has the result."""
    tasks: set[asyncio.Task[None]] = set()

    async def run() -> None:
        with contextlib.suppress(Problem, JournalUnavailableError):
            await reload(runtime)

    def begin() -> None:
        task = asyncio.create_task(run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, begin)


def _run(main: Coroutine[None, None, None]) -> None:
    try:
        _run_loop(main)
    finally:
        finish_log()


def _run_loop(main: Coroutine[None, None, None]) -> None:
    try:
        import uvloop  # noqa: PLC0415 - it is optional
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
