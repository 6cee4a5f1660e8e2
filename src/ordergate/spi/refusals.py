"""The refusals that any adapter makes before it asks its provider anything."""

from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.validation import explain, summary

T = TypeVar("T", bound=msgspec.Struct)


def unsupported_field(pointer: str, detail: str) -> Problem:
    """Return the refusal of a field that would have an effect and cannot have it at this provider."""
    return Problem(
        "unsupported_field",
        detail,
        errors=[FieldError(pointer=pointer, code="unsupported_field", detail=detail)],
    )


def required_by_provider(pointer: str, detail: str) -> FieldError:
    """Return the error for a field that is optional here and that this provider demands."""
    return FieldError(pointer=pointer, code="required_by_provider", detail=detail)


def refuse_if_any(errors: list[FieldError]) -> None:
    """Raise one ``invalid_request`` for all the errors, if there are any."""
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)


def read_extension(block: dict[str, Any], wanted: type[T], adapter: str) -> T:
    """Read an adapter's block of ``extensions`` strictly.

    Raises:
        Problem: ``invalid_request``, each error with its pointer into the caller's body.
    """
    try:
        return msgspec.convert(block, wanted, strict=True)
    except msgspec.ValidationError:
        found = explain(block, wanted)
    prefix = f"/extensions/{adapter}"
    errors = [msgspec.structs.replace(error, pointer=prefix + error.pointer) for error in found]
    raise Problem("invalid_request", summary(errors), errors=errors)


def path_segment(identifier: str) -> str:
    """Return a provider's id as one percent-encoded segment of a path.

    Raises:
        Problem: The id would change the path.
    """
    if identifier in {"", ".", ".."}:
        raise invalid_request(
            "/provider_order_id", "invalid_value", f"{identifier!r} cannot be a provider's id of an order."
        )
    return quote(identifier, safe="")
