"""``ordergate check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import (
    config_option,
    fail_with,
    json_option,
    reports_problems,
    settings_of,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ordergate.domain.mode import World
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.settings import Settings

_AUTHORITIES_TIMEOUT = 5.0


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Also check the credentials of each account with a read.")
@json_option
@reports_problems
def check(config: Path | None, *, connect: bool, as_json: bool) -> None:
    """Report all errors of a configuration, with file and line.

    Warnings: links to an account that is no longer configured, routes that cannot take the orders of their rule, and
    a PostgreSQL that allows fewer connections than the processes may open. Notes need no action.

    \b
    ordergate check
    ordergate check --config /etc/ordergate.toml --connect
    """
    import asyncio
    import json
    import sys

    settings = settings_of(config, as_json=as_json)
    if wrong := _authorities_error():  # first: aiohttp reads them when it is imported
        fail_with([wrong], as_json=as_json)

    from ordergate.gateway.accounts.route_warnings import route_warnings
    from ordergate.server.bootstrap import configuration_of
    from ordergate.settings import environment_warnings

    warnings = environment_warnings(settings) + route_warnings(configuration_of(settings))
    found, notes = asyncio.run(_of_store(settings)) if _has_store(settings) else ([], [])
    warnings += found
    failures = with_gateway(config, _unreachable) if connect else {}
    if as_json:
        facts = {
            "file": str(settings.file),
            "hash": settings.hash,
            "accounts": sorted(settings.accounts),
            "warnings": warnings,
            "notes": notes,
            "unreachable": failures,
        }
        tell(json.dumps(facts))
    else:
        names = ", ".join(sorted(settings.accounts)) or "none"
        tell(f"{settings.file}: right (hash {settings.hash}, accounts: {names})")
        for warning in warnings:
            tell(f"warning: {warning}", err=True)
        for note in notes:
            tell(f"note: {note}", err=True)
        for name, reason in failures.items():
            tell(f"{name}: {reason}", err=True)
    if failures:
        sys.exit(1)


def _authorities_error() -> str | None:
    """Return the reason why the certificates that the environment names cannot be used. A server starts anyway."""
    import os

    from ordergate.host.blocking import run_within
    from ordergate.host.certificates import VARIABLES, default_context

    named = next((f"{name}: " for name in VARIABLES if os.environ.get(name)), "")
    try:
        run_within(_AUTHORITIES_TIMEOUT, default_context)
    except TimeoutError as error:
        return f"{named}the certificate authorities cannot be read: {error}"
    except OSError as error:
        return f"{named}{error}"
    return None


async def _unreachable(runtime: "Runtime") -> dict[str, str]:
    """Read one row at each account; return the reason for each account that failed."""
    from ordergate.domain.commands import ListFilters, ListOrders
    from ordergate.domain.errors import Problem
    from ordergate.gateway.writes.plans import read_page

    command = ListOrders(limit=1, cursor=None, filters=ListFilters())
    failures = {}
    for name, account in runtime.configuration.accounts.items():
        try:
            await read_page(runtime, account, command)
        except Problem as problem:
            failures[name] = f"{problem.code}: {problem.detail}"
    return failures


def _has_store(settings: "Settings") -> bool:
    """Return whether the store exists; a check must not create the file of a journal."""
    from ordergate.settings.checks import SQLITE

    url = settings.store.url
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).exists()


async def _of_store(settings: "Settings") -> tuple[list[str], list[str]]:
    """Return the warnings and the notes about the store and the links in it."""
    from ordergate.journal import transactions as tx
    from ordergate.journal.errors import JournalUnavailableError
    from ordergate.server.bootstrap import open_journal

    try:
        journal = await open_journal(settings.store.url)
        try:
            linked = await journal.read(tx.links.count_by_account())
            most = await journal.connections_allowed()
            secrets = await journal.read(tx.endpoints.count_secrets())
        finally:
            await journal.close()
    except JournalUnavailableError as error:
        return [f"links: not checked, since the store does not answer: {error}"], []
    return [*_url_warnings(settings), *_room_warnings(settings, most), *_link_warnings(settings, linked)], (
        [_unencrypted(secrets)] if secrets else []
    )


def _unencrypted(secrets: int) -> str:
    secret = "secret" if secrets == 1 else "secrets"
    return (
        f"{secrets} signing {secret} of webhook endpoints can be read in the store: the gateway does not encrypt "
        "them. Give access to the store and its backups only to people who may sign as the gateway."
    )


def _url_warnings(settings: "Settings") -> list[str]:
    from ordergate.journal.stores.conninfo import is_postgresql, target_of

    url = settings.store.url
    return [f"store.url: {warning}" for warning in target_of(url).warnings] if is_postgresql(url) else []


def _room_warnings(settings: "Settings", most: int | None) -> list[str]:
    """Count connections twice: during a deployment the processes of both releases are connected."""
    wanted = 2 * settings.server.workers * settings.store.connections
    if most is None or wanted <= most:
        return []
    detail = (
        f"the database allows {most} connections. Workers times connections are {wanted // 2}, and {wanted} while a "
        "new release takes over from an old one. Calls wait for each other then; allow more there, or make "
        "store.connections less."
    )
    return [f"store.connections: {detail}"]


def _link_warnings(settings: "Settings", linked: "Mapping[tuple[World, str], int]") -> list[str]:
    """Return a warning about each account whose links no order can use."""
    return [
        f"links: {count} {'id names' if count == 1 else 'ids name'} the account {name}, which is not configured "
        f"for {world} keys. Add [accounts.{name}] again, or see them with: "
        f"ordergate links list --account {name} --env {world}"
        for (world, name), count in sorted(linked.items())
        if name not in settings.accounts or settings.accounts[name].world != world
    ]
