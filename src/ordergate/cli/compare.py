"""``ordergate compare``."""

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    accounts_option,
    config_option,
    environment_option,
    json_option,
    merchant_caller,
    print_json,
    reports_problems,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.runtime.runtime import Runtime

_COLOURS = {"different": "red", "only_in": "yellow", "own": "cyan", "equivalent": "green", "equal": "dim"}


@click.command()
@click.argument("draft", type=click.File("rb"))
@accounts_option
@click.option(
    "--execute", is_flag=True, help="Create the order at each account; emulators and sandboxes only."
)
@click.option("--idempotency-key", "key", help="With --execute; default: a fresh one, printed on stderr.")
@click.option(
    "--merchant",
    envvar="ORDERGATE_MERCHANT",
    help="Owner of the order; optional if only one merchant has keys.",
)
@config_option
@environment_option
@json_option
@reports_problems
def compare(
    draft: Any,
    accounts: list[str],
    key: str | None,
    merchant: str | None,
    config: Path | None,
    world: str,
    *,
    execute: bool,
    as_json: bool,
) -> None:
    """Compare the requests that accounts would receive for the order in the JSON file DRAFT.

    Without --execute no request is sent. The comparison is stored, and the API returns it later. Exits with 1 if there
    is any difference.

    \b
    ordergate compare order.json --accounts main,second
    ordergate compare order.json --accounts main,second --execute --json
    """
    from decimal import Decimal

    import msgspec

    from ordergate.domain.draft import ComparisonBody, Draft
    from ordergate.domain.validation import decode_body
    from ordergate.gateway.comparing.compare import compare_accounts

    body = ComparisonBody(
        order=decode_body(draft.read(), Draft), accounts=accounts, mode="execute" if execute else "translate"
    )
    key = key or (str(uuid.uuid4()) if execute else None)

    async def work(runtime: "Runtime") -> bytes:
        caller = await merchant_caller(runtime, merchant, world)
        if key is not None:
            tell(f"idempotency key {key}", err=True)
        return (await compare_accounts(runtime, caller, caller.require_merchant(), body, key)).body

    document = with_gateway(config, work)
    compared = msgspec.json.Decoder(float_hook=Decimal).decode(document)
    if as_json:
        print_json(document)
    else:
        _show(compared)
    if any(each["kind"] == "different" for each in compared["differences"]):
        sys.exit(1)


def _show(compared: dict[str, Any]) -> None:
    from rich.table import Table

    from ordergate.domain.comparison import literal
    from ordergate.terminal import console, plain

    def cell(value: Any) -> str:
        return "-" if value is None else literal(value)

    screen = console()
    names = [result["account"] for result in compared["results"]]
    screen.print(f"[bold]{compared['id']}[/]  {compared['mode']}", highlight=False)
    _show_results(compared)
    table = Table(
        "", *(plain(name) for name in names), "", "why", box=None, padding=(0, 2, 0, 0), header_style="dim"
    )
    for each in compared["differences"]:
        cells = (cell(each["values"][name]) if name in each["values"] else "" for name in names)
        kind = f"[{_COLOURS[each['kind']]}]{each['kind']}[/]"
        table.add_row(plain(each["pointer"] or "the order"), *map(plain, cells), kind, plain(each["why"]))
    screen.print(table, highlight=False)


def _show_results(compared: dict[str, Any]) -> None:
    from ordergate.terminal import amount, show_rows

    rows = []
    for result in compared["results"]:
        order, problem, fee = result["order"], result["problem"], result["fee"]
        came = f"{problem['code']}: {problem['detail']}" if problem is not None else "would be sent"
        if order is not None:
            came = f"{order['status']}, {amount(order['total'], order['currency'])}"
        took = "" if result["latency_ms"] is None else f"{result['latency_ms']} ms"
        costs = "" if fee is None else amount(fee["amount"], fee["currency"])
        rows.append((result["account"], came, str(result["calls"]), took, costs))
    show_rows(("account", "result", "calls", "took", "fee"), rows, "no accounts")
