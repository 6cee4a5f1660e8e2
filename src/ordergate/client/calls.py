"""The gateway's API as calls: what each sends, and what it reads of the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Generic, Literal, TypeVar, Unpack, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec

from ordergate.client.conversation import Call
from ordergate.client.events import Event, EventPage
from ordergate.client.options import (
    ComparisonOptions,
    CreateOptions,
    EventFilters,
    OperationFilters,
    OrderFilters,
    OwnedOptions,
    PageOptions,
    ProviderFilters,
    ReadOptions,
    WriteOptions,
)
from ordergate.documents import (
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
from ordergate.domain.draft import (
    CancelBody,
    ComparisonBody,
    Draft,
    FulfillBody,
    ImportBody,
    PayBody,
    ReturnBody,
    RouteBody,
    TranslationBody,
    UpdateBody,
)
from ordergate.domain.order import Order, Return
from ordergate.gateway.pages import Page, ProviderPage
from ordergate.gateway.records import Link, LinkKind

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")
Mode = Literal["translate", "execute"]


@dataclass(frozen=True, slots=True)
class Listing(Generic[P, R]):
    """A list: a call for its first page, and how to go on from any.

    Attributes:
        rows: What a page holds.
        place: Which parameters ask for the page behind one; none behind the last.
    """

    call: Call[P]
    rows: Callable[[P], Sequence[R]]
    place: Callable[[P], Mapping[str, str]]

    def following(self, page: P) -> "Listing[P, R] | None":
        """Return the call for the next page; None where this was the last."""
        place = self.place(page)
        if not place:
            return None
        return replace(self, call=replace(self.call, parameters={**self.call.parameters, **place}))


def create_order(draft: Draft, **options: Unpack[CreateOptions]) -> Call[Order]:
    """POST /v1/orders."""
    call = _keyed("POST", "/v1/orders", Order, draft, options)
    duplicate = {"Ordergate-Duplicate": "allow"} if options.get("allow_duplicate") else {}
    return replace(call, headers={**call.headers, **duplicate})


def get_order(order: Order | str, *, refresh: bool = False, **options: Unpack[ReadOptions]) -> Call[Order]:
    """GET /v1/orders/{id}."""
    asked = {"refresh": "true"} if refresh else {}
    return _read(_order(order), Order, {**options, **asked})


def list_orders(**filters: Unpack[OrderFilters]) -> Listing[Page, Order]:
    """GET /v1/orders."""
    return Listing(_read("/v1/orders", Page, filters), lambda page: page.data, _by_last_id)


def pay_order(
    order: Order | str, body: PayBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/pay."""
    return _keyed("POST", f"{_order(order)}/pay", Order, body or PayBody(), options)


def cancel_order(
    order: Order | str, body: CancelBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/cancel."""
    return _keyed("POST", f"{_order(order)}/cancel", Order, body or CancelBody(), options)


def fulfill_order(
    order: Order | str, body: FulfillBody | None = None, **options: Unpack[WriteOptions]
) -> Call[Order]:
    """POST /v1/orders/{id}/fulfill."""
    return _keyed("POST", f"{_order(order)}/fulfill", Order, body or FulfillBody(), options)


def update_order(order: Order | str, body: UpdateBody, **options: Unpack[WriteOptions]) -> Call[Order]:
    """PATCH /v1/orders/{id}."""
    return _keyed("PATCH", _order(order), Order, body, options)


def return_goods(order: Order | str, body: ReturnBody, **options: Unpack[WriteOptions]) -> Call[Return]:
    """POST /v1/orders/{id}/returns."""
    return _keyed("POST", f"{_order(order)}/returns", Return, body, options)


def list_returns(order: Order | str, **options: Unpack[ReadOptions]) -> Call[list[Return]]:
    """GET /v1/orders/{id}/returns."""
    return _unwrapped(_read(f"{_order(order)}/returns", ReturnList, options), lambda answer: answer.data)


def get_operation(operation_id: str, **options: Unpack[ReadOptions]) -> Call[OperationDocument]:
    """GET /v1/operations/{id}."""
    return _read(f"/v1/operations/{_segment(operation_id)}", OperationDocument, options)


def list_operations(**filters: Unpack[OperationFilters]) -> Listing[OperationList, OperationDocument]:
    """GET /v1/operations."""
    return Listing(_read("/v1/operations", OperationList, filters), lambda page: page.data, _by_last_id)


def list_accounts(**options: Unpack[ReadOptions]) -> Call[list[AccountDocument]]:
    """GET /v1/accounts."""
    return _unwrapped(_read("/v1/accounts", AccountList, options), lambda answer: answer.data)


def get_account(account: str, **options: Unpack[ReadOptions]) -> Call[AccountDocument]:
    """GET /v1/accounts/{account}."""
    return _read(f"/v1/accounts/{_segment(account)}", AccountDocument, options)


def list_provider_orders(account: str, **filters: Unpack[ProviderFilters]) -> Listing[ProviderPage, Order]:
    """GET /v1/accounts/{account}/orders."""
    return Listing(
        _read(f"/v1/accounts/{_segment(account)}/orders", ProviderPage, filters),
        lambda page: page.data,
        _by_cursor,
    )


def import_order(account: str, provider_order_id: str, **options: Unpack[OwnedOptions]) -> Call[Order]:
    """POST /v1/accounts/{account}/orders/import."""
    body = ImportBody(provider_order_id=provider_order_id, merchant=options.get("merchant"))
    return _post(f"/v1/accounts/{_segment(account)}/orders/import", Order, body, _timed(options), writes=True)


def put_link(
    kind: LinkKind, link_id: str, natives: Mapping[str, str], **options: Unpack[OwnedOptions]
) -> Call[dict[str, str]]:
    """PUT /v1/links/{kind}/{id}."""
    call = _post(_link(kind, link_id), dict[str, str], dict(natives), options, writes=True)
    return replace(call, method="PUT")


def get_link(kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> Call[dict[str, str]]:
    """GET /v1/links/{kind}/{id}."""
    return _read(_link(kind, link_id), dict[str, str], options)


def delete_link(kind: LinkKind, link_id: str, **options: Unpack[OwnedOptions]) -> Call[None]:
    """DELETE /v1/links/{kind}/{id}."""
    call = get_link(kind, link_id, **options)
    return replace(cast("Call[None]", call), method="DELETE", writes=True, read=lambda _: None)


def import_links(links: Sequence[Link], **options: Unpack[OwnedOptions]) -> Call[int]:
    """POST /v1/links/import."""
    call = _post("/v1/links/import", Imported, {"links": list(links)}, options, writes=True)
    return _unwrapped(call, lambda answer: answer.imported)


def translate_order(
    draft: Draft, accounts: Sequence[str], **options: Unpack[OwnedOptions]
) -> Call[list[TranslationDocument]]:
    """POST /v1/translations."""
    body = TranslationBody(order=draft, accounts=list(accounts))
    return _unwrapped(
        _post("/v1/translations", TranslationList, body, options), lambda answer: answer.results
    )


def create_comparison(
    draft: Draft, accounts: Sequence[str], mode: Mode = "translate", **options: Unpack[ComparisonOptions]
) -> Call[ComparisonDocument]:
    """POST /v1/comparisons; only one that executes is a write, and has a key."""
    body = ComparisonBody(order=draft, accounts=list(accounts), mode=mode)
    if mode == "execute":
        return _keyed("POST", "/v1/comparisons", ComparisonDocument, body, options)
    return _post("/v1/comparisons", ComparisonDocument, body, options)


def get_comparison(comparison_id: str, **options: Unpack[ReadOptions]) -> Call[ComparisonDocument]:
    """GET /v1/comparisons/{id}."""
    return _read(f"/v1/comparisons/{_segment(comparison_id)}", ComparisonDocument, options)


def list_comparisons(**options: Unpack[PageOptions]) -> Listing[ComparisonList, ComparisonDocument]:
    """GET /v1/comparisons."""
    return Listing(_read("/v1/comparisons", ComparisonList, options), lambda page: page.data, _by_last_id)


def explain_route(
    draft: Draft, idempotency_key: str | None = None, **options: Unpack[OwnedOptions]
) -> Call[RouteDocument]:
    """POST /v1/routes/explain; the key is the one that a create would have, by which a weight is drawn."""
    body = RouteBody(order=draft, idempotency_key=idempotency_key)
    return _post("/v1/routes/explain", RouteDocument, body, options)


def list_events(**filters: Unpack[EventFilters]) -> Listing[EventPage, Event]:
    """GET /v1/events."""
    return Listing(_read("/v1/events", EventPage, filters), lambda page: page.data, _by_last_event)


def is_token(text: str) -> bool:
    """Whether a text can stand in a header as a key: 1 to 255 visible ASCII characters."""
    return 0 < len(text) <= 255 and all("!" <= character <= "~" for character in text)


def _read(path: str, answer: type[T], options: Mapping[str, Any]) -> Call[T]:
    return Call(
        method="GET",
        path=path,
        read=lambda body: msgspec.json.decode(body, type=answer),
        parameters=_parameters(options),
        timeout=options.get("timeout"),
    )


def _post(
    path: str, answer: type[T], body: object, options: Mapping[str, Any], *, writes: bool = False
) -> Call[T]:
    return replace(_read(path, answer, options), method="POST", body=msgspec.json.encode(body), writes=writes)


def _keyed(method: str, path: str, answer: type[T], body: object, options: Mapping[str, Any]) -> Call[T]:
    given = options.get("idempotency_key")
    if given is not None and not is_token(given):
        raise ValueError("An idempotency_key is 1 to 255 visible ASCII characters, without spaces.")
    call = _post(path, answer, body, options, writes=True)
    return replace(call, method=method, key=uuid4().hex if given is None else given)


def _unwrapped(call: Call[P], part: Callable[[P], T]) -> Call[T]:
    read = call.read
    return replace(cast("Call[T]", call), read=lambda body: part(read(body)))


_OWN = frozenset({"timeout", "idempotency_key", "allow_duplicate"})
"""Options that are no parameters of the query."""


def _timed(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name == "timeout"}


def _parameters(options: Mapping[str, Any]) -> dict[str, str]:
    asked = {name: value for name, value in options.items() if name not in _OWN and value is not None}
    return {name: _text(value) for name, value in asked.items()}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value) if isinstance(value, Enum) else str(value)


def _link(kind: LinkKind, link_id: str) -> str:
    return f"/v1/links/{_segment(kind)}/{_segment(link_id)}"


def _order(order: Order | str) -> str:
    found = order if isinstance(order, str) else order.id
    if found is None:
        raise ValueError("The order is the provider's alone and has no id here; import it first.")
    return f"/v1/orders/{_segment(found)}"


def _segment(text: str) -> str:
    """Return one segment of a path: none that would lead elsewhere."""
    if text in {"", ".", ".."}:
        raise ValueError(f"An id is not {text!r}.")
    return quote(text, safe="")


def _by_last_id(page: Page | OperationList | ComparisonList) -> dict[str, str]:
    return {"starting_after": str(page.data[-1].id)} if page.has_more and page.data else {}


def _by_last_event(page: EventPage) -> dict[str, str]:
    return {"after": page.data[-1].id} if page.has_more and page.data else {}


def _by_cursor(page: ProviderPage) -> dict[str, str]:
    return {"cursor": page.next_cursor} if page.has_more and page.next_cursor else {}
