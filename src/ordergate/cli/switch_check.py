"""``ordergate switch-check``."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import config_option, json_option, print_json, reports_problems, tell, with_gateway

if TYPE_CHECKING:
    from ordergate.gateway.operating.switch_check import SwitchCheck
    from ordergate.gateway.runtime.runtime import Runtime


@click.command(name="switch-check")
@click.option("--to", "target", required=True, help="The account that would receive new orders.")
@click.option("--from", "source", help="Only orders of this account; else of every other one.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
@click.option("--merchant", help="Only this merchant's orders.")
@config_option
@json_option
@reports_problems
def switch_check(
    target: str, source: str | None, days: int, merchant: str | None, config: Path | None, *, as_json: bool
) -> None:
    """Report the obstacles of a switch to an account; nothing is sent.

    The orders of the last days are translated as creates for that account. The report has the refusals with their
    reasons, the missing links, the orders that stay at their account, and the use of the rate limit. Exits with 1 if
    anything would be refused.

    \b
    ordergate switch-check --to second
    ordergate switch-check --to second --from main --days 7 --json
    """
    import msgspec

    from ordergate.gateway.operating.switch_check import check_switch
    from ordergate.terminal import progress

    async def work(runtime: "Runtime") -> "SwitchCheck":
        accounts = runtime.configuration.accounts
        for name in filter(None, (target, source)):
            if name not in accounts:
                known = ", ".join(sorted(accounts)) or "none"
                raise click.UsageError(f"{name!r} is no configured account ({known})")
        if source == target:
            raise click.UsageError("--from and --to name the same account: orders there would not move")
        if source is not None and accounts[source].world != accounts[target].world:
            raise click.UsageError(
                f"{source} and {target} are of two worlds, test and live: no order moves from one to the other"
            )
        with progress("orders") as advance:
            return await check_switch(
                runtime,
                accounts[target],
                source=source,
                merchant=merchant,
                since=runtime.clock() - timedelta(days=days),
                progress=advance,
            )

    check = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(check))
    else:
        _show(check, days)
    if check.refused:
        sys.exit(1)


def _show(check: "SwitchCheck", days: int) -> None:
    from ordergate.terminal import plain, show_rows

    tell(f"{check.passing} of {check.orders} orders of {days} days would pass at {check.account}")
    if check.refused:
        rows = [
            (str(each.orders), each.code, plain(each.pointer), plain(each.detail), each.example)
            for each in check.refused
        ]
        show_rows(("orders", "refused as", "at", "why", "for example"), rows, "")
    for name, use in check.staying.items():
        if use.open_orders or use.unsettled:
            tell(f"{use.open_orders} open orders and {use.unsettled} unsettled operations stay at {name}")
    limit = "no limit" if check.limit_per_minute is None else f"{check.limit_per_minute} calls a minute"
    tell(f"at most {check.peak_per_minute} orders were made in a minute; the account takes {limit}")
