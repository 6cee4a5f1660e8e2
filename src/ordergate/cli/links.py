"""``ordergate links``: the native ids of merchants' own ids at each account, in bulk."""

import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    operator,
    print_json,
    reports_problems,
    tell,
    with_gateway,
)
from ordergate.telemetry.printable import printable_json

if TYPE_CHECKING:
    from ordergate.cli.link_files import LineError
    from ordergate.domain.mode import World
    from ordergate.gateway.accounts.account import Account
    from ordergate.gateway.links.missing_links import MissingLinks
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.journal.records.links import LinkPlace, LinkQuery, StoredLink

_MAX_ERRORS = 100
_EXPORT_PAGE = 5_000

_kind_option = click.option(
    "--kind", type=click.Choice(["customers", "products", "payment_methods"]), help="Only this kind."
)
_account_option = click.option("--account", help="Only links to this account.")


@click.group()
def links() -> None:
    """Import, export and list links, and find missing ones."""


@links.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--merchant", required=True, envvar="ORDERGATE_MERCHANT", help="Merchant that the ids belong to."
)
@config_option
@environment_option
@json_option
@reports_problems
def import_(file: Any, merchant: str, config: Path | None, world: str, *, as_json: bool) -> None:
    """Import all links of the CSV file FILE, or none of them; - is standard input.

    The first line names the columns. Either each line is one link, its columns in any order:

    \b
    kind,id,account,native
    products,CHAIR-1,main,0d01…
    products,CHAIR-1,main-eu,sku_6eb4…

    or each account has a column; an empty cell changes nothing:

    \b
    kind,id,main,main-eu
    products,CHAIR-1,0d01…,sku_6eb4…

    Kinds are customers, products and payment_methods. An existing link is replaced; links that are not
    in the file stay. If any line has an error, up to 100 errors are reported and nothing is imported.

    The import is one transaction. Meanwhile a server on the same SQLite file delays its writes, by a second or two for
    100,000 links, and refuses them with 503 after five seconds: split a much larger file.

    \b
    ordergate links import links.csv --merchant acme
    ordergate links export --merchant acme | ordergate links import - --merchant acme --env live
    """
    from ordergate.cli.link_files import LinkFile
    from ordergate.gateway.links.links import import_links
    from ordergate.terminal import progress

    links = LinkFile(file.read())
    caller = operator(world)

    async def work(runtime: "Runtime") -> int:
        errors = links.judge(runtime.configuration, caller, merchant)
        if errors:
            _refuse(errors, file.name, as_json=as_json)
        with progress("importing", total=len(links.links)) as advance:
            return await import_links(
                runtime.journal, runtime.configuration, caller, merchant, links.links, advance
            )

    imported = with_gateway(config, work)
    tell(json.dumps({"imported": imported}) if as_json else f"{imported} links imported")


@links.command()
@click.option("--merchant", envvar="ORDERGATE_MERCHANT", help="Optional if only one merchant has links.")
@_account_option
@_kind_option
@config_option
@environment_option
@json_option
@reports_problems
def export(merchant: str | None, config: Path | None, world: str, *, as_json: bool, **filters: Any) -> None:
    """Write the links of a merchant as a CSV file for an import, sorted by kind, id and account.

    With --json the output is the body of POST /v1/links/import.

    \b
    ordergate links export --merchant acme > links.csv
    ordergate links export --account main-eu --kind products
    """
    from ordergate.journal.records.links import LinkQuery

    async def work(runtime: "Runtime") -> None:
        owner = merchant or await _only_merchant(runtime, _world(world))
        query = LinkQuery(world=_world(world), merchant=owner, limit=_EXPORT_PAGE, **filters)
        if as_json:
            await _export_json(runtime, query)
        else:
            await _export_csv(runtime, query)

    with_gateway(config, work)


@links.command(name="list")
@click.option("--merchant", help="Only links of this merchant.")
@_account_option
@_kind_option
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--cursor", help="Continue after the previous page.")
@config_option
@environment_option
@json_option
@reports_problems
def list_links(
    config: Path | None, world: str, limit: int, cursor: str | None, *, as_json: bool, **filters: Any
) -> None:
    """List links, sorted by merchant, kind, id and account.

    \b
    ordergate links list --merchant acme --kind products
    ordergate links list --account main-eu --env live --json
    """
    import msgspec

    from ordergate.journal import transactions as tx
    from ordergate.journal.records.links import LinkQuery
    from ordergate.terminal import console, show_rows

    query = LinkQuery(
        world=_world(world), limit=limit, after=None if cursor is None else _read_cursor(cursor), **filters
    )
    found = with_gateway(config, lambda runtime: runtime.journal.read(tx.links.search(query)))
    rows, more = found[:limit], len(found) > limit
    next_cursor = _cursor(rows[-1].place) if more else None
    if as_json:
        print_json(msgspec.json.encode({"data": rows, "has_more": more, "next_cursor": next_cursor}))
        return
    cells = [(row.id, row.kind, row.account, row.native, row.merchant) for row in rows]
    show_rows(("id", "kind", "account", "native", "merchant"), cells, "no links")
    if more:
        console().print(f"[dim]more: --cursor {next_cursor}[/]", soft_wrap=True)


@links.command()
@click.option("--to", "name", required=True, metavar="ACCOUNT", help="Account that new orders would use.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="Number of days of orders to check.",
)
@click.option("--merchant", help="Only orders of this merchant.")
@config_option
@environment_option
@json_option
@reports_problems
def missing(
    name: str, days: int, merchant: str | None, config: Path | None, world: str, *, as_json: bool
) -> None:
    """Find ids of recent orders that have no link at ACCOUNT; exit with 1 if there are any.

    The report covers the customers and products of the orders in the journal. It cannot cover payment methods, because
    an order does not keep the merchant's id of its payment method: ordergate links list --kind payment_methods

    Ids that begin with provider: are listed separately: they belong to one provider, and no link can translate them.

    \b
    ordergate links missing --to main-eu
    ordergate links missing --to main-eu --days 90 --merchant acme --json
    """
    import msgspec

    from ordergate.gateway.links.missing_links import missing_links
    from ordergate.terminal import progress

    async def work(runtime: "Runtime") -> "MissingLinks":
        account = _account(runtime, name, merchant, _world(world))
        since = datetime.now(UTC) - timedelta(days=days)
        with progress("orders") as advance:
            return await missing_links(
                runtime.journal, account, merchant=merchant, since=since, progress=advance
            )

    found = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(found))
    else:
        _show_missing(found, days)
    if found.missing:
        sys.exit(1)


def _world(given: str) -> "World":
    return "live" if given == "live" else "test"


def _refuse(errors: "list[LineError]", name: str, *, as_json: bool) -> NoReturn:
    """Print the first hundred errors, and exit with 1."""
    shown = errors[:_MAX_ERRORS]
    if as_json:
        told = [error._asdict() for error in shown]
        tell(json.dumps({"imported": 0, "errors": told, "more": len(errors) - len(shown)}))
    else:
        for error in shown:
            column = f"{error.column}: " if error.column else ""
            tell(f"{name}:{error.line}: {column}{error.detail}", err=True)
        if len(errors) > len(shown):
            tell(f"and {len(errors) - len(shown)} more", err=True)
        tell("nothing was imported", err=True)
    sys.exit(1)


async def _only_merchant(runtime: "Runtime", world: "World") -> str:
    from ordergate.journal import transactions as tx

    known = await runtime.journal.read(tx.links.merchants(world))
    if len(known) != 1:
        raise click.UsageError(f"name the merchant with --merchant ({', '.join(known) or 'none has links'})")
    return known[0]


async def _pages(runtime: "Runtime", query: "LinkQuery") -> "AsyncIterator[list[StoredLink]]":
    import msgspec

    from ordergate.journal import transactions as tx
    from ordergate.terminal import progress

    done = 0
    with progress("exporting") as advance:
        while True:
            found = await runtime.journal.read(tx.links.search(query))
            page = found[: query.limit]
            yield page
            advance(done := done + len(page))
            if len(found) <= query.limit:
                return
            query = msgspec.structs.replace(query, after=page[-1].place)


async def _export_csv(runtime: "Runtime", query: "LinkQuery") -> None:
    from ordergate.cli.link_files import csv_header, csv_lines

    click.echo(csv_header().encode(), nl=False)
    async for page in _pages(runtime, query):
        click.echo(csv_lines(page).encode(), nl=False)


async def _export_json(runtime: "Runtime", query: "LinkQuery") -> None:
    import msgspec

    from ordergate.cli.link_files import COLUMNS

    click.echo(b'{"links":[', nl=False)
    separator = b""
    async for page in _pages(runtime, query):
        if page:
            rows = ({name: getattr(link, name) for name in COLUMNS} for link in page)
            click.echo(printable_json(separator + b",".join(map(msgspec.json.encode, rows))), nl=False)
            separator = b","
    click.echo(b"]}")


def _cursor(place: "LinkPlace") -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_cursor(cursor: str) -> "LinkPlace":
    from base64 import urlsafe_b64decode

    import msgspec

    from ordergate.journal.records.links import LinkPlace

    try:
        place: LinkPlace = msgspec.json.decode(urlsafe_b64decode(cursor), type=LinkPlace)
    except (ValueError, msgspec.DecodeError) as error:
        raise click.BadParameter("not a cursor that a list printed", param_hint="--cursor") from error
    return place


def _account(runtime: "Runtime", name: str, merchant: str | None, world: "World") -> "Account":
    account = runtime.configuration.accounts.get(name)
    if account is None or not account.open_to(merchant, world):
        open_to = sorted(
            each.name for each in runtime.configuration.accounts.values() if each.open_to(merchant, world)
        )
        whose = f" of {merchant}'s" if merchant else ""
        raise click.BadParameter(
            f"{name!r} is no {world} account{whose} ({', '.join(open_to) or 'there is none'})",
            param_hint="--to",
        )
    return account


def _show_missing(found: "MissingLinks", days: int) -> None:
    from ordergate.terminal import console, show_rows

    if found.missing:
        rows = [
            (
                link.id,
                link.kind,
                str(link.orders),
                f"{link.last_used_at:%Y-%m-%d %H:%M}",
                "refused" if link.required else "sent without it",
                link.merchant,
            )
            for link in found.missing
        ]
        show_rows(("no link", "kind", "orders", "last used", "orders would be", "merchant"), rows, "")
    if found.native:
        native = [
            (
                each.id,
                each.kind,
                str(each.orders),
                f"{each.last_used_at:%Y-%m-%d %H:%M}",
                " ".join(each.accounts),
                each.merchant,
            )
            for each in found.native
        ]
        show_rows(("bound to its provider", "kind", "orders", "last used", "used at", "merchant"), native, "")
    console().print(
        f"{len(found.missing)} ids without a link to {found.account}, {len(found.native)} native ones, "
        f"in {found.orders} orders of {days} days",
        highlight=False,
    )
    console().print(
        "payment methods are not covered: ordergate links list --kind payment_methods", highlight=False
    )
