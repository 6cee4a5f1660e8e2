"""Which operation answers which method and path below `/v2`, and the scope that it takes."""

from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from . import operations
from .account import Account
from .calls import Call, Reply
from .errors import ApiError, forbidden, invalid, not_found
from .identifiers import is_uuid
from .switches import Switches

BASE_PATH = "/v2"

Handler = Callable[[Account, Call], Reply]


class Route(msgspec.Struct, frozen=True):
    """One operation.

    Attributes:
        method: Upper case.
        path: Segments below the base path; `*` is an object's id.
        handler: Does it.
        scope: The scope that the key needs; None for the inferred scope of pay and update.
        error_shape: The form of its errors, if it is not the canonical one.
    """

    method: str
    path: tuple[str, ...]
    handler: Handler
    scope: str | None
    error_shape: str | None = None


ROUTES = (
    Route("GET", ("orders",), operations.list_orders, "orders:read"),
    Route("POST", ("orders",), operations.create, "orders:write"),
    Route("GET", ("orders", "*"), operations.retrieve, "orders:read"),
    Route("PATCH", ("orders", "*"), operations.update, None),
    Route("POST", ("orders", "*", "pay"), operations.pay, None),
    Route("POST", ("orders", "*", "cancel"), operations.cancel, "orders:write"),
    Route("POST", ("orders", "*", "fulfill"), operations.fulfill, "orders:write"),
    Route("GET", ("events",), operations.list_events, "events:read"),
    Route("POST", ("refunds",), operations.refund, "refunds:write"),
    Route("GET", ("customers", "*", "orders"), operations.list_customer_orders, "customers:read", "no_type"),
)


def segments(path: str) -> tuple[str, ...] | None:
    """Split a path below `/v2` into decoded segments; None outside of it."""
    if not path.startswith(f"{BASE_PATH}/"):
        return None
    return tuple(unquote(segment) for segment in path.removeprefix(f"{BASE_PATH}/").split("/"))


def route_of(method: str, path: tuple[str, ...], switches: Switches) -> Route:
    """Find the operation.

    No document states the response of a known path to another method. The Errors guide has no 405, so it is a 404 by
    default, and a 405 with `Allow` if a switch asks for it.

    Raises:
        ApiError: There is none.
    """
    candidates = [route for route in ROUTES if _fits(route, path)]
    for route in candidates:
        if route.method == method:
            return route
    if candidates and switches.wrong_method_status == 405:
        raise ApiError(405, headers={"Allow": ", ".join(route.method for route in candidates)})
    raise not_found("endpoint")


def object_id(route: Route, path: tuple[str, ...], switches: Switches) -> str:
    """Return the id that a path carries, in lower case; empty on collections.

    Raises:
        ApiError: It is no UUID.
    """
    if "*" not in route.path:
        return ""
    value = path[route.path.index("*")]
    if is_uuid(value):
        return value.lower()
    if switches.malformed_id_status == 404:
        raise not_found(route.path[0].removesuffix("s"))
    raise invalid("Expected a UUID", "id")


def require_scope(route: Route, switches: Switches) -> None:
    """Refuse a key without the operation's scope; `orders:*` includes all of orders.

    Raises:
        ApiError: 403.
    """
    scope = route.scope or switches.pay_and_update_scope
    wildcard = f"{scope.partition(':')[0]}:*"
    if not {scope, wildcard, "*"} & set(switches.key_scopes):
        raise forbidden(scope)


def _fits(route: Route, path: tuple[str, ...]) -> bool:
    return len(route.path) == len(path) and all(map(_matches, route.path, path))


def _matches(expected: str, given: str) -> bool:
    return bool(given) if expected == "*" else expected == given
