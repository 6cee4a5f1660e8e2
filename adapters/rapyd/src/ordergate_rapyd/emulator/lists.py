"""Lists and their cursors.

Facts: Rapyd docs, "List Orders" and "List Returns": ``limit`` from 1 to 100, 10 by default; an array alone,
without a sign that there are more. ``starting_after`` is the id of the element before the first of the page,
``ending_before`` the id of the element after the last.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ordergate.spi.emulator_toolkit.paging import cut_page
from ordergate_rapyd.emulator import views
from ordergate_rapyd.emulator.account import Account, Call
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.javascript import JsonObject

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_LIMIT = re.compile(r"[0-9]{1,3}")

T = TypeVar("T")


def list_orders(account: Account, call: Call) -> list[JsonObject]:
    """``GET /v1/orders``."""
    return [views.order(account, order) for order in _page(account, call, account.orders)]


def list_returns(account: Account, call: Call) -> list[JsonObject]:
    """``GET /v1/order_returns``."""
    returns = account.returns
    if account.switches.returns_tokens_filter and "tokens" in call.query:
        orders = call.query["tokens"].split(",")
        returns = {key: order_return for key, order_return in returns.items() if order_return.order in orders}
    return [views.order_return(account, order_return) for order_return in _page(account, call, returns)]


def list_payments(account: Account, call: Call) -> list[JsonObject]:
    """``GET /v1/payments``, all or those of one order."""
    payments = account.payments
    if "order" in call.query:
        order = call.query["order"]
        payments = {key: payment for key, payment in payments.items() if payment.order == order}
    return [views.payment(account, payment) for payment in _page(account, call, payments)]


def _page(account: Account, call: Call, objects: Mapping[str, T]) -> Sequence[T]:
    """Return the elements after the one cursor and before the other, as many as the limit allows."""
    limit = _limit(call)
    ids = list(objects)
    if account.switches.list_direction == "newest_first":
        ids.reverse()
    start = _position(account, call, ids, "starting_after")
    end = _position(account, call, ids, "ending_before")
    page = cut_page(ids, after=start, before=end, limit=limit)
    return [objects[object_id] for object_id in page.rows]


def _limit(call: Call) -> int:
    text = call.query.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise RefusedError("INVALID_LIMIT")
    return limit


def _position(account: Account, call: Call, ids: Sequence[str], cursor: str) -> int | None:
    """Return the index of the cursor; an unknown cursor is past the end, or is refused."""
    object_id = call.query.get(cursor, "")
    if not object_id:
        return None
    if object_id in ids:
        return ids.index(object_id)
    if account.switches.unknown_cursor == "empty":
        return len(ids) if cursor == "starting_after" else 0
    raise RefusedError(account.switches.unknown_cursor)
