"""Builds calls: path, query, key and body, and the reader of the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec

from ordergate.client.conversation import Call
from ordergate.domain.order import Order

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Listing(Generic[P, R]):
    """A list: the call for its first page, and the calls for the next ones.

    Attributes:
        rows: Returns the rows of a page.
        place: Which parameters ask for the page behind one; none behind the last.
    """

    call: Call[P]
    rows: Callable[[P], Sequence[R]]
    place: Callable[[P], Mapping[str, str]]

    def following(self, page: P) -> "Listing[P, R] | None":
        """Return the call for the next page; None after the last."""
        place = self.place(page)
        if not place:
            return None
        return replace(self, call=replace(self.call, parameters={**self.call.parameters, **place}))


class _Row(Protocol):
    @property
    def id(self) -> str | None: ...


class _Page(Protocol):
    @property
    def data(self) -> Sequence[_Row]: ...
    @property
    def has_more(self) -> bool: ...


def is_token(text: str) -> bool:
    """Return whether a text is valid as a key: 1 to 255 visible ASCII characters."""
    return 0 < len(text) <= 255 and all("!" <= character <= "~" for character in text)


def read(path: str, answer: type[T], options: Mapping[str, Any]) -> Call[T]:
    """Return a call that reads; the options contain the caller's filters."""
    return Call(
        method="GET",
        path=path,
        read=lambda body: msgspec.json.decode(body, type=answer),
        parameters=_parameters(options),
        timeout=options.get("timeout"),
    )


def post(
    path: str, answer: type[T], body: object, options: Mapping[str, Any], *, writes: bool = False
) -> Call[T]:
    """Return a call with a body and without a key. It is retried only if it writes nothing, or never arrived."""
    return replace(read(path, answer, options), method="POST", body=msgspec.json.encode(body), writes=writes)


def keyed(method: str, path: str, answer: type[T], body: object, options: Mapping[str, Any]) -> Call[T]:
    """Return a write that may be repeated: under the caller's own key, or a fresh one.

    Raises:
        ValueError: The key cannot be one.
    """
    given = options.get("idempotency_key")
    if given is not None and not is_token(given):
        raise ValueError("An idempotency_key is 1 to 255 visible ASCII characters, without spaces.")
    call = post(path, answer, body, options, writes=True)
    return replace(call, method=method, key=uuid4().hex if given is None else given)


def acting(path: str, answer: type[T], options: Mapping[str, Any]) -> Call[T]:
    """Return a write without a body."""
    return replace(read(path, answer, options), method="POST", writes=True)


def unwrapped(call: Call[P], part: Callable[[P], T]) -> Call[T]:
    """Return the same call, answered by a part of its answer."""
    whole = call.read
    return replace(cast("Call[T]", call), read=lambda body: part(whole(body)))


def timed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are no parameters of the query."""
    return {name: value for name, value in options.items() if name == "timeout"}


def order_path(order: Order | str) -> str:
    """Return the address of an order.

    Raises:
        ValueError: It has none.
    """
    found = order if isinstance(order, str) else order.id
    if found is None:
        raise ValueError("The order is the provider's alone and has no id here; import it first.")
    return f"/v1/orders/{segment(found)}"


def segment(text: str) -> str:
    """Return one segment of a path: none that would lead elsewhere."""
    if text in {"", ".", ".."}:
        raise ValueError(f"An id is not {text!r}.")
    return quote(text, safe="")


def by_id(options: Mapping[str, Any]) -> Callable[[_Page], Mapping[str, str]]:
    """Return the start of the next page of a list with id cursors: toward older rows, or toward newer ones."""
    backwards = options.get("ending_before") is not None

    def place(page: _Page) -> Mapping[str, str]:
        if not page.has_more or not page.data:
            return {}
        name, row = ("ending_before", page.data[0]) if backwards else ("starting_after", page.data[-1])
        return {name: str(row.id)}

    return place


_OWN = frozenset({"timeout", "idempotency_key", "allow_duplicate"})
"""Options that are no parameters of the query."""


def _parameters(options: Mapping[str, Any]) -> dict[str, str]:
    asked = {name: value for name, value in options.items() if name not in _OWN and value is not None}
    return {name: _text(value) for name, value in asked.items()}


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value) if isinstance(value, Enum) else str(value)
