"""``ordergate webhooks``: deliveries of events, their endpoints, and replays."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    operator,
    page_options,
    print_json,
    reports_problems,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.journal.records.deliveries import Delivery, Endpoint

_STATES = ("pending", "delivered", "failed")


class Moment(click.ParamType[datetime]):
    """A date, or a time with or without an offset; the default is UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time in UTC."""
        try:
            time = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date (2026-11-01) or a time (2026-11-01T12:00:00Z)", param, ctx)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


@click.group()
def webhooks() -> None:
    """List deliveries of events and their endpoints; replay deliveries."""


@webhooks.command(name="list")
@config_option
@environment_option
@click.option("--state", type=click.Choice(_STATES), help="Only deliveries in this state.")
@click.option("--endpoint", help="Only deliveries to this endpoint.")
@click.option("--event", help="Only deliveries of this event.")
@click.option("--order", help="Only deliveries about this order.")
@click.option("--merchant", help="Only those of this merchant.")
@page_options("deliveries")
@json_option
@reports_problems
def list_deliveries(config: Path | None, world: str, *, as_json: bool, **filters: Any) -> None:
    """List deliveries with the results of their attempts, newest first.

    \b
    ordergate webhooks list --state failed
    ordergate webhooks list --endpoint wh_01a2… --env live --limit 100 --json
    """
    import msgspec

    from ordergate.api.event_documents import DeliveryList
    from ordergate.journal import transactions as tx
    from ordergate.journal.records.deliveries import DeliveryQuery
    from ordergate.journal.records.paging import page_of
    from ordergate.terminal import show_deliveries
    from ordergate.web.event_documents import delivery_document

    query = DeliveryQuery(world="live" if world == "live" else "test", **filters)

    async def work(runtime: "Runtime") -> "list[Delivery]":
        return await runtime.journal.read(tx.deliveries.search(query))

    rows, has_more = page_of(with_gateway(config, work), query)
    if as_json:
        page = DeliveryList(data=[delivery_document(row) for row in rows], has_more=has_more)
        print_json(msgspec.json.encode(page))
    else:
        show_deliveries(rows, has_more=has_more)


@webhooks.command()
@config_option
@environment_option
@click.option("--merchant", help="Only those of this merchant.")
@page_options("endpoints")
@json_option
@reports_problems
def endpoints(config: Path | None, world: str, *, as_json: bool, **filters: Any) -> None:
    """List the endpoints that receive events, newest first, without their secrets.

    \b
    ordergate webhooks endpoints --merchant acme
    ordergate webhooks endpoints --env live --json
    """
    import msgspec

    from ordergate.api.event_documents import EndpointList
    from ordergate.journal import transactions as tx
    from ordergate.journal.records.deliveries import EndpointQuery
    from ordergate.journal.records.paging import page_of
    from ordergate.terminal import show_endpoints
    from ordergate.web.event_documents import endpoint_document

    query = EndpointQuery(world="live" if world == "live" else "test", **filters)

    async def work(runtime: "Runtime") -> "list[Endpoint]":
        return await runtime.journal.read(tx.endpoints.search(query))

    rows, has_more = page_of(with_gateway(config, work), query)
    if as_json:
        page = EndpointList(data=[endpoint_document(row) for row in rows], has_more=has_more)
        print_json(msgspec.json.encode(page))
    else:
        show_endpoints(rows, has_more=has_more)


@webhooks.command()
@click.argument("delivery", required=False, metavar="[DELIVERY]")
@click.option("--endpoint", help="Replay many deliveries to this endpoint.")
@click.option("--failed", is_flag=True, help="Replay all deliveries that failed finally.")
@click.option("--since", type=Moment(), help="Replay all events since this time, delivered or not.")
@click.option("--until", type=Moment(), help="End of that period.")
@config_option
@environment_option
@json_option
@reports_problems
def replay(
    delivery: str | None,
    endpoint: str | None,
    since: datetime | None,
    until: datetime | None,
    config: Path | None,
    world: str,
    *,
    failed: bool,
    as_json: bool,
) -> None:
    """Queue one DELIVERY, or many to one endpoint, again; the gateway that serves sends them.

    \b
    ordergate webhooks replay dlv_01a2…
    ordergate webhooks replay --endpoint wh_01a2… --failed
    ordergate webhooks replay --endpoint wh_01a2… --since 2026-11-01T12:00:00Z --until 2026-11-02
    """
    if (delivery is None) == (endpoint is None):
        raise click.UsageError("Name one DELIVERY, or an --endpoint.")
    if endpoint is not None and not failed and since is None:
        raise click.UsageError("Choose the deliveries to the endpoint: --failed, or --since.")
    if endpoint is None and (failed or since is not None or until is not None):
        raise click.UsageError("--failed, --since and --until need --endpoint.")

    from ordergate.domain.webhook_bodies import ReplayBody
    from ordergate.gateway.outbound.replay import replay_many, replay_one
    from ordergate.terminal import progress

    caller = operator(world)

    async def work(runtime: "Runtime") -> int:
        if delivery is not None:
            await replay_one(runtime, caller, delivery)
            return 1
        body = ReplayBody(endpoint=endpoint or "", failed=failed, since=since, until=until)
        with progress("queueing", lambda done: f"{done} deliveries") as advance:
            return await replay_many(runtime, caller, body, advance)

    number = with_gateway(config, work)
    tell(json.dumps({"replayed": number}) if as_json else f"{number} deliveries queued again")
