"""Wires the parts together: the only file that knows the concrete journal, transport and renderer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ordergate.gateway.accounts.configuration import Configuration, Inbound, Webhooks
from ordergate.gateway.runtime.concurrency import ConcurrencyLimit
from ordergate.gateway.runtime.runtime import Reloads, Runtime
from ordergate.host.blocking import run_blocking
from ordergate.host.steady_clock import SteadyClock
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal
from ordergate.journal.records.provider_events import Debounce
from ordergate.journal.stores import sqlite
from ordergate.journal.stores.backup import Advance, Backup, BackupRefusedError, back_up
from ordergate.journal.stores.conninfo import is_postgresql
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.settings import Settings, load_settings, networks_of, rules_of
from ordergate.settings.checks import SQLITE
from ordergate.settings.keys import values_until_restart
from ordergate.telemetry.metrics import Metrics
from ordergate.transport.guards import GuardedTransport
from ordergate.transport.http import HttpTransport
from ordergate.transport.observed import ObservedSender
from ordergate.transport.webhooks import HttpWebhooks
from ordergate.web.rendering import JsonRenderer

if TYPE_CHECKING:
    from ordergate.telemetry.tracing import Tracing


def system_clock() -> datetime:
    """Return the time: the one place that reads the clock."""
    return datetime.now(UTC)


async def open_journal(url: str, *, serving: bool = False, connections: int = 10) -> Journal:
    """Open the configured journal, creating or upgrading its schema.

    Args:
        url: ``sqlite:///FILE``, or ``postgresql://…``, or ``host=… dbname=…``, in any form that libpq takes.
        serving: This process will serve; a SQLite file allows one serving process.
        connections: To PostgreSQL, at most.

    Raises:
        JournalUnavailableError: The journal cannot be opened; the message gives the reason.
    """
    if url.startswith(SQLITE):
        return SqliteJournal(Path(url.removeprefix(SQLITE)), serving=serving)
    if is_postgresql(url):
        _require_driver()
        from ordergate.journal.stores.postgresql import PostgresqlJournal  # noqa: PLC0415 - its driver is optional

        return await PostgresqlJournal.open(url, connections=connections)
    raise _unknown_store(url)


async def upgrade_journal(url: str) -> tuple[int, int]:
    """Create the configured journal's schema, or bring it up to date; return its version before, and now.

    Raises:
        JournalUnavailableError: It cannot be opened, or a later release has upgraded it.
    """
    if url.startswith(SQLITE):
        return sqlite.upgrade(Path(url.removeprefix(SQLITE)))
    if is_postgresql(url):
        _require_driver()
        from ordergate.journal.stores import postgresql  # noqa: PLC0415 - its driver is optional

        return await postgresql.upgrade(url)
    raise _unknown_store(url)


def back_up_journal(url: str, target: Path, *, overwrite: bool, advance: Advance) -> Backup:
    """Copy the configured journal to a file, if it is a SQLite file itself.

    Raises:
        BackupRefusedError: It is PostgreSQL, which has better tools, or the target may not be written.
        JournalUnavailableError: It could not be copied.
    """
    if url.startswith(SQLITE):
        return back_up(Path(url.removeprefix(SQLITE)), target, overwrite=overwrite, advance=advance)
    if is_postgresql(url):
        raise BackupRefusedError(
            "The journal is in PostgreSQL: back it up with PostgreSQL's own pg_dump --format=custom, or with its "
            "continuous archiving."
        )
    raise _unknown_store(url)


def _require_driver() -> None:
    if find_spec("asyncpg") is None:
        raise JournalUnavailableError("PostgreSQL needs its driver: pip install 'ordergate[postgresql]'")


def _unknown_store(url: str) -> JournalUnavailableError:
    scheme, colon, _ = url.partition(":")  # what is no URL may be pairs with a password among them
    named = f"The store {scheme!r} is not known" if colon and scheme.isalnum() else "That store is not known"
    return JournalUnavailableError(f"{named}; use sqlite:///FILE, or postgresql://…")


def configuration_of(settings: Settings) -> Configuration:
    """Return the configuration of the use cases from the settings."""
    return Configuration(
        hash=settings.hash,
        accounts=settings.accounts,
        default_route=tuple(settings.routing.default),
        shadow=tuple(settings.routing.shadow),
        rules=rules_of(settings.routing),
        source=str(settings.file),
        loaded_at=system_clock(),
        document=settings.document,
        fixed={
            "server": values_until_restart(settings.server),
            "store": values_until_restart(settings.store),
        },
        retention=timedelta(days=settings.store.retention_days),
        idempotency_wait=settings.server.idempotency_wait,
        key_requests_per_minute=settings.server.key_requests_per_minute,
        closed_settling=settings.recovery.closed_settling,
        person_after=timedelta(hours=settings.recovery.person_after_hours),
        late_look=timedelta(minutes=settings.recovery.late_look_minutes),
        webhooks=Webhooks(
            networks=networks_of(settings.webhooks),
            retries=tuple(settings.webhooks.retries),
            at_once=settings.webhooks.max_in_flight,
            egress=settings.webhooks_egress,
        ),
        inbound=Inbound(
            pace=Debounce(settle=settings.inbound.settle_seconds, every=settings.inbound.reread_seconds),
            poll_seconds=settings.inbound.poll_seconds,
            poll_orders=settings.inbound.poll_orders,
        ),
    )


async def reread(file: Path) -> Configuration:
    """Read a configuration file again in a thread: it, and the files that it names, may be slow.

    Raises:
        ConfigurationError: Everything that is wrong with it.
    """
    return configuration_of(await run_blocking(lambda: load_settings(file)))


@asynccontextmanager
async def open_gateway(settings: Settings, *, serving: bool = False) -> AsyncIterator[Runtime]:
    """Open a gateway, and close its journal and its connections at the end.

    Raises:
        JournalUnavailableError: The journal cannot be opened.
    """
    journal = await open_journal(settings.store.url, serving=serving, connections=settings.store.connections)
    steady = await _steady_clock(journal)
    metrics, tracing = Metrics(), _tracing() if serving and settings.server.tracing else None
    transport = GuardedTransport(
        lambda account: ObservedSender(HttpTransport.to(account, system_clock), metrics, tracing),
        time.monotonic,
    )
    runtime = Runtime(
        configuration=configuration_of(settings),
        journal=journal,
        transport=transport,
        clock=system_clock,
        renderer=JsonRenderer(settings.server.root_path),
        reloads=Reloads(read_configuration=lambda: reread(settings.file)),
        metrics=metrics,
        tracing=tracing,
        concurrency=ConcurrencyLimit(settings.server.overload_target),
        steady=steady,
    )
    runtime.outbound.sender = sender = HttpWebhooks(
        lambda: runtime.configuration.webhooks.networks,
        egress=lambda: runtime.configuration.webhooks.egress,
    )
    try:
        yield runtime
    finally:
        await runtime.work.drain(settings.server.shutdown_timeout)
        await sender.close()
        await transport.close()
        await journal.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


async def _steady_clock(journal: Journal) -> SteadyClock:
    """Return a clock without the steps of the host's; steps before this process are known from the journal."""
    steady = SteadyClock(system_clock)
    try:
        steady.correct(await journal.read(tx.health.time_now()))
    except JournalUnavailableError:
        await journal.close()
        raise
    return steady


def _tracing() -> "Tracing":
    from ordergate.telemetry.tracing import exporting  # noqa: PLC0415 - OpenTelemetry is optional

    return exporting()
