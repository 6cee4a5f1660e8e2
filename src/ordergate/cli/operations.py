"""``ordergate operations``: the outcome of writes, and an operator's decision if it stays unknown."""

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
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.journal.records.operations import Existing, Operation
    from ordergate.journal.records.orders import StoredOrder

_STATES = ("unknown", "in_progress", "succeeded", "failed")


@click.group()
def operations() -> None:
    """List and show writes; resolve those that need an operator."""


@operations.command(name="list")
@config_option
@environment_option
@click.option("--state", type=click.Choice(_STATES), help="Only writes in this state.")
@click.option("--merchant", help="Only writes of this merchant.")
@page_options("operations")
@json_option
@reports_problems
def list_operations(config: Path | None, world: str, *, as_json: bool, **filters: Any) -> None:
    """List writes, newest first.

    \b
    ordergate operations list --state unknown
    ordergate operations list --merchant acme --env live --limit 100 --json
    """
    import msgspec

    from ordergate.api.documents import OperationList
    from ordergate.gateway.orders import read
    from ordergate.journal.records.operations import OperationQuery
    from ordergate.terminal import show_operations
    from ordergate.web.documents import operation_document

    query = OperationQuery(world="live" if world == "live" else "test", **filters)
    page = with_gateway(config, lambda runtime: read.list_operations(runtime, query))
    if as_json:
        rows = [operation_document(operation) for operation in page.data]
        print_json(msgspec.json.encode(OperationList(data=rows, has_more=page.has_more)))
    else:
        show_operations(page.data, has_more=page.has_more)


@operations.command()
@click.argument("operation_id", metavar="OP")
@config_option
@environment_option
@json_option
@reports_problems
def show(operation_id: str, config: Path | None, world: str, *, as_json: bool) -> None:
    """Show the write OP and its next step.

    \b
    ordergate operations show op_01a2…
    ordergate operations show op_01a2… --json
    """
    from ordergate.gateway.orders.read import get_operation

    async def work(runtime: "Runtime") -> "tuple[Existing, StoredOrder | None]":
        operation = await get_operation(runtime, operator(world), operation_id)
        return await _evidence(runtime, operation)

    _print(*with_gateway(config, work), as_json=as_json)


@operations.command()
@click.argument("operation_id", metavar="OP")
@config_option
@environment_option
@json_option
@reports_problems
def recheck(operation_id: str, config: Path | None, world: str, *, as_json: bool) -> None:
    """Probe the provider now for the outcome of the unsettled write OP; nothing is sent again.

    \b
    ordergate operations recheck op_01a2…
    """
    from ordergate.gateway.orders.resolve import recheck_operation

    async def work(runtime: "Runtime") -> "tuple[Existing, StoredOrder | None]":
        operation = await recheck_operation(runtime, operator(world), operation_id)
        return await _evidence(runtime, operation)

    _print(*with_gateway(config, work), as_json=as_json)


@operations.command()
@click.argument("operation_id", metavar="OP")
@click.option(
    "--as",
    "outcome",
    type=click.Choice(["applied", "not-applied"]),
    required=True,
    help="Outcome at the provider.",
)
@click.option("--evidence", required=True, help="Reason for your decision; it is stored with the operation.")
@click.option("--provider-order-id", help="For an applied create: the order that it created.")
@click.option(
    "--unseen", is_flag=True, help="Not applied, although the provider cannot be read or does not show it."
)
@config_option
@environment_option
@json_option
@reports_problems
def resolve(
    operation_id: str,
    outcome: str,
    evidence: str,
    provider_order_id: str | None,
    config: Path | None,
    world: str,
    *,
    unseen: bool,
    as_json: bool,
) -> None:
    """Record the outcome of the write OP, which recovery could not decide.

    With --as applied the order is read at the provider, and the write succeeds. With --as not-applied a retry with the
    same idempotency key may send it again; a probe of the provider has to confirm this first. If the provider cannot
    be read, use --unseen: then the retry probes before it sends. For an order in review because of an applied write,
    --as applied accepts the review reasons of that write.

    \b
    ordergate operations resolve op_01a2… --as not-applied --evidence "Ticket 4711: no such payment"
    ordergate operations resolve op_01a2… --as applied --provider-order-id order_5c8d… \\
        --evidence "Seen in the dashboard, with our reference"
    """
    import msgspec

    from ordergate.domain.draft import ResolveBody
    from ordergate.domain.validation import decode_body
    from ordergate.gateway.orders.resolve import resolve_operation

    given = {
        "as": outcome.replace("-", "_"),
        "evidence": evidence,
        "provider_order_id": provider_order_id,
        "unseen": unseen,
    }
    body = decode_body(msgspec.json.encode(given), ResolveBody)

    async def work(runtime: "Runtime") -> "tuple[Existing, StoredOrder | None]":
        operation = await resolve_operation(runtime, operator(world), operation_id, body)
        return await _evidence(runtime, operation)

    _print(*with_gateway(config, work), as_json=as_json)


async def _evidence(runtime: "Runtime", operation: "Operation") -> "tuple[Existing, StoredOrder | None]":
    """Return the operation with its stored response, and its order from the journal."""
    from ordergate.journal import transactions as tx
    from ordergate.journal.records.operations import Existing

    found = await runtime.journal.read(tx.operations.find_existing(operation.id)) or Existing(operation, None)
    return found, await runtime.journal.read(tx.orders.find(operation.order))


def _print(existing: "Existing", order: "StoredOrder | None", *, as_json: bool) -> None:
    import msgspec

    from ordergate.gateway.writes.next_step import next_step_of
    from ordergate.terminal import show_operation
    from ordergate.web.documents import operation_document

    if as_json:
        print_json(msgspec.json.encode(operation_document(existing.operation)))
        return
    concerns = order.record.concerns if order is not None else []
    show_operation(existing.operation, next_step_of(existing, concerns))
