"""Commands to start from, and a conversation that is held to its end."""

from typing import Any

from msgspec import UNSET

from ordergate.domain.commands import (
    Command,
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListFilters,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    ReturnGoods,
    ReturnLine,
    UpdateOrder,
)
from ordergate.domain.draft import CustomerBody, Draft, DraftLine
from ordergate.domain.outcome import Outcome
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.secret import Secret
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate_rapyd import adapter
from ordergate_rapyd.responses import read_order
from ordergate_rapyd.settings import RapydSettings

from .samples import envelope, order, respond

SETTINGS = RapydSettings(
    access_key=Secret("AKTEST0123456789ABCD"),
    secret_key=Secret("sk_test_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
)
OPERATION = "op_0198f3c29a6b7000800000000000abcd"
CUSTOMER = "cus_4e25112ac20e144ad073a614dc46934b"
CHAIR = "sku_6eb43887fd478baaf9223ec7ec17da21"
ORDER_ID = "order_87b78d2923633ab410654749e8817895"


def line(**changes: Any) -> DraftLine:
    """Return two chairs at 200.00."""
    given = {"sku": "CHAIR-1", "description": "Deluxe Gamer's Chair", "quantity": 2, "unit_amount": 20_000}
    return DraftLine(**{**given, **changes})


def shipping(**changes: Any) -> DraftLine:
    """Return shipping for 10.00."""
    given = {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1_000}
    return DraftLine(**{**given, **changes})


def draft(*lines: DraftLine, **changes: Any) -> Draft:
    """Return a draft; without lines, of two chairs and shipping."""
    given: dict[str, Any] = {
        "currency": "USD",
        "customer": CustomerBody(id="cust-42"),
        "line_items": list(lines) or [line(), shipping()],
    }
    return Draft(**{**given, **changes})


def create(
    wanted: Draft | None = None,
    *,
    customer: str | None = CUSTOMER,
    products: tuple[str | None, ...] | None = None,
    extension: dict[str, Any] | None = None,
) -> CreateOrder:
    """Return a create in which each product line is linked to one SKU per merchant's sku."""
    wanted = wanted or draft()
    linked = tuple(_linked(item) for item in wanted.line_items)
    return CreateOrder(
        operation=OPERATION,
        merchant="acme",
        draft=wanted,
        customer=customer,
        products=linked if products is None else products,
        extension=extension or {},
    )


def _linked(item: DraftLine) -> str | None:
    if item.sku is None or item.type == "shipping":
        return None
    return CHAIR if item.sku == "CHAIR-1" else f"sku_{item.sku}"


def seen(**changes: Any) -> ProviderOrder:
    """Return what Rapyd said of the documented order, with changes to what it said."""
    return read_order(respond(envelope(order(**changes))).body)


def pay(**changes: Any) -> PayOrder:
    """Return a pay in full with the default method."""
    given = {
        "operation": OPERATION,
        "order": seen(),
        "amount": 41_000,
        "payment_method": None,
        "extension": {},
    }
    return PayOrder(**{**given, **changes})


def fulfill(**changes: Any) -> FulfillOrder:
    """Return a fulfilment of the whole order."""
    given = {
        "operation": OPERATION,
        "order": seen(),
        "lines": None,
        "tracking_number": None,
        "carrier": None,
        "notify_customer": False,
    }
    return FulfillOrder(**{**given, **changes})


def update(**changes: Any) -> UpdateOrder:
    """Return a change of the metadata alone."""
    given = {
        "operation": OPERATION,
        "order": seen(),
        "metadata": {"colour": "red"},
        "notes": UNSET,
        "customer": UNSET,
        "tax_percent": UNSET,
        "extension": {},
    }
    return UpdateOrder(**{**given, **changes})


def confirm(**changes: Any) -> ConfirmPayment:
    """Return a confirmation of the payment."""
    return ConfirmPayment(**{"operation": OPERATION, "order": seen(), **changes})


def returned(**changes: Any) -> ReturnLine:
    """Return one chair at 200.00 that comes back."""
    return ReturnLine(**{"product": CHAIR, "unit_amount": 20_000, "quantity": 1, **changes})


def return_goods(*lines: ReturnLine, **changes: Any) -> ReturnGoods:
    """Return a return; without lines, of one chair."""
    given = {"operation": OPERATION, "order": seen(), "lines": lines or (returned(),), "shipping": None}
    return ReturnGoods(**{**given, **changes})


def retrieve(provider_order_id: str = ORDER_ID) -> RetrieveOrder:
    """Return a read of one order."""
    return RetrieveOrder(provider_order_id=provider_order_id)


def list_orders(limit: int = 10, cursor: str | None = None) -> ListOrders:
    """Return a read of one page."""
    return ListOrders(limit=limit, cursor=cursor, filters=ListFilters())


def asked(command: Command) -> WireRequest:
    """Return the request that a command becomes."""
    return next(adapter.plan(command, SETTINGS))


def concluded(command: Command, *responses: WireResponse) -> Outcome:
    """Hold the conversation with these answers, and return what came of it.

    What is asked after the last of them is not answered.
    """
    plan = adapter.plan(command, SETTINGS)
    next(plan)
    try:
        for response in responses:
            plan.send(response)
        plan.throw(NoAnswer("nobody answers"))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    raise AssertionError("Rapyd asks at most once more after it was not answered")


READS = (retrieve(), list_orders())
WRITES = (create(), pay(), fulfill(), update(), confirm(), return_goods())
