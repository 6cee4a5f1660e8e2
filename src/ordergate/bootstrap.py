"""Wires the parts together: the only file that knows the concrete journal, transport and renderer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordergate.gateway.configuration import Configuration
from ordergate.gateway.context import Gateway
from ordergate.gateway.ports import JournalUnavailableError
from ordergate.journal.sqlite import SqliteJournal
from ordergate.settings import Settings
from ordergate.transport.http import HttpTransport
from ordergate.web.rendering import JsonRenderer

_SQLITE = "sqlite:///"


def system_clock() -> datetime:
    """Return the time: the one place where it is read."""
    return datetime.now(UTC)


def open_journal(url: str, *, serving: bool = False) -> SqliteJournal:
    """Open the journal behind a URL, creating or upgrading its schema.

    Args:
        url: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.
        serving: This process will serve: nobody else may at the same time.

    Raises:
        JournalUnavailableError: It cannot be opened; the message says why.
    """
    if not url.startswith(_SQLITE):
        raise JournalUnavailableError(
            f"The store {url.partition(':')[0]!r} is not known; use sqlite:///FILE, or sqlite:////ABSOLUTE/FILE."
        )
    return SqliteJournal(Path(url.removeprefix(_SQLITE)), serving=serving)


def configuration_of(settings: Settings) -> Configuration:
    """Return what the use cases need to know of the settings."""
    return Configuration(
        hash=settings.hash,
        accounts=settings.accounts,
        default_route=tuple(settings.routing.default),
        retention=timedelta(days=settings.store.retention_days),
        idempotency_wait=settings.server.idempotency_wait,
    )


@asynccontextmanager
async def open_gateway(settings: Settings, *, serving: bool = False) -> AsyncIterator[Gateway]:
    """Open a gateway, and close its journal and its connections at the end.

    Raises:
        JournalUnavailableError: The journal cannot be opened.
    """
    journal = open_journal(settings.store.url, serving=serving)
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
