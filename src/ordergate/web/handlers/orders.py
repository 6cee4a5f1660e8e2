"""Orders: create, read, list, pay, cancel, fulfill."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from ordergate.api.documents import OperationDocument, ReturnList
from ordergate.api.pages import Page
from ordergate.api.receipts import Receipt
from ordergate.domain.draft import CancelBody, Draft, FulfillBody, PayBody, ReturnBody, UpdateBody
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.order import Order, Return
from ordergate.gateway.orders import cancel, create, fulfill, pay, read, receipts, returns, update
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal.records.orders import OrderQuery
from ordergate.journal.records.paging import PageQuery
from ordergate.telemetry.log import note_account
from ordergate.web import examples
from ordergate.web.authentication import caller_of
from ordergate.web.openapi import IDEMPOTENCY_KEY, READ_PROBLEMS, WRITE_PROBLEMS, answers
from ordergate.web.paging import paged
from ordergate.web.strictness import require_zone

_DIGITS = 4
"""Of the seconds that a caller prefers to wait, at most."""

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name=IDEMPOTENCY_KEY,
        description="Required. 1 to 255 visible ASCII characters; a repeat gets the first answer again.",
        examples=[Example(value="order-1001-create")],
    ),
]
Duplicate = Annotated[
    str | None,
    HeaderParameter(
        name="Ordergate-Duplicate",
        description="`allow` creates a second order with a reference that was used before.",
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="`respond-async` answers 202 and the operation once the write is safely recorded; "
        "`respond-async, wait=3` waits for the result first, 3 seconds at most (RFC 7240).",
    ),
]
ACCEPTED = {202: answers(OperationDocument, "Accepted: the operation, with `Prefer: respond-async`")}


@post(
    "/v1/orders",
    operation_id="create_order",
    summary="Create an order",
    tags=["orders"],
    opt={"scope": "orders:write"},
    responses={**WRITE_PROBLEMS, **ACCEPTED, 201: answers(Order, "Created", examples.ORDER)},
)
async def create_order(
    request: Request[Any, Any, Any],
    data: Annotated[Draft, BodyKwarg(examples=examples.DRAFT)],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
    duplicate: Duplicate = None,
) -> ASGIResponse:
    """Create an order at the account that `account` names, or that the routing chooses.

    The total is checked against `expected_total`, or against the lines if there is neither tax nor coupon. An order
    with another total is created all the same, and its status is `review`.
    """
    if duplicate not in {None, "allow"}:
        raise invalid_request("/Ordergate-Duplicate", "invalid_value", "The header's only value is allow.")
    answer = await create.create_order(
        _runtime(request),
        caller_of(request),
        data,
        _delivery(_required(idempotency_key), prefer),
        allow_duplicate=duplicate == "allow",
    )
    return _answer(answer)


@get(
    "/v1/orders",
    operation_id="list_orders",
    summary="List orders",
    tags=["orders"],
    opt={"scope": "orders:read"},
    dependencies=paged("ord"),
    responses=READ_PROBLEMS,
)
async def list_orders(
    request: Request[Any, Any, Any],
    page: NamedDependency[PageQuery],
    status: FromQuery[OrderStatus | None] = None,
    account: FromQuery[str | None] = None,
    provider: FromQuery[str | None] = None,
    customer: FromQuery[str | None] = None,
    reference: FromQuery[str | None] = None,
    created_gte: FromQuery[datetime | None] = None,
    created_lte: FromQuery[datetime | None] = None,
    purpose: FromQuery[Literal["comparison"] | None] = None,
) -> Page:
    """List orders from the journal, newest first; `starting_after` and `ending_before` are ids of orders.

    Orders that comparisons have made are listed only with `purpose=comparison`.
    """
    query = OrderQuery(
        **msgspec.structs.asdict(page),
        status=status,
        account=account,
        provider=provider,
        customer=customer,
        reference=reference,
        created_gte=require_zone(created_gte, "created_gte"),
        created_lte=require_zone(created_lte, "created_lte"),
        purpose=purpose,
    )
    return await read.list_orders(_runtime(request), query)


@get(
    "/v1/orders/{order_id:str}",
    operation_id="get_order",
    summary="Read an order",
    tags=["orders"],
    opt={"scope": "orders:read"},
    responses={**READ_PROBLEMS, 200: answers(Order, "The order", examples.ORDER)},
)
async def get_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    refresh: Annotated[bool, QueryParameter(description="Read the provider first, or fail.")] = False,
) -> Order:
    """Read an order from the journal; with `refresh=true` the provider is read first."""
    return await read.get_order(_runtime(request), caller_of(request), order_id, refresh=refresh)


@get(
    "/v1/orders/{order_id:str}/receipt",
    operation_id="get_receipt",
    summary="Read an order's receipt",
    tags=["orders"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def get_receipt(request: Request[Any, Any, Any], order_id: FromPath[str]) -> Receipt:
    """Read the exchanges of the order with its provider, attempt by attempt, also while the order is unsettled.

    Credentials are masked. The receipt is stored as long as keys are (`retention_days`), and until the order is
    redacted.
    """
    return await receipts.get_receipt(_runtime(request), caller_of(request), order_id)


@post(
    "/v1/orders/{order_id:str}/pay",
    operation_id="pay_order",
    summary="Pay an order",
    tags=["orders"],
    opt={"scope": "payments:write"},
    status_code=200,
    responses={**WRITE_PROBLEMS, **ACCEPTED, 200: answers(Order, "Read payment_status")},
)
async def pay_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    data: JSONBody[PayBody],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> ASGIResponse:
    """Pay the amount due, or `amount` if the provider accepts a part.

    A 200 does not mean paid: read `payment_status` and `next_action`. Without `expected_total`, the total must still be
    the one in the gateway's last answer about the order; otherwise 409 `amount_mismatch`. An order that costs nothing
    becomes paid without a payment.
    """
    answer = await pay.pay_order(
        _runtime(request), caller_of(request), order_id, data, _delivery(_required(idempotency_key), prefer)
    )
    return _answer(answer)


@post(
    "/v1/orders/{order_id:str}/cancel",
    operation_id="cancel_order",
    summary="Cancel an unpaid order",
    tags=["orders"],
    opt={"scope": "orders:write"},
    status_code=200,
    responses={**WRITE_PROBLEMS, **ACCEPTED, 200: answers(Order, "Canceled")},
)
async def cancel_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    data: JSONBody[CancelBody],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> ASGIResponse:
    """Cancel an unpaid order; if the provider cannot, the gateway cancels it itself."""
    answer = await cancel.cancel_order(
        _runtime(request), caller_of(request), order_id, data, _delivery(_required(idempotency_key), prefer)
    )
    return _answer(answer)


@post(
    "/v1/orders/{order_id:str}/fulfill",
    operation_id="fulfill_order",
    summary="Fulfill a paid order",
    tags=["orders"],
    opt={"scope": "orders:write"},
    status_code=200,
    responses={**WRITE_PROBLEMS, **ACCEPTED, 200: answers(Order, "Fulfilled")},
)
async def fulfill_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    data: JSONBody[FulfillBody],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> ASGIResponse:
    """Fulfill all lines, or the named ones if the provider supports that.

    A line is handed over once, as a whole.
    """
    answer = await fulfill.fulfill_order(
        _runtime(request), caller_of(request), order_id, data, _delivery(_required(idempotency_key), prefer)
    )
    return _answer(answer)


@patch(
    "/v1/orders/{order_id:str}",
    operation_id="update_order",
    summary="Change an order",
    tags=["orders"],
    opt={"scope": "orders:write"},
    responses={**WRITE_PROBLEMS, **ACCEPTED, 200: answers(Order, "Changed")},
)
async def update_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    data: JSONBody[UpdateBody],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> ASGIResponse:
    """Change metadata (merged by RFC 7396), notes, customer, tax or extensions, as far as the provider supports it.

    An absent field stays; null clears it. The Idempotency-Key is optional.
    """
    answer = await update.update_order(
        _runtime(request), caller_of(request), order_id, data, _delivery(idempotency_key, prefer)
    )
    return _answer(answer)


@post(
    "/v1/orders/{order_id:str}/returns",
    operation_id="return_goods",
    summary="Return goods and refund them",
    tags=["orders"],
    opt={"scope": "payments:write"},
    responses={**WRITE_PROBLEMS, **ACCEPTED, 201: answers(Return, "Returned")},
)
async def return_goods(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    data: JSONBody[ReturnBody],
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> ASGIResponse:
    """Return some of the ordered quantities.

    The rest is the ordered quantity without all returns: the provider's own returns count, and a repeated line counts
    each time. Return an order with tax or a coupon in the provider's own portal.
    """
    answer = await returns.return_goods(
        _runtime(request), caller_of(request), order_id, data, _delivery(_required(idempotency_key), prefer)
    )
    return _answer(answer)


@get(
    "/v1/orders/{order_id:str}/returns",
    operation_id="list_returns",
    summary="List an order's returns",
    tags=["orders"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def list_returns(request: Request[Any, Any, Any], order_id: FromPath[str]) -> ReturnList:
    """List the returns, oldest first."""
    return ReturnList(data=await returns.list_returns(_runtime(request), caller_of(request), order_id))


def _runtime(request: Request[Any, Any, Any]) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def _required(key: str | None) -> str:
    if key is None:
        raise Problem(
            "idempotency_key_missing",
            "Send an Idempotency-Key header, unique to this operation, and the same one when you repeat it.",
        )
    return key


def _delivery(key: str | None, prefer: str | None) -> CallOptions:
    """Read the preferences (RFC 7240); those that are not known here are ignored, as it demands."""
    parts = (part.partition("=") for part in (prefer or "").split(","))
    preferences = {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}
    if "respond-async" not in preferences:
        return CallOptions(key=key)
    wait = preferences.get("wait", "")
    return CallOptions(key=key, wait=float(wait) if wait.isdecimal() and len(wait) <= _DIGITS else 0.0)


def _answer(answer: Answer) -> ASGIResponse:
    note_account(answer.account)
    problem = answer.response.status >= 400
    return ASGIResponse(
        body=answer.response.body,
        status_code=answer.response.status,
        media_type="application/problem+json" if problem else "application/json",
        headers=_headers(answer),
    )


def _headers(answer: Answer) -> dict[str, str]:
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    return headers | ({"Preference-Applied": "respond-async"} if answer.accepted else {})
