"""Opaque cursors for providers that page by object id in both directions."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal

import msgspec

from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.outcome import OrderPage
from ordergate.domain.provider_order import ProviderOrder


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The start of a page: the rows after, or before, the row with this id."""

    direction: Literal["after", "before"]
    id: str


def write_cursor(cursor: Cursor) -> str:
    """Return the cursor as text that a caller passes back unread."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str | None) -> Cursor | None:
    """Return the content of a cursor of :func:`write_cursor`; None for the first page.

    Raises:
        Problem: The text is no cursor of ours.
    """
    if text is None:
        return None
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise bad_cursor() from None


def bad_cursor() -> Problem:
    """Return the refusal of a cursor that no page answered."""
    return invalid_request(
        "/cursor", "invalid_cursor", "The cursor is none that a page of this account's list has answered."
    )


def page(orders: Sequence[ProviderOrder], cursor: Cursor | None, *, has_more: bool) -> OrderPage:
    """Return a page with cursors both ways.

    Args:
        orders: The rows in the provider's order.
        cursor: The cursor of the requested page.
        has_more: There are further rows in the direction of travel.
    """
    backwards = cursor is not None and cursor.direction == "before"
    onwards = has_more if not backwards else cursor is not None
    back = has_more if backwards else cursor is not None
    return OrderPage(
        orders=tuple(orders),
        has_more=has_more,
        next_cursor=_at(orders, -1, "after") if onwards else None,
        previous_cursor=_at(orders, 0, "before") if back else None,
    )


def _at(orders: Sequence[ProviderOrder], index: int, direction: Literal["after", "before"]) -> str | None:
    return write_cursor(Cursor(direction, orders[index].provider_order_id)) if orders else None
