"""``ordergate orders``: the same use cases as the API, on the configured store."""

import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    merchant_caller,
    operator,
    print_json,
    reports_problems,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.access.caller import Caller
    from ordergate.gateway.runtime.runtime import Answer, Runtime
    from ordergate.gateway.writes.write import CallOptions

_merchant_option = click.option(
    "--merchant",
    envvar="ORDERGATE_MERCHANT",
    help="Whose orders; not needed while only one merchant has keys.",
)
_key_option = click.option("--idempotency-key", "key", help="Default: a fresh one, printed on stderr.")


@click.group()
def orders() -> None:
    """Create, read, pay, cancel, fulfill and redact orders."""


@orders.command()
@click.argument("draft", type=click.File("rb"))
@config_option
@_merchant_option
@environment_option
@_key_option
@click.option("--allow-duplicate", is_flag=True, help="The reference was used before, and that is meant.")
@json_option
@reports_problems
def create(draft: Any, config: Path | None, merchant: str | None, **options: Any) -> None:
    """Create an order from the JSON file DRAFT; - is standard input.

    \b
    ordergate orders create order.json
    ordergate orders create - --merchant acme --idempotency-key order-1001 < order.json
    """
    from ordergate.domain.draft import Draft
    from ordergate.domain.validation import decode_body
    from ordergate.gateway.orders.create import create_order

    body = decode_body(draft.read(), Draft)

    async def work(runtime: "Runtime", caller: "Caller", call_options: "CallOptions") -> "Answer":
        return await create_order(
            runtime, caller, body, call_options, allow_duplicate=options["allow_duplicate"]
        )

    _write(config, merchant, options, work)


@orders.command()
@click.argument("order_id")
@config_option
@environment_option
@click.option("--refresh", is_flag=True, help="Read the provider first, or fail.")
@json_option
@reports_problems
def get(order_id: str, config: Path | None, world: str, *, refresh: bool, as_json: bool) -> None:
    """Show the order ORDER_ID."""
    import msgspec

    from ordergate.gateway.orders.read import get_order
    from ordergate.terminal import show_order

    async def work(runtime: "Runtime") -> Any:
        return await get_order(runtime, operator(world), order_id, refresh=refresh)

    order = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(order))
    else:
        show_order(order)


@orders.command(name="list")
@config_option
@environment_option
@click.option("--merchant", help="Only this merchant's.")
@click.option("--status", help="open, pending, paid, …")
@click.option("--account", help="Only at this account.")
@click.option("--reference", help="Only with this order number.")
@click.option("--customer", help="Only of this customer.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--starting-after", help="Only orders older than this one.")
@json_option
@reports_problems
def list_orders(
    config: Path | None, world: str, status: str | None, *, as_json: bool, **filters: Any
) -> None:
    """List orders, newest first."""
    import msgspec

    from ordergate.domain.lifecycle import OrderStatus
    from ordergate.gateway.orders import read
    from ordergate.journal.records.orders import OrderQuery
    from ordergate.terminal import show_orders

    if status is not None and status not in list(OrderStatus):
        raise click.BadParameter(f"one of {', '.join(OrderStatus)}", param_hint="--status")
    query = OrderQuery(
        world="live" if world == "live" else "test", status=OrderStatus(status) if status else None, **filters
    )
    page = with_gateway(config, lambda runtime: read.list_orders(runtime, query))
    if as_json:
        print_json(msgspec.json.encode(page))
    else:
        show_orders(page.data, has_more=page.has_more)


@orders.command()
@click.argument("order_id")
@config_option
@_merchant_option
@environment_option
@_key_option
@click.option("--payment-method", help="Default: the customer's own default at the provider.")
@click.option("--amount", type=int, help="A part, in minor units, where the provider takes one.")
@click.option("--expected-total", type=int, help="Refuse unless the order costs this, in minor units.")
@json_option
@reports_problems
def pay(order_id: str, config: Path | None, merchant: str | None, **options: Any) -> None:
    """Pay the order ORDER_ID.

    \b
    ordergate orders pay ord_01a2… --expected-total 41000
    """
    from ordergate.domain.draft import PayBody
    from ordergate.gateway.orders.pay import pay_order

    body = _body(PayBody, options, "payment_method", "amount", "expected_total")
    _write(
        config,
        merchant,
        options,
        lambda runtime, caller, call_options: pay_order(runtime, caller, order_id, body, call_options),
    )


@orders.command()
@click.argument("order_id")
@config_option
@_merchant_option
@environment_option
@_key_option
@click.option("--reason")
@json_option
@reports_problems
def cancel(order_id: str, config: Path | None, merchant: str | None, **options: Any) -> None:
    """Cancel the unpaid order ORDER_ID."""
    from ordergate.domain.draft import CancelBody
    from ordergate.gateway.orders.cancel import cancel_order

    body = _body(CancelBody, options, "reason")
    _write(
        config,
        merchant,
        options,
        lambda runtime, caller, call_options: cancel_order(runtime, caller, order_id, body, call_options),
    )


@orders.command()
@click.argument("order_id")
@config_option
@_merchant_option
@environment_option
@_key_option
@click.option("--line", "line_item_ids", multiple=True, help="Only this line; may be repeated.")
@click.option("--tracking-number")
@click.option("--carrier")
@click.option("--notify-customer", is_flag=True, help="Let the provider tell the customer.")
@json_option
@reports_problems
def fulfill(order_id: str, config: Path | None, merchant: str | None, **options: Any) -> None:
    """Fulfill the order ORDER_ID."""
    from ordergate.domain.draft import FulfillBody
    from ordergate.gateway.orders.fulfill import fulfill_order

    options["line_item_ids"] = list(options["line_item_ids"]) or None
    names = ("line_item_ids", "tracking_number", "carrier", "notify_customer")
    body = _body(FulfillBody, options, *names)
    _write(
        config,
        merchant,
        options,
        lambda runtime, caller, call_options: fulfill_order(runtime, caller, order_id, body, call_options),
    )


@orders.command(name="return")
@click.argument("order_id")
@config_option
@_merchant_option
@environment_option
@_key_option
@click.option(
    "--line", "lines", multiple=True, required=True, metavar="LINE=QUANTITY", help="May be repeated."
)
@click.option("--shipping", is_flag=True, help="Refund the shipping too.")
@json_option
@reports_problems
def return_(order_id: str, config: Path | None, merchant: str | None, **options: Any) -> None:
    """Return goods of the order ORDER_ID and refund them.

    \b
    ordergate orders return ord_01a2… --line li_01a2…=1
    """
    from ordergate.domain.draft import ReturnBody
    from ordergate.gateway.orders.returns import return_goods

    lines = [line.partition("=") for line in options["lines"]]
    if not all(quantity.isdecimal() for _, _, quantity in lines):
        raise click.BadParameter("LINE=QUANTITY, as in li_01a2…=1", param_hint="--line")
    options["lines"] = [{"line_item_id": name, "quantity": int(quantity)} for name, _, quantity in lines]
    body = _body(ReturnBody, options, "lines", "shipping")
    _write(
        config,
        merchant,
        options,
        lambda runtime, caller, call_options: return_goods(runtime, caller, order_id, body, call_options),
    )


@orders.command()
@click.argument("order_id", metavar="ORD")
@config_option
@environment_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@reports_problems
def redact(order_id: str, config: Path | None, world: str, *, yes: bool, as_json: bool) -> None:
    """Erase the personal data of the order ORD here, for good.

    Email, shipping address, notes, metadata and tracking numbers are erased, also in the order's operations. Money,
    statuses, goods, ids, the customer's id and the evidence of resolutions stay. Later reads of the provider restore
    nothing. Of a refused order, the sent data is erased; comparisons with the order's reference are erased too. Erase
    the provider's own copy there; backups are your responsibility.

    \b
    ordergate orders redact ord_01a2…
    ordergate orders redact ord_01a2… --yes --json
    """
    import msgspec

    from ordergate.gateway.orders.redact import redact_order
    from ordergate.terminal import show_order

    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("what is erased does not come back; say --yes")
    if not yes:
        click.confirm(f"Erase the personal data of {order_id} for good?", abort=True, err=True)

    async def work(runtime: "Runtime") -> Any:
        return await redact_order(runtime, operator(world), order_id)

    order = with_gateway(config, work)
    if as_json:
        print_json(msgspec.json.encode(order if order is not None else {"id": order_id}))
    else:
        if order is not None:
            show_order(order)
        tell("personal data erased")


def _body(kind: Any, options: dict[str, Any], *names: str) -> Any:
    """Decode options as a request body of the API, so that the same rules apply."""
    import msgspec

    from ordergate.domain.validation import decode_body

    given = {name: options[name] for name in names if options[name] is not None}
    return decode_body(msgspec.json.encode(given), kind)


def _write(
    config: Path | None,
    merchant: str | None,
    options: dict[str, Any],
    work: "Callable[[Runtime, Caller, CallOptions], Awaitable[Answer]]",
) -> None:
    """Run one write for a merchant, and print its answer."""
    from ordergate.gateway.writes.write import CallOptions

    key = options["key"] or str(uuid.uuid4())

    async def run(runtime: "Runtime") -> "Answer":
        caller = await merchant_caller(runtime, merchant, options["world"])
        if options["key"] is None:
            tell(f"idempotency key {key}", err=True)
        return await work(runtime, caller, CallOptions(key=key))

    answer = with_gateway(config, run)
    _print_answer(answer, as_json=options["as_json"])
    if answer.response.status >= 400:
        sys.exit(1)


def _print_answer(answer: "Answer", *, as_json: bool) -> None:
    import msgspec

    from ordergate.domain.order import Order
    from ordergate.terminal import show_order

    if as_json:
        print_json(answer.response.body)
        return
    document = msgspec.json.decode(answer.response.body)
    if answer.response.status >= 400:
        tell(f"{document['code']}: {document['detail']}", err=True)
    elif document["id"].startswith("ord_"):
        show_order(msgspec.convert(document, Order))
    else:
        tell(f"{document['id']}: {document['amount']} returned")
