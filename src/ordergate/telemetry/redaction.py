"""Takes out of anything that is kept or logged what must not stand there: secrets, tokens, personal data.

It errs on the side of stars: a name that looks like one of the listed ones is masked whatever it holds.
"""

import re
from collections.abc import Mapping, MutableMapping
from decimal import Decimal
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
"""Fields that tell who somebody is, or where."""

_SECRET_NAME = re.compile("|".join(map(re.escape, sorted(SECRET_NAMES))).encode() + rb"|\\u", re.IGNORECASE)
"""What a body with a secret contains: one of the names, or a name that is spelt otherwise."""
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
    """Return a copy of a decoded document with stars for every secret; what is personal stays."""
    if isinstance(value, Mapping):
        return {name: MASK if _secret(name, item) else mask_secrets(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_secrets(item) for item in value]
    return value


def mask_body(body: bytes) -> bytes:
    """Return a JSON body with stars for every secret; byte for byte where it holds none, or is no JSON."""
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
    """Return a JSON body redacted; of a body that is not JSON only the length, since it may hold anything."""
    try:
        return msgspec.json.encode(redact(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"{len(body)} bytes that are not JSON".encode()


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact one log event where it is; a structlog processor. Most hold nothing but text and numbers."""
    for name, item in event.items():
        if _masked(name, item):
            event[name] = MASK
        elif type(item) not in _PLAIN:
            event[name] = redact(item)
    return event


def _masked(name: Any, value: Any) -> bool:
    return isinstance(name, str) and name.lower() in _MASKED and value not in (None, "", [], {})


def _secret(name: Any, value: Any) -> bool:
    return isinstance(name, str) and name.lower() in SECRET_NAMES and value not in (None, "", [], {})
