"""``ordergate db``: the journal's database."""

import json
from pathlib import Path

import click

from ordergate.cli.session import config_option, json_option, reports_problems, settings_of, tell


@click.group()
def db() -> None:
    """Upgrade the journal's schema, and back the journal up."""


@db.command()
@config_option
@json_option
@reports_problems
def migrate(config: Path | None, *, as_json: bool) -> None:
    """Create the journal's schema, or bring it up to date; safe to repeat.

    Every process that opens the journal does the same; use this command before a new release serves.

    \b
    ordergate db migrate
    ordergate db migrate --config /etc/ordergate.toml --json
    """
    import asyncio

    from ordergate.journal.stores.conninfo import is_postgresql
    from ordergate.server.bootstrap import upgrade_journal

    settings = settings_of(config, as_json=as_json)
    store = "postgresql" if is_postgresql(settings.store.url) else "sqlite"
    before, now = asyncio.run(upgrade_journal(settings.store.url))
    if as_json:
        tell(json.dumps({"store": store, "from": before, "to": now}))
    elif before == now:
        tell(f"{store}: schema {now}, up to date")
    else:
        tell(f"{store}: schema {before} → {now}")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@config_option
@json_option
@reports_problems
def backup(file: Path, config: Path | None, *, force: bool, as_json: bool) -> None:
    """Copy a SQLite journal to FILE, while a gateway serves from it or not.

    FILE is the journal as of one moment, complete and checked. Until then its name is FILE.partial. It contains orders,
    customers' data and the hashes of API keys: protect it like the journal.

    \b
    ordergate db backup /var/backups/ordergate-2026-11-22.db
    ordergate db backup latest.db --force --json
    """
    from ordergate.domain.errors import Problem
    from ordergate.journal.stores.backup import BackupRefusedError
    from ordergate.server.bootstrap import back_up_journal
    from ordergate.terminal import progress

    settings = settings_of(config, as_json=as_json)
    try:
        with progress("backing up", lambda done: f"{done / 2**20:.0f} MB") as advance:
            made = back_up_journal(settings.store.url, file, overwrite=force, advance=advance)
    except BackupRefusedError as refused:
        raise Problem("invalid_request", str(refused)) from refused
    if as_json:
        facts = {"file": made.file, "bytes": made.size, "schema": made.schema_version}
        tell(json.dumps(facts))
    else:
        tell(f"{made.file}: {made.size} bytes, schema {made.schema_version}, checked")
