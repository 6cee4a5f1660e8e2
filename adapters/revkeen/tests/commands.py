"""Commands to start from, and a conversation that is held to its end."""

from typing import Any

from msgspec import UNSET

from ordergate.domain.commands import (
    CancelOrder,
    Command,
    CreateOrder,
    FulfillOrder,
    ListFilters,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    UpdateOrder,
)
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.outcome import Outcome
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.secret import Secret
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate_revkeen import adapter
from ordergate_revkeen.responses import read_order
from ordergate_revkeen.settings import RevKeenSettings

from .samples import ORDER_ID, order, respond

SETTINGS = RevKeenSettings(api_key=Secret("rk_sandbox_0123456789abcdef"))
OPERATION = "op_0198f3c29a6b7000800000000000abcd"
CUSTOMER = "1c2f6eca-6276-4993-bfeb-53cbbbba6f08"
PRODUCT = "2d3f6eca-6276-4993-bfeb-53cbbbba6f08"
METHOD = "3e4f6eca-6276-4993-bfeb-53cbbbba6f08"


def line(**changes: Any) -> DraftLine:
    """Return two mugs at 12.50."""
    return DraftLine(**{"description": "Blue mug", "quantity": 2, "unit_amount": 1_250, **changes})


def shipping(**changes: Any) -> DraftLine:
    """Return shipping for 5.00."""
    given = {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 500}
    return DraftLine(**{**given, **changes})


def draft(*lines: DraftLine, **changes: Any) -> Draft:
    """Return a draft; without lines, of two mugs."""
    given: dict[str, Any] = {"currency": "USD", "line_items": list(lines) or [line()]}
    return Draft(**{**given, **changes})


def create(
    wanted: Draft | None = None,
    *,
    customer: str | None = None,
    products: tuple[str | None, ...] | None = None,
    extension: dict[str, Any] | None = None,
) -> CreateOrder:
    """Return a create; unless told otherwise of a guest, without linked products."""
    wanted = wanted or draft()
    return CreateOrder(
        operation=OPERATION,
        merchant="acme",
        draft=wanted,
        customer=customer,
        products=(None,) * len(wanted.line_items) if products is None else products,
        extension=extension or {},
    )


def seen(**changes: Any) -> ProviderOrder:
    """Return what RevKeen said of the documented order, with changes to what it said."""
    return read_order(respond(order(**changes)).body)


def pay(**changes: Any) -> PayOrder:
    """Return a pay in full with the default method."""
    given = {
        "operation": OPERATION,
        "order": seen(),
        "amount": 2_500,
        "payment_method": None,
        "extension": {},
    }
    return PayOrder(**{**given, **changes})


def cancel(**changes: Any) -> CancelOrder:
    """Return a cancellation without a reason."""
    return CancelOrder(**{"operation": OPERATION, "order": seen(), "reason": None, **changes})


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


def retrieve(provider_order_id: str = ORDER_ID) -> RetrieveOrder:
    """Return a read of one order."""
    return RetrieveOrder(provider_order_id=provider_order_id)


def list_orders(limit: int = 10, cursor: str | None = None, **filters: Any) -> ListOrders:
    """Return a read of one page."""
    return ListOrders(limit=limit, cursor=cursor, filters=ListFilters(**filters))


def asked(command: Command) -> WireRequest:
    """Return the request that a command becomes."""
    return next(adapter.plan(command, SETTINGS))


def concluded(command: Command, response: WireResponse) -> Outcome:
    """Hold the conversation with this answer, and return what came of it."""
    plan = adapter.plan(command, SETTINGS)
    next(plan)
    try:
        plan.send(response)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    raise AssertionError("RevKeen needs one request for each command")


READS = (retrieve(), list_orders())
WRITES = (create(), pay(), cancel(), fulfill(), update())
