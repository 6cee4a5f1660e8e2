"""The request bodies, as strict as their schemas: integers only, no nulls, no unknown fields.

An absent field is `UNSET`; a null is an error unless the type allows it (OpenAPI, 2026-05-01).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .calls import Call
from .errors import ApiError, invalid
from .identifiers import UUID_PATTERN
from .switches import Switches

MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader represents exactly; the schemas name no maximum."""
MAX_DEPTH = 64
"""Deepest nesting taken; the schemas name no maximum."""

Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
DateTime = Annotated[datetime, Meta(tz=True)]
Metadata = dict[str, Any]
BillingType = Literal["one_time", "recurring"]
Positive = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
NotNegative = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Notes = Annotated[str, Meta(max_length=1000)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all request bodies: strict."""


class NewLine(Body, frozen=True):
    """A line of `CreateOrderRequest`; `unit_price` in minor units, 0 for a free line."""

    description: Annotated[str, Meta(min_length=1, max_length=500)]
    unit_price: NotNegative
    quantity: Positive = 1
    product_id: Uuid | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class NewOrder(Body, frozen=True):
    """`CreateOrderRequest`: no field takes null."""

    line_items: Annotated[list[NewLine], Meta(min_length=1)]
    customer_id: Uuid | UnsetType = UNSET
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = "usd"
    billing_type: BillingType = "one_time"
    metadata: Metadata | UnsetType = UNSET
    notes: Notes | UnsetType = UNSET
    expires_at: DateTime | UnsetType = UNSET
    invoice_id: Uuid | UnsetType = UNSET
    subscription_id: Uuid | UnsetType = UNSET


class OrderUpdate(Body, frozen=True):
    """`UpdateOrderRequest`: the only body with nullable fields."""

    customer_id: Uuid | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET


class NewPayment(Body, frozen=True):
    """`PayOrderRequest`; `amount` in minor units, absent for all that is due."""

    payment_method_id: Uuid | UnsetType = UNSET
    payment_token: str | UnsetType = UNSET
    amount: Positive | UnsetType = UNSET


class Cancellation(Body, frozen=True):
    """`CancelOrderRequest`; the reason is returned by no schema."""

    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET


class Fulfillment(Body, frozen=True):
    """`FulfillOrderRequest`; no schema returns the tracking, and the customer is notified by default."""

    tracking_number: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    carrier: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    line_item_ids: list[Uuid] | UnsetType = UNSET
    notify_customer: bool = True


class NewRefund(Body, frozen=True):
    """The body of `POST /refunds`; `amount_minor` absent for the whole payment."""

    payment_id: Uuid
    amount_minor: Positive | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET


T = TypeVar("T", bound=Body)


def parse(model: type[T], call: Call, switches: Switches, *, may_be_empty: bool = False) -> T:
    """Read a request's body.

    Args:
        model: The type of the body.
        call: The request.
        switches: How strict the service is.
        may_be_empty: Whether the operation needs no input, so that an absent body may mean `{}`.

    Raises:
        ApiError: 400, with the dotted path of the first field at fault.
    """
    raw = call.request.body
    if not raw and may_be_empty and switches.empty_body == "as_object":
        raw = b"{}"
    elif switches.require_json_content_type:
        _require_json(call)
    document = _document(raw)
    if switches.unknown_fields == "ignore":
        document = _known(document, model)
    try:
        return msgspec.convert(document, model)
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from None


def same_json(left: bytes, right: bytes) -> bool:
    """Return whether two bodies are the same JSON; other bodies are compared by their bytes."""
    try:
        return bool(_document(left) == _document(right))
    except ApiError:
        return left == right


def _require_json(call: Call) -> None:
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise invalid("Content-Type must be application/json")


def _document(raw: bytes) -> Any:
    try:
        document = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        raise invalid("The body is not valid JSON") from None
    if _depth(document) > MAX_DEPTH:
        raise invalid(f"The body is nested deeper than {MAX_DEPTH} levels")
    return document


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level:
        level = [child for value in level for child in _children(value)]
        depth += 1
    return depth


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _known(document: Any, model: type[Body]) -> Any:
    if not isinstance(document, dict):
        return document
    known = {name: value for name, value in document.items() if name in model.__struct_fields__}
    if model is NewOrder and isinstance(known.get("line_items"), list):
        known["line_items"] = [_known(line, NewLine) for line in known["line_items"]]
    return known


_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_NAMED = (
    (re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL), "Unknown field"),
    (re.compile(r"^Object missing required field `(.*)`$", re.DOTALL), "Required"),
)


def _field_error(message: str) -> ApiError:
    """Turn msgspec's sentence into RevKeen's envelope: its path dotted, its reason in plain words."""
    found = _PLACE.match(message)
    assert found is not None, "the pattern matches every text"
    path, reason = re.sub(r"\[(\d+)\]", r".\1", found["path"] or ""), found["reason"]
    for pattern, plain in _NAMED:
        field = pattern.match(reason)
        if field:
            return invalid(plain, f"{path}.{field[1]}".lstrip(".") or None)
    if "matching regex" in reason:
        reason = "Expected a UUID"
    return invalid(reason.replace("`", ""), path or None)
