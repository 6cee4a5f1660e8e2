"""Maps RevKeen's refusals: by operation and code first, by HTTP status if the code is unknown.

RevKeen's documentation recommends to branch on the status first and never on the message (docs, Errors).
"""

from typing import Any

import msgspec

from ordergate.domain.commands import Command, CreateOrder, PayOrder, Read
from ordergate.domain.errors import FieldError, ProviderError
from ordergate.domain.outcome import NotApplied, Unknown
from ordergate.spi.tables import load_table
from ordergate.spi.wire import WireResponse

REFUSING_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 429})
"""Statuses with which RevKeen, or a proxy in front of it, states that it did nothing; others leave that open."""


class _Tables(msgspec.Struct, frozen=True):
    codes: dict[str, str]
    statuses: dict[int, str]
    pointers: dict[str, str]
    line_fields: dict[str, str]


_TABLES = load_table(__package__, "errors.toml", _Tables)

CODES = _TABLES.codes
"""The problem code of each of RevKeen's codes."""

_UNSETTLED_CODES = frozenset({"idempotency_in_progress", "idempotency_conflict"})
"""RevKeen has the operation already: its outcome must be read."""


def read_failure(response: WireResponse, command: Command) -> NotApplied | Unknown:
    """Return the outcome of a failed call, for any bytes."""
    error = read_error(response)
    reads = isinstance(command, Read)
    if response.status not in REFUSING_STATUSES or error.code in _UNSETTLED_CODES:
        return _unsettled(error, reads=reads)
    code = _TABLES.statuses.get(response.status) or CODES.get(error.code or "")
    return NotApplied(
        code=code or "provider_rejected",
        detail=_sentence(error),
        provider=error,
        errors=_field_errors(response, command),
        retry_after=_retry_after(response),
        mapped=code is not None,
    )


def _unsettled(error: ProviderError, *, reads: bool) -> NotApplied | Unknown:
    if not reads:
        return Unknown(reason=_sentence(error), provider=error)
    code = "provider_unavailable" if (error.http_status or 0) >= 500 else "provider_protocol_error"
    return NotApplied(code=code, detail=_sentence(error), provider=error)


def read_error(response: WireResponse) -> ProviderError:
    """Read any of the shapes that RevKeen and its intermediaries answer errors in."""
    document = _document(response.body)
    error = document.get("error")
    parts: dict[str, Any] = error if isinstance(error, dict) else {}
    code = parts.get("code") or document.get("code") or (error if _is_code(error) else None)
    message = parts.get("message") or document.get("message") or (error if isinstance(error, str) else None)
    return ProviderError(
        http_status=response.status,
        code=code.lower() if isinstance(code, str) else None,
        message=message if isinstance(message, str) else None,
        request_id=_text(parts.get("request_id")),
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_code(error: Any) -> bool:
    return isinstance(error, str) and " " not in error


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _sentence(error: ProviderError) -> str:
    said = f": {error.message}" if error.message else "."
    return f"RevKeen answered {error.http_status} {error.code or 'without a code'}{said}"


def _retry_after(response: WireResponse) -> int | None:
    """As in RevKeen's own client, a value that is no integer above zero counts as absent."""
    return response.retry_after or (60 if response.status == 429 else None)


def _field_errors(response: WireResponse, command: Command) -> tuple[FieldError, ...]:
    error = _document(response.body).get("error")
    param = error.get("param") if isinstance(error, dict) else None
    pointers = [_pointer(param)] if isinstance(param, str) else []
    if not pointers and response.status == 404 and isinstance(command, CreateOrder):
        pointers = _references(command)
    if not pointers and isinstance(command, PayOrder) and response.status == 404 and command.payment_method:
        pointers = ["/payment_method"]
    detail = (
        "RevKeen does not accept it."
        if response.status != 404
        else "RevKeen does not know it, or one of these."
    )
    return tuple(FieldError(pointer=pointer, code="provider_rejected", detail=detail) for pointer in pointers)


def _references(command: CreateOrder) -> list[str]:
    """Everything in a create that names a thing at RevKeen: a 404 means that one of these is not there."""
    pointers = ["/customer/id"] if command.customer else []
    pointers += [f"/line_items/{index}/sku" for index, product in enumerate(command.products) if product]
    pointers += [f"/extensions/revkeen/{name}" for name, value in command.extension.items() if value]
    return pointers or [""]


def _pointer(param: str) -> str:
    """RevKeen's dotted path (docs, Errors) to a pointer into the caller's body."""
    head, *rest = param.replace("[", ".").replace("]", "").split(".")
    if head == "line_items" and len(rest) == 2:
        return f"/line_items/{rest[0]}/{_TABLES.line_fields.get(rest[1], rest[1])}"
    return _TABLES.pointers.get(head, "/" + "/".join([head, *rest]))
