"""The operations of a merchant in a simulation, and the orders that they need."""

from collections.abc import Awaitable, Callable

import msgspec

from ordergate.conformance.driver import InProcess
from ordergate.domain.draft import (
    CancelBody,
    CustomerBody,
    Draft,
    DraftLine,
    FulfillBody,
    PayBody,
    ReturnBody,
    ReturnLineBody,
    UpdateBody,
)
from ordergate.domain.errors import Problem
from ordergate.domain.order import Order
from ordergate.gateway.access.caller import MERCHANT_SCOPES, OPERATOR_SCOPE, Caller
from ordergate.gateway.orders.cancel import cancel_order
from ordergate.gateway.orders.create import create_order
from ordergate.gateway.orders.fulfill import fulfill_order
from ordergate.gateway.orders.pay import pay_order
from ordergate.gateway.orders.read import get_order
from ordergate.gateway.orders.returns import return_goods
from ordergate.gateway.orders.update import update_order
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal.records.operations import StoredResponse

MERCHANT = "acme"
CUSTOMER = "cust-42"
SKU = "CHAIR-1"
CALLER = Caller(
    key="key_1", merchant=MERCHANT, world="test", operator=False, scopes=frozenset(MERCHANT_SCOPES)
)

OPERATOR = Caller(key="key_2", merchant=None, world="test", operator=True, scopes=frozenset({OPERATOR_SCOPE}))

State = str
"""The state of the order that an operation needs: ``none``, ``open``, ``paid``, ``fulfilled``, ``received``."""


class Target(msgspec.Struct, frozen=True):
    """The order that an operation is about; `line` is its first product line."""

    order: str
    line: str


Ask = Callable[[Runtime, Target, CallOptions], Awaitable[Answer]]


def draft(reference: str | None = None) -> Draft:
    """Two chairs and shipping."""
    return Draft(
        reference=reference,
        currency="USD",
        customer=CustomerBody(id=CUSTOMER),
        line_items=[
            DraftLine(sku=SKU, description="Chair", quantity=2, unit_amount=20000),
            DraftLine(type="shipping", description="Shipping", quantity=1, unit_amount=1000),
        ],
    )


async def create(gateway: Runtime, _target: Target, options: CallOptions) -> Answer:
    """Create an order with a reference."""
    wanted = draft(f"A-{options.key}")
    return await create_order(gateway, CALLER, wanted, options, allow_duplicate=False)


async def pay(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Pay all of it."""
    return await pay_order(gateway, CALLER, target.order, PayBody(), options)


async def pay_a_part(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Pay a part of it."""
    return await pay_order(gateway, CALLER, target.order, PayBody(amount=5000), options)


async def update(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Change the metadata, to something that it never was."""
    body = UpdateBody(metadata={"note": f"changed by {options.key}"})
    return await update_order(gateway, CALLER, target.order, body, options)


async def cancel(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Cancel it."""
    return await cancel_order(gateway, CALLER, target.order, CancelBody(reason="Out of stock"), options)


async def fulfill(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Hand all of it over."""
    return await fulfill_order(gateway, CALLER, target.order, FulfillBody(tracking_number="1Z9"), options)


async def fulfill_a_line(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Hand one line over."""
    body = FulfillBody(line_item_ids=[target.line])
    return await fulfill_order(gateway, CALLER, target.order, body, options)


async def give_back(gateway: Runtime, target: Target, options: CallOptions) -> Answer:
    """Return one of two chairs."""
    body = ReturnBody(lines=[ReturnLineBody(line_item_id=target.line, quantity=1)])
    return await return_goods(gateway, CALLER, target.order, body, options)


async def confirm(gateway: Runtime, target: Target, _options: CallOptions) -> Answer:
    """Read the order; then the gateway reports the payment to the provider."""
    order: Order = await get_order(gateway, CALLER, target.order, refresh=True)
    if order.provider_status != "paid":
        raise Problem("order_busy", "The provider has not been told yet.", retry_after=1)
    return Answer(StoredResponse(status=200, body=b"paid"), order.account, replayed=True)


class Kind(msgspec.Struct, frozen=True):
    """One kind of operation.

    Attributes:
        needs: The state of the order that it changes.
        wait: As :class:`CallOptions` has it.
        effects: How often the provider changes for it, once it is applied.
    """

    ask: Ask
    needs: State
    wait: float | None = None
    effects: int = 1

    @property
    def keyed(self) -> bool:
        """Whether it is called with a key."""
        return self.ask is not confirm


_BOTH = {
    "create": Kind(create, "none"),
    "create_accepted": Kind(create, "none", wait=0.0),
    "pay": Kind(pay, "open"),
    "pay_accepted": Kind(pay, "open", wait=0.0),
    "update": Kind(update, "open"),
    "fulfill": Kind(fulfill, "paid"),
}
OPERATIONS: dict[str, dict[str, Kind]] = {
    "rapyd": {
        **_BOTH,
        "cancel": Kind(cancel, "open", effects=0),
        "return": Kind(give_back, "fulfilled"),
        "confirm": Kind(confirm, "received"),
    },
    "revkeen": {
        **_BOTH,
        "cancel": Kind(cancel, "open"),
        "pay_a_part": Kind(pay_a_part, "open"),
        "fulfill_a_line": Kind(fulfill_a_line, "paid"),
    },
}
"""Every write that each provider can do."""


def waiting_method(provider: InProcess) -> str:
    """Return a means of payment that stays open until it is closed at the provider."""
    methods = provider.emulator.catalog()["payment_methods"]
    return next(str(method["id"]) for method in methods if "bank transfer" in method["about"])
