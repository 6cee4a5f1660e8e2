"""``ordergate check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import config_option, json_option, reports_problems, settings_of, with_gateway

if TYPE_CHECKING:
    from ordergate.gateway.context import Gateway


@click.command()
@config_option
@click.option("--connect", is_flag=True, help="Also try each account's credentials with a read.")
@json_option
@reports_problems
def check(config: Path | None, *, connect: bool, as_json: bool) -> None:
    """Say everything that is wrong with a configuration, with file and line.

    \b
    ordergate check
    ordergate check --config /etc/ordergate.toml --connect
    """
    import json
    import sys

    settings = settings_of(config, as_json=as_json)
    failures = with_gateway(config, _unreachable) if connect else {}
    if as_json:
        facts = {
            "file": str(settings.file),
            "hash": settings.hash,
            "accounts": sorted(settings.accounts),
            "unreachable": failures,
        }
        click.echo(json.dumps(facts))
    else:
        names = ", ".join(sorted(settings.accounts)) or "none"
        click.echo(f"{settings.file}: right (hash {settings.hash}, accounts: {names})")
        for name, reason in failures.items():
            click.echo(f"{name}: {reason}", err=True)
    if failures:
        sys.exit(1)


async def _unreachable(gateway: "Gateway") -> dict[str, str]:
    """Read one row at each account; return why it did not work where it did not."""
    from ordergate.domain.commands import ListFilters, ListOrders
    from ordergate.domain.errors import Problem
    from ordergate.gateway.conversation import read_page

    command = ListOrders(limit=1, cursor=None, filters=ListFilters())
    failures = {}
    for name, account in gateway.configuration.accounts.items():
        try:
            await read_page(gateway, account, command)
        except Problem as problem:
            failures[name] = f"{problem.code}: {problem.detail}"
    return failures
