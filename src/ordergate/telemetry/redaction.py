"""Removes secrets, tokens and personal data from everything that is stored or logged.

In doubt it masks: a field with a name like a listed one is masked with any value.
"""

import re
from collections.abc import Mapping, MutableMapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

MASK = "***"

SECRET_NAMES = frozenset(
    {
        "access_key",
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "cookie",
        "password",
        "payment_token",
        "refresh_token",
        "salt",
        "secret",
        "secret_key",
        "set-cookie",
        "signature",
        "token",
        "webhook_secret",
        "webhook_secrets",
        "x-api-key",
    }
)
"""Headers and fields that authenticate."""

PERSONAL_NAMES = frozenset(
    {
        "city",
        "district",
        "email",
        "line_1",
        "line_2",
        "line_3",
        "name",
        "notes",
        "phone",
        "phone_number",
        "postal_code",
        "shipping_address",
        "state_or_province",
        "zip",
    }
)
"""Fields with personal data."""

_SECRET_NAME = re.compile("|".join(map(re.escape, sorted(SECRET_NAMES))).encode() + rb"|\\u", re.IGNORECASE)
"""Patterns in a body with a secret: one of the names, in any spelling."""
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

_MASKED = SECRET_NAMES | PERSONAL_NAMES
_PLAIN = frozenset({str, int, float, bool, type(None)})


def redact(value: Any) -> Any:
    """Return a copy of a decoded document with stars for every secret and every personal field."""
    if isinstance(value, Mapping):
        return {name: MASK if _masked(name, item) else redact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def mask_secrets(value: Any) -> Any:
    """Return a copy of a decoded document with masked secrets; personal data stays."""
    if isinstance(value, Mapping):
        return {name: MASK if _secret(name, item) else mask_secrets(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_secrets(item) for item in value]
    return value


def mask_body(body: bytes) -> bytes:
    """Return a JSON body with masked secrets; byte for byte if it contains none, or is no JSON."""
    if _SECRET_NAME.search(body) is None:
        return body
    try:
        document = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return body
    masked = mask_secrets(document)
    return body if masked == document else _encoder.encode(masked)


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with stars for those that authenticate."""
    return {name: MASK if name.lower() in SECRET_NAMES else value for name, value in headers.items()}


def redact_json(body: bytes) -> bytes:
    """Return a redacted JSON body; of any other body only the length, because it may contain anything."""
    try:
        return msgspec.json.encode(redact(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"{len(body)} bytes that are not JSON".encode()


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact one log event in place; a structlog processor. Most events contain only text and numbers."""
    for name, item in event.items():
        if _names_secret(name) and _masked(name, item):
            event[name] = MASK
        elif type(item) not in _PLAIN:
            event[name] = redact(item)
    return event


@lru_cache(1024)
def _names_secret(name: str) -> bool:
    """Return whether a field with this name is masked; the log has few names."""
    return name.lower() in _MASKED


def _masked(name: Any, value: Any) -> bool:
    return isinstance(name, str) and name.lower() in _MASKED and value not in (None, "", [], {})


def _secret(name: Any, value: Any) -> bool:
    return isinstance(name, str) and name.lower() in SECRET_NAMES and value not in (None, "", [], {})
