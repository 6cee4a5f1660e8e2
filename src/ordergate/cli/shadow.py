"""``ordergate shadow``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    print_json,
    reports_problems,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.comparing.shadow import Shadowing, ShadowReport


@click.group()
def shadow() -> None:
    """Show the translations of new orders for the accounts of [routing] shadow."""


@shadow.command()
@click.option("--merchant", help="Only this merchant's orders.")
@config_option
@environment_option
@json_option
@reports_problems
def report(merchant: str | None, config: Path | None, world: Any, *, as_json: bool) -> None:
    """Show which new orders each shadow account would have accepted, and the reasons of refusals.

    Counted are the orders that were created while `shadow` named the account, as long as nothing else of the same kind
    was older than the retention. Nothing was sent there.

    \b
    ordergate shadow report
    ordergate shadow report --merchant acme --json
    """
    import msgspec

    from ordergate.gateway.comparing.shadow import shadow_report

    found = with_gateway(config, lambda runtime: shadow_report(runtime, world, merchant))
    if as_json:
        print_json(msgspec.json.encode(found))
    else:
        _show(found)


def _show(found: "Shadowing") -> None:
    if not found.accounts:
        tell("no order was translated for another account; name one in [routing] shadow")
    for account in found.accounts:
        _show_account(account)
    if found.dropped:
        tell(f"{found.dropped} orders were not translated: there was too much to do")


def _show_account(account: "ShadowReport") -> None:
    from ordergate.terminal import show_rows

    all_orders = account.accepted + account.refused
    tell(f"{account.account}: {account.accepted} of {all_orders} orders would have been sent")
    parts = (
        ("refused as", account.refusals),
        ("differs", account.differences),
        ("link missing", account.links_missing),
    )
    for title, reasons in parts:
        rows = [
            (str(each.orders), each.code or "different", each.pointer, each.detail, each.example)
            for each in reasons
        ]
        if rows:
            show_rows(("orders", title, "at", "why", "for example"), rows, "")
