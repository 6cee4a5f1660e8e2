"""``ordergate operations``: the outcomes of writes, and a person's resolution of an unsettled one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    operator,
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
    """List and show writes; settle those that wait for a person."""


@operations.command(name="list")
@config_option
@environment_option
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--merchant", help="Only this merchant's.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--starting-after", help="Only operations older than this one.")
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
    """Show the write OP with all recorded facts, and its next step.

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
    """Probe the provider now for the unsettled write OP; nothing is sent again.

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
    help="What became of it at the provider.",
)
@click.option("--evidence", required=True, help="How you know; it is kept with the operation.")
@click.option("--provider-order-id", help="For a create that was applied: the order that it made.")
@click.option(
    "--unseen", is_flag=True, help="Not applied, though the provider cannot be looked at or does not show it."
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
    """Resolve the write OP, which could not settle itself.

    Applied: the order is read at the provider, and the write settles as its caller wanted. Not applied: a retry of its
        key may send it again. The provider is probed first. If it cannot be probed, use --unseen, and the retry probes
        before it sends. To accept the review reasons of an applied write, use --as applied.

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
    """The operation with its answer to give again, and its order as the journal has it."""
    from ordergate.journal import transactions as tx
    from ordergate.journal.records.operations import Existing

    found = await runtime.journal.read(tx.operations.find_existing(operation.id)) or Existing(operation, None)
    return found, await runtime.journal.read(tx.orders.find(operation.order))


def _print(existing: "Existing", order: "StoredOrder | None", *, as_json: bool) -> None:
    import msgspec

    from ordergate.gateway.writes.next_step import what_happens_next
    from ordergate.terminal import show_operation
    from ordergate.web.documents import operation_document

    if as_json:
        print_json(msgspec.json.encode(operation_document(existing.operation)))
        return
    concerns = order.record.concerns if order is not None else []
    show_operation(existing.operation, what_happens_next(existing, concerns))
