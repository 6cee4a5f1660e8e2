"""Which operation a method and a path name.

Facts: Rapyd docs, "Orders" and "Payments". Updates are POST requests; nothing is deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

from ordergate.spi.emulator import EmulatedRequest
from ordergate_rapyd.emulator import lists, orders, payments, returns
from ordergate_rapyd.emulator.account import Account, Call
from ordergate_rapyd.emulator.currencies import list_currencies
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.fields import given
from ordergate_rapyd.emulator.javascript import Json

Operation: TypeAlias = Callable[[Account, Call], Json]


def _currencies(_account: Account, _call: Call) -> Json:
    return list_currencies()


ROUTES: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/orders"): orders.create_order,
    ("GET", "/v1/orders"): lists.list_orders,
    ("GET", "/v1/orders/{id}"): orders.retrieve_order,
    ("POST", "/v1/orders/{id}"): orders.update_order,
    ("POST", "/v1/orders/{id}/pay"): payments.pay_order,
    ("POST", "/v1/orders/{id}/returns"): returns.create_return,
    ("GET", "/v1/order_returns"): lists.list_returns,
    ("GET", "/v1/order_returns/{id}"): returns.retrieve_return,
    ("GET", "/v1/payments"): lists.list_payments,
    ("GET", "/v1/payments/{id}"): payments.retrieve_payment,
    ("POST", "/v1/payments/completePayment"): payments.complete_payment,
    ("GET", "/v1/data/currencies"): _currencies,
}
"""Every operation; ``{id}`` matches one segment that is not blank."""


def find(request: EmulatedRequest) -> tuple[Operation, str]:
    """Return the operation and the id in its path.

    Raises:
        RefusedError: There is no such path or method; Rapyd responds to both in the same way.
    """
    segments = [unquote(segment) for segment in request.path.split("/")]
    for (method, path), operation in ROUTES.items():
        if method == request.method and (found := _match(path.split("/"), segments)) is not None:
            return operation, found
    raise RefusedError("UNAUTHORIZED_API_CALL")


def read_call(request: EmulatedRequest, object_id: str, body: Json, now: float) -> Call:
    """Return the request in the form that operations use.

    Raises:
        RefusedError: The body of a POST request is JSON, but no object.
    """
    if request.method == "POST" and not isinstance(body, dict):
        raise RefusedError("MISSING_INVALID_PARAMETERS")
    return Call(
        object_id=object_id,
        query=dict(parse_qsl(request.query, keep_blank_values=True)),
        body=given(body) if isinstance(body, dict) else {},
        now=now,
    )


def _match(pattern: Sequence[str], segments: Sequence[str]) -> str | None:
    """Return the id, blank if the pattern has none, or None if the path does not match."""
    object_id = ""
    if len(pattern) != len(segments):
        return None
    for expected, segment in zip(pattern, segments, strict=True):
        if expected == "{id}" and segment:
            object_id = segment
        elif expected != segment:
            return None
    return object_id
