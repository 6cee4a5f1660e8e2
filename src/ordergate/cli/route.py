"""``ordergate route``."""

import sys
from pathlib import Path
from typing import Any

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    print_json,
    reports_problems,
    settings_of,
    tell,
)


@click.group()
def route() -> None:
    """Explain the routing of new orders."""


@route.command()
@click.argument("draft", type=click.File("rb"))
@click.option(
    "--merchant", required=True, envvar="ORDERGATE_MERCHANT", help="Merchant that would own the order."
)
@click.option("--idempotency-key", "key", help="Weights are drawn by it if the draft has no reference.")
@config_option
@environment_option
@json_option
@reports_problems
def explain(
    draft: Any, merchant: str, key: str | None, config: Path | None, world: Any, *, as_json: bool
) -> None:
    """Show the accounts for the order in the JSON file DRAFT, and the reason; nothing is sent.

    \b
    ordergate route explain order.json --merchant acme
    """
    import msgspec

    from ordergate.domain.draft import Draft
    from ordergate.domain.validation import decode_body
    from ordergate.gateway.accounts.routing import find_route, route_request
    from ordergate.server.bootstrap import configuration_of
    from ordergate.terminal import show_rows
    from ordergate.web.documents import route_document

    body = decode_body(draft.read(), Draft)
    configuration = configuration_of(settings_of(config, as_json=as_json))
    found = find_route(configuration, route_request(body, merchant, world, key))
    if as_json:
        print_json(msgspec.json.encode(route_document(found, operator=True)))
    else:
        tell(f"{found.rule}: {found.why}")
        rows = [(account.name, "takes it" if n == 0 else "next") for n, account in enumerate(found.accounts)]
        rows += [(skipped.account, f"skipped: {skipped.reason}") for skipped in found.skipped]
        show_rows(("account", ""), rows, "no accounts")
    if not found.accounts:
        sys.exit(1)
