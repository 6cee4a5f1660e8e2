"""``ordergate reconcile``."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import config_option, json_option, print_json, reports_problems, with_gateway

if TYPE_CHECKING:
    from ordergate.gateway.operating.reconcile import Reconciliation
    from ordergate.gateway.runtime.runtime import Runtime


@click.command()
@click.option("--account", required=True, help="Which account's orders.")
@click.option("--since", required=True, help="2026-11-01, 2026-11-01T12:00:00Z, or so many days ago: 7. UTC.")
@config_option
@json_option
@reports_problems
def reconcile(account: str, since: str, config: Path | None, *, as_json: bool) -> None:
    """Compare the journal with the provider's own list, order by order.

    Reports orders that the provider has and the journal does not (and whether a write of the gateway created them),
    orders that the provider no longer has, and orders whose status or money differs from the journal's snapshot.
    Nothing is written, at either side: read an order with --refresh to record the provider's state. Exit code 1 if
    anything differs or could not be read.

    \b
    ordergate reconcile --account main --since 7
    ordergate reconcile --account main-eu --since 2026-11-01 --json
    """
    import msgspec

    from ordergate.domain.errors import Problem
    from ordergate.gateway.operating import reconcile as reconciliation
    from ordergate.terminal import progress, show_reconciliation

    begin = _time(since)

    async def work(runtime: "Runtime") -> "Reconciliation":
        known = runtime.configuration.accounts.get(account)
        if known is None:
            raise Problem("not_found", f"There is no account {account!r}; see: ordergate accounts")
        with progress(f"reading {account}", lambda read: f"{read} orders") as advance:
            return await reconciliation.reconcile(runtime, known, begin, advance)

    result = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(reconciliation.document(result)))
    else:
        show_reconciliation(result)
    if not result.agrees:
        sys.exit(1)


def _time(text: str) -> datetime:
    """Read a date, a time, or a number of days before now."""
    try:
        if text.isdecimal():
            return datetime.now(UTC) - timedelta(days=int(text))
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "a date (2026-11-01), a time (2026-11-01T12:00:00Z) or a number of days (7)", param_hint="--since"
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
