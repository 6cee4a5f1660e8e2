"""Wires the parts together: the only file that knows the concrete journal, transport and renderer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordergate.gateway.configuration import Configuration
from ordergate.gateway.context import Gateway
from ordergate.gateway.ports import JournalUnavailableError
from ordergate.journal.sql_journal import SqlJournal
from ordergate.journal.sqlite import SqliteJournal
from ordergate.settings import Settings
from ordergate.transport.http import HttpTransport
from ordergate.web.rendering import JsonRenderer

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


def system_clock() -> datetime:
    """Return the time: the one place where it is read."""
    return datetime.now(UTC)


async def open_journal(url: str, *, serving: bool = False, connections: int = 10) -> SqlJournal:
    """Open the configured journal, creating or upgrading its schema.

    Args:
        url: ``sqlite:///FILE``, or ``postgresql://…`` in any form that libpq takes.
        serving: This process will serve: from a SQLite file nobody else may at the same time.
        connections: To PostgreSQL, at most.

    Raises:
        JournalUnavailableError: It cannot be opened; the message says why.
    """
    if url.startswith(SQLITE):
        return SqliteJournal(Path(url.removeprefix(SQLITE)), serving=serving)
    if url.startswith(POSTGRESQL):
        try:
            from ordergate.journal.postgresql import PostgresqlJournal  # noqa: PLC0415 - its driver is optional
        except ModuleNotFoundError as error:
            raise JournalUnavailableError(
                "PostgreSQL needs its driver: pip install 'ordergate[postgresql]'"
            ) from error
        return await PostgresqlJournal.open(url, connections=connections)
    raise JournalUnavailableError(
        f"The store {url.partition(':')[0]!r} is not known; use sqlite:///FILE, or postgresql://…"
    )


def configuration_of(settings: Settings) -> Configuration:
    """Return what the use cases need to know of the settings."""
    return Configuration(
        hash=settings.hash,
        accounts=settings.accounts,
        default_route=tuple(settings.routing.default),
        retention=timedelta(days=settings.store.retention_days),
        idempotency_wait=settings.server.idempotency_wait,
        key_requests_per_minute=settings.server.key_requests_per_minute,
        closed_settling=settings.recovery.closed_settling,
        person_after=timedelta(hours=settings.recovery.person_after_hours),
        late_look=timedelta(minutes=settings.recovery.late_look_minutes),
    )


@asynccontextmanager
async def open_gateway(settings: Settings, *, serving: bool = False) -> AsyncIterator[Gateway]:
    """Open a gateway, and close its journal and its connections at the end.

    Raises:
        JournalUnavailableError: The journal cannot be opened.
    """
    journal = await open_journal(settings.store.url, serving=serving, connections=settings.store.connections)
    transport = HttpTransport(system_clock)
    gateway = Gateway(
        configuration=configuration_of(settings),
        journal=journal,
        transport=transport,
        clock=system_clock,
        renderer=JsonRenderer(),
    )
    try:
        yield gateway
    finally:
        await gateway.drain(settings.server.shutdown_timeout)
        await transport.close()
        await journal.close()
