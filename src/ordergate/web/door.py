"""Refuses an ambiguous request before it is read.

A path must be unambiguous: a proxy that protects some paths, and a reader of logs, may understand `//v1` and `%2F`
differently from the router. A header that decides about the caller or the write must not be repeated. U+0000 is in no
valid name, and PostgreSQL cannot store it.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.validation import MAX_ERRORS, NULL_CHARACTER, pointer_to

_IDEMPOTENCY_KEY = b"idempotency-key"
_SINGLE = frozenset({b"authorization", _IDEMPOTENCY_KEY, b"ordergate-duplicate", b"content-type"})
"""Headers that must not be repeated with another value."""

_LINKS = b"/v1/links/"
"""Paths after which a kind and the merchant's own id follow; the id may contain slashes."""


def refusal(scope: Any) -> Problem | None:
    """Return why a request is refused at the door; None for nearly every one."""
    if not _plain_address(scope["path"], scope["raw_path"]):
        return Problem("not_found", "This address does not exist; /schema lists all addresses.")
    if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        return _null_in_query(scope["query_string"])
    return _repeated_header(scope["headers"])


def _plain_address(path: str, raw: bytes) -> bool:
    """Whether each slash of the address separates, and each separator is a slash."""
    if raw.startswith(_LINKS) and (end := raw.find(b"/", len(_LINKS))) >= 0:
        raw = raw[: end + 1]
    return b"//" not in raw and b"%2f" not in raw.lower() and "\0" not in path


def _null_in_query(query: bytes) -> Problem:
    names = (
        name.replace("\0", "")
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if "\0" in name or "\0" in value
    )
    errors = [
        FieldError(pointer=pointer_to("", name), code="invalid_value", detail=NULL_CHARACTER)
        for name in list(dict.fromkeys(names))[:MAX_ERRORS]
    ]
    return Problem("invalid_request", NULL_CHARACTER, errors=errors)


def _repeated_header(headers: Iterable[tuple[bytes, bytes]]) -> Problem | None:
    given = set()
    for name, _ in headers:
        if name in _SINGLE:
            if name in given:
                return _repeated(name)
            given.add(name)
    return None


def _repeated(name: bytes) -> Problem:
    if name == _IDEMPOTENCY_KEY:
        detail = "The request has two Idempotency-Key headers; send one, unique to this operation."
        return Problem("idempotency_key_invalid", detail)
    shown = name.decode().title()
    return Problem("repeated_header", f"The request has two {shown} headers; send the one that is meant.")
