"""Orders from Python: a typed client for the gateway, blocking or for asyncio.

    from ordergate.client import Client, CustomerBody, Draft, DraftLine

    with Client(url, api_key) as gateway:
        draft = Draft(
            reference="1001",
            currency="USD",
            customer=CustomerBody(id="cust-42"),
            line_items=[
                DraftLine(sku="CHAIR-1", description="Chair", quantity=2, unit_amount=20000),
            ],
        )
        order = gateway.orders.create(draft, idempotency_key="order-1001")
        assert order.total == 40000
        order = gateway.orders.pay(order)
        for each in gateway.orders.iterate(reference="1001"):
            print(each.id, each.payment_status)

Amounts are integers of the currency's minor unit. Answers are the gateway's own types; fields that a later gateway
adds are ignored.

Every write has an Idempotency-Key: yours, or a new one for each call, the same for all of its attempts. Give your own,
made from data that you store anyway, if you must find a write again after your process died. A call is retried with the
same key if the problem's `retry` allows it, not before its `retry_after`, and if no response arrived. A problem that
needs a new key or a corrected request is raised at once. After `timeout` seconds the call ends with:

    from ordergate.client import OutcomeUnknown, PaymentDeclinedError, ProblemError

    try:
        order = gateway.orders.pay(order, idempotency_key="pay-1001", timeout=20)
    except PaymentDeclinedError as declined:
        print(declined.problem.detail)  # another card, and a new key
    except OutcomeUnknown as unknown:
        print(unknown.operation)  # it may have been applied: repeat this key, or read the operation
    except ProblemError as refused:
        print(refused.code, refused.problem.errors)  # nothing was applied

With asyncio:

    from ordergate.client import AsyncClient

    async with AsyncClient(url, api_key) as gateway:
        order = await gateway.orders.get(order, refresh=True)
        async for operation in gateway.operations.iterate(state="unknown"):
            print(operation.id, operation.needs_person)

You need not wait for a write: its operation is returned as soon as it is recorded, and has the outcome later. A call
can be made as data first:

    from ordergate.client import OperationDocument, calls

    begun = gateway.operations.begin(calls.create_order(another, idempotency_key="order-1002"))
    if isinstance(begun, OperationDocument):  # else it is the order: its key was answered before
        operation = gateway.operations.wait(begun, timeout=300)
        print(operation.state, operation.order)

Events are delivered to your URL, and all of them can be read again:

    from ordergate.client import EndpointBody, EventType

    endpoint = gateway.webhook_endpoints.create(
        EndpointBody(url="https://shop.example.com/webhooks", types=[EventType.ORDER_REFUNDED])
    )
    secret = endpoint.secret  # it is shown this once
    for event in gateway.events.iterate(after=0, type=EventType.ORDER_CREATED):
        print(event.number, event.order)

Verify a webhook before you trust it, with the exact bytes of its body:

    from ordergate.client import verify_webhook

    message = verify_webhook(secret, headers, body)
    print(message.id, message.type)  # the id is the same for every delivery of one event
"""

from ordergate.api.documents import (
    AccountDocument,
    ComparisonDocument,
    OperationDocument,
    ProblemDocument,
    RouteDocument,
    TranslationDocument,
)
from ordergate.api.event_documents import (
    DeliveryDocument,
    EndpointDocument,
    EndpointSecretDocument,
    EventDocument,
    PingDocument,
)
from ordergate.api.receipts import Receipt
from ordergate.client import calls
from ordergate.client.asynchronous import AsyncClient
from ordergate.client.blocking import Client
from ordergate.client.exceptions import (
    AuthenticationError,
    InvalidStateError,
    NoAnswerError,
    NotFoundError,
    OrdergateError,
    OutcomeUnknown,
    PaymentDeclinedError,
    PossibleDuplicateError,
    ProblemError,
    UnavailableError,
    UnreadableAnswerError,
    WebhookVerificationError,
)
from ordergate.client.webhooks import WebhookMessage, verify_webhook
from ordergate.domain.draft import (
    AddressBody,
    CancelBody,
    CustomerBody,
    Draft,
    DraftLine,
    FulfillBody,
    PayBody,
    ResolveBody,
    ReturnBody,
    ReturnLineBody,
    UpdateBody,
)
from ordergate.domain.event_type import EventType
from ordergate.domain.lifecycle import FulfillmentStatus, OrderStatus, PaymentStatus, ReviewReason
from ordergate.domain.link import Link
from ordergate.domain.order import Order, Return
from ordergate.domain.webhook_bodies import EndpointBody, EndpointUpdate, ReplayBody, RotateBody

__all__ = [
    "AccountDocument",
    "AddressBody",
    "AsyncClient",
    "AuthenticationError",
    "CancelBody",
    "Client",
    "ComparisonDocument",
    "CustomerBody",
    "DeliveryDocument",
    "Draft",
    "DraftLine",
    "EndpointBody",
    "EndpointDocument",
    "EndpointSecretDocument",
    "EndpointUpdate",
    "EventDocument",
    "EventType",
    "FulfillBody",
    "FulfillmentStatus",
    "InvalidStateError",
    "Link",
    "NoAnswerError",
    "NotFoundError",
    "OperationDocument",
    "Order",
    "OrderStatus",
    "OrdergateError",
    "OutcomeUnknown",
    "PayBody",
    "PaymentDeclinedError",
    "PaymentStatus",
    "PingDocument",
    "PossibleDuplicateError",
    "ProblemDocument",
    "ProblemError",
    "Receipt",
    "ReplayBody",
    "ResolveBody",
    "Return",
    "ReturnBody",
    "ReturnLineBody",
    "ReviewReason",
    "RotateBody",
    "RouteDocument",
    "TranslationDocument",
    "UnavailableError",
    "UnreadableAnswerError",
    "UpdateBody",
    "WebhookMessage",
    "WebhookVerificationError",
    "calls",
    "verify_webhook",
]
