"""Creates an order: routes it, resolves the merchant's ids, and keeps what the provider has no place for."""

from collections.abc import Iterator

import msgspec

from ordergate.domain.assembly import OrderedLine, OrderRecord, expected_total
from ordergate.domain.commands import CreateOrder
from ordergate.domain.draft import Draft, draft_errors
from ordergate.domain.errors import Problem
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Address, Customer, Notice
from ordergate.domain.outcome import Applied
from ordergate.domain.provider_order import ProviderOrder
from ordergate.domain.validation import summary
from ordergate.gateway.account import Account
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.links import Wanted, resolve
from ordergate.gateway.records import LinkKind, Operation
from ordergate.gateway.routing import choose_account
from ordergate.gateway.write import Call, Prepared, write

PATH = "/v1/orders"


async def create_order(
    gateway: Gateway, caller: Caller, draft: Draft, key: str, *, allow_duplicate: bool
) -> Answer:
    """Create an order at the account that the draft names, or that the routing chooses.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """
    errors = draft_errors(draft)
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)

    async def prepare(operation: Operation) -> Prepared:
        return await _prepare(gateway, draft, operation)

    call = Call(
        caller=caller,
        kind=OperationKind.CREATE,
        method="POST",
        path=PATH,
        key=key,
        body=draft,
        reference=draft.reference,
        allow_duplicate=allow_duplicate,
    )
    return await write(gateway, call, prepare)


async def _prepare(gateway: Gateway, draft: Draft, operation: Operation) -> Prepared:
    account = choose_account(gateway.configuration, operation.merchant, operation.world, draft.account)
    native = await resolve(gateway.journal, account, operation.merchant, operation.world, _wanted(draft))
    command = CreateOrder(
        operation=operation.id,
        key_number=operation.key_number,
        merchant=operation.merchant,
        draft=draft,
        customer=_native_customer(draft, native),
        products=tuple(native.get(("products", line.sku)) if line.sku else None for line in draft.line_items),
        extension=(draft.extensions or {}).get(account.adapter.name, {}),
    )
    plan = account.adapter.plan(command, account.settings)
    request = next(plan)

    def finish(outcome: Applied) -> OrderRecord:
        return _record(gateway, command, operation, account, outcome.order, list(request.notices))

    return Prepared(account=account, plan=plan, request=request, before=None, finish=finish)


def _wanted(draft: Draft) -> Iterator[Wanted]:
    if draft.customer is not None and draft.customer.id is not None:
        yield "customers", draft.customer.id, "/customer/id"
    for index, line in enumerate(draft.line_items):
        if line.sku is not None:
            yield "products", line.sku, f"/line_items/{index}/sku"


def _native_customer(draft: Draft, native: dict[tuple[LinkKind, str], str]) -> str | None:
    if draft.customer is None or draft.customer.id is None:
        return None
    return native.get(("customers", draft.customer.id))


def _record(
    gateway: Gateway,
    command: CreateOrder,
    operation: Operation,
    account: Account,
    seen: ProviderOrder,
    notices: list[Notice],
) -> OrderRecord:
    draft = command.draft
    return OrderRecord(
        id=operation.order,
        merchant=operation.merchant,
        world=operation.world,
        account=account.name,
        adapter=account.adapter.name,
        reference=draft.reference,
        lines=[
            OrderedLine(
                id=new_id("li"),
                type=line.type,
                sku=line.sku,
                product=product,
                description=line.description,
                quantity=line.quantity,
                unit_amount=line.unit_amount,
                metadata=dict(line.metadata or {}),
            )
            for line, product in zip(draft.line_items, command.products, strict=True)
        ],
        customer=_customer(draft),
        shipping_address=_address(draft),
        metadata=dict(draft.metadata or {}),
        notes=draft.notes,
        tax_percent=draft.tax_percent,
        expires_at=draft.expires_at,
        currency=draft.currency,
        expected_total=expected_total(draft, coupon=command.extension.get("coupon") is not None),
        extensions=command.extension,
        notices=notices,
        fulfillments=[],
        returns=[],
        canceled_here=None,
        concerns=[],
        purpose=None,
        seen=seen,
        synced_at=gateway.clock(),
    )


def _customer(draft: Draft) -> Customer | None:
    return None if draft.customer is None else Customer(**msgspec.structs.asdict(draft.customer))


def _address(draft: Draft) -> Address | None:
    given = draft.shipping_address
    return None if given is None else Address(**msgspec.structs.asdict(given))
