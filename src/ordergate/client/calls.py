"""The calls of the API: the request of each, and the reader of its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar, Unpack, cast

import msgspec

from ordergate.api.documents import (
    AccountDocument,
    AccountList,
    ComparisonDocument,
    ComparisonList,
    Imported,
    OperationDocument,
    OperationList,
    ReturnList,
    RouteDocument,
    TranslationDocument,
    TranslationList,
)
from ordergate.api.pages import Page, ProviderPage
from ordergate.api.receipts import Receipt
from ordergate.client.building import (
    Listing,
    acting,
    by_id,
    keyed,
    order_path,
    post,
    read,
    segment,
    timed,
    unwrapped,
)
from ordergate.client.conversation import Call, UnsettledError
from ordergate.client.exceptions import OutcomeUnknown
from ordergate.client.options import (
    ComparisonOptions,
    CreateOptions,
    OperationFilters,
    OrderFilters,
    OwnedOptions,
    PageOptions,
    ProviderFilters,
    ReadOptions,
    WriteOptions,
)
from ordergate.domain.draft import (
    CancelBody,
    ComparisonBody,
    Draft,
    FulfillBody,
    ImportBody,
    PayBody,
    ResolveBody,
    ReturnBody,
    RouteBody,
    TranslationBody,
    UpdateBody,
)
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.order import Order, Return

T = TypeVar("T")
Mode = Literal["translate", "execute"]

_LONGEST_WAIT = 9999
"""Seconds that the gateway reads of a preference."""


def create_order(draft: Draft, **options: Unpack[CreateOptions]) -> Call[Order]:
    """POST /v1/orders."""
    call = keyed("POST", "/v1/orders", Order, draft, options)
    duplicate = {"Ordergate-Duplicate": "allow"} if options.get("allow_duplicate") else {}
    return replace(call, headers={**call.headers, **duplicate})


def get_order(order: Order | str, *, refresh: bool = False, **options: Unpack[ReadOptions]) -> Call[Order]:
    """GET /v1/orders/{id}."""
    asked = {"refresh": "true"} if refresh else {}
    return read(order_path(order), Order, {**options, **asked})


def list_orders(**filters: Unpack[OrderFilters]) -> Listing[Page, Order]:
    """GET /v1/orders."""
    return Listing(read("/v1/orders", Page, filters), lambda page: page.data, by_id(filters))


def pay_order(
    order: Order | str, body: PayBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/pay."""
    return keyed("POST", f"{order_path(order)}/pay", Order, body or PayBody(), options)


def cancel_order(
    order: Order | str, body: CancelBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/cancel."""
    return keyed("POST", f"{order_path(order)}/cancel", Order, body or CancelBody(), options)


def fulfill_order(
    order: Order | str, body: FulfillBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/fulfill."""
    return keyed("POST", f"{order_path(order)}/fulfill", Order, body or FulfillBody(), options)


def update_order(order: Order | str, body: UpdateBody, **options: Unpack[WriteOptions]) -> Call[Order]:
    """PATCH /v1/orders/{id}."""
    return keyed("PATCH", order_path(order), Order, body, options)


def return_goods(order: Order | str, body: ReturnBody, **options: Unpack[WriteOptions]) -> Call[Return]:
    """POST /v1/orders/{id}/returns."""
    return keyed("POST", f"{order_path(order)}/returns", Return, body, options)


def list_returns(order: Order | str, **options: Unpack[ReadOptions]) -> Call[list[Return]]:
    """GET /v1/orders/{id}/returns."""
    return unwrapped(read(f"{order_path(order)}/returns", ReturnList, options), lambda answer: answer.data)


def get_receipt(order: Order | str, **options: Unpack[ReadOptions]) -> Call[Receipt]:
    """GET /v1/orders/{id}/receipt."""
    return read(f"{order_path(order)}/receipt", Receipt, options)


def get_operation(operation_id: str, **options: Unpack[ReadOptions]) -> Call[OperationDocument]:
    """GET /v1/operations/{id}."""
    return read(_operation(operation_id), OperationDocument, options)


def list_operations(**filters: Unpack[OperationFilters]) -> Listing[OperationList, OperationDocument]:
    """GET /v1/operations."""
    return Listing(read("/v1/operations", OperationList, filters), lambda page: page.data, by_id(filters))


def recheck_operation(
    operation: OperationDocument | str, **options: Unpack[ReadOptions]
) -> Call[OperationDocument]:
    """POST /v1/operations/{id}/recheck."""
    return acting(f"{_operation(operation)}/recheck", OperationDocument, options)


def resolve_operation(
    operation: OperationDocument | str, body: ResolveBody, **options: Unpack[ReadOptions]
) -> Call[OperationDocument]:
    """POST /v1/operations/{id}/resolve."""
    return post(f"{_operation(operation)}/resolve", OperationDocument, body, options, writes=True)


def settled(operation: OperationDocument | str, **options: Unpack[ReadOptions]) -> Call[OperationDocument]:
    """GET /v1/operations/{id}, until the operation is settled."""
    call = read(_operation(operation), OperationDocument, options)
    return unwrapped(call, _settled)


def begun(write: Call[T], wait: int = 0) -> Call[OperationDocument | T]:
    """Return a write of an order that answers with its operation unless it ends within so many seconds.

    Raises:
        ValueError: It is no write with a key, or the seconds are none that the gateway reads.
    """
    if write.key is None:
        raise ValueError(
            "Only a write of an order can begin: create, pay, cancel, fulfill, update or return."
        )
    if not 0 <= wait <= _LONGEST_WAIT:
        raise ValueError(f"wait is whole seconds, 0 to {_LONGEST_WAIT}")
    return replace(
        cast("Call[OperationDocument | T]", write),
        headers={**write.headers, "Prefer": f"respond-async, wait={wait}"},
        accepted=lambda body: msgspec.json.decode(body, type=OperationDocument),
    )


def list_accounts(**options: Unpack[ReadOptions]) -> Call[list[AccountDocument]]:
    """GET /v1/accounts."""
    return unwrapped(read("/v1/accounts", AccountList, options), lambda answer: answer.data)


def get_account(account: str, **options: Unpack[ReadOptions]) -> Call[AccountDocument]:
    """GET /v1/accounts/{account}."""
    return read(f"/v1/accounts/{segment(account)}", AccountDocument, options)


def list_provider_orders(account: str, **filters: Unpack[ProviderFilters]) -> Listing[ProviderPage, Order]:
    """GET /v1/accounts/{account}/orders."""
    return Listing(
        read(f"/v1/accounts/{segment(account)}/orders", ProviderPage, filters),
        lambda page: page.data,
        _by_cursor,
    )


def import_order(account: str, provider_order_id: str, **options: Unpack[OwnedOptions]) -> Call[Order]:
    """POST /v1/accounts/{account}/orders/import."""
    body = ImportBody(provider_order_id=provider_order_id, merchant=options.get("merchant"))
    return post(f"/v1/accounts/{segment(account)}/orders/import", Order, body, timed(options), writes=True)


def put_link(
    kind: LinkKind, link_id: str, natives: Mapping[str, str], **options: Unpack[OwnedOptions]
) -> Call[dict[str, str]]:
    """PUT /v1/links/{kind}/{id}."""
    call = post(_link(kind, link_id), dict[str, str], dict(natives), options, writes=True)
    return replace(call, method="PUT")


def get_link(kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> Call[dict[str, str]]:
    """GET /v1/links/{kind}/{id}."""
    return read(_link(kind, link_id), dict[str, str], options)


def delete_link(kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> Call[None]:
    """DELETE /v1/links/{kind}/{id}."""
    call = get_link(kind, link_id, **options)
    return replace(cast("Call[None]", call), method="DELETE", writes=True, read=lambda _: None)


def import_links(links: Sequence[Link], **options: Unpack[OwnedOptions]) -> Call[int]:
    """POST /v1/links/import."""
    call = post("/v1/links/import", Imported, {"links": list(links)}, options, writes=True)
    return unwrapped(call, lambda answer: answer.imported)


def translate_order(
    draft: Draft, accounts: Sequence[str], **options: Unpack[OwnedOptions]
) -> Call[list[TranslationDocument]]:
    """POST /v1/translations."""
    body = TranslationBody(order=draft, accounts=list(accounts))
    return unwrapped(post("/v1/translations", TranslationList, body, options), lambda answer: answer.results)


def create_comparison(
    draft: Draft, accounts: Sequence[str], mode: Mode = "translate", **options: Unpack[ComparisonOptions]
) -> Call[ComparisonDocument]:
    """POST /v1/comparisons; only one that executes is a write, and has a key."""
    body = ComparisonBody(order=draft, accounts=list(accounts), mode=mode)
    if mode == "execute":
        return keyed("POST", "/v1/comparisons", ComparisonDocument, body, options)
    return post("/v1/comparisons", ComparisonDocument, body, options)


def get_comparison(comparison_id: str, **options: Unpack[ReadOptions]) -> Call[ComparisonDocument]:
    """GET /v1/comparisons/{id}."""
    return read(f"/v1/comparisons/{segment(comparison_id)}", ComparisonDocument, options)


def list_comparisons(**options: Unpack[PageOptions]) -> Listing[ComparisonList, ComparisonDocument]:
    """GET /v1/comparisons."""
    return Listing(read("/v1/comparisons", ComparisonList, options), lambda page: page.data, by_id(options))


def explain_route(
    draft: Draft, idempotency_key: str | None = None, **options: Unpack[OwnedOptions]
) -> Call[RouteDocument]:
    """POST /v1/routes/explain; the key is the one that a create would have, by which a weight is drawn."""
    body = RouteBody(order=draft, idempotency_key=idempotency_key)
    return post("/v1/routes/explain", RouteDocument, body, options)


def _link(kind: LinkKind, link_id: str) -> str:
    return f"/v1/links/{segment(kind)}/{segment(link_id)}"


def _by_cursor(page: ProviderPage) -> dict[str, str]:
    return {"cursor": page.next_cursor} if page.has_more and page.next_cursor else {}


def _operation(operation: OperationDocument | str) -> str:
    return f"/v1/operations/{segment(operation if isinstance(operation, str) else operation.id)}"


def _settled(operation: OperationDocument) -> OperationDocument:
    if operation.state in {"succeeded", "failed"}:
        return operation
    unknown = OutcomeUnknown(
        idempotency_key=operation.idempotency_key, operation=operation.id, order=operation.order
    )
    raise UnsettledError(unknown, final=operation.needs_person)
