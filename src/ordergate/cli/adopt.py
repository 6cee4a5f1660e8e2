"""``ordergate import``."""

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


@click.command(name="import")
@click.argument("account")
@click.argument("provider_order_id")
@click.option("--merchant", required=True, envvar="ORDERGATE_MERCHANT", help="Whose order it shall be.")
@config_option
@environment_option
@json_option
@reports_problems
def import_(
    account: str, provider_order_id: str, merchant: str, config: Path | None, world: str, *, as_json: bool
) -> None:
    """Adopt the order PROVIDER_ORDER_ID, which was made at ACCOUNT without the gateway.

    \b
    ordergate import main 497f6eca-6276-4993-bfeb-53cbbbba6f08 --merchant acme
    """
    import msgspec

    from ordergate.domain.draft import ImportBody
    from ordergate.gateway.orders.imports import import_order
    from ordergate.terminal import show_order

    body = ImportBody(provider_order_id=provider_order_id, merchant=merchant)

    async def work(runtime: "Runtime") -> Any:
        return await import_order(runtime, operator(world), account, body)

    order = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(order))
    else:
        show_order(order)
