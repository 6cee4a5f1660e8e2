"""Received webhooks, and the common steps of their verification and parsing.

Anybody on the internet can send a webhook. It is refused with a problem or understood, and it is trusted only after its
verification.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.identifiers import is_id
from ordergate.spi.wire import WireRequest, WireResponse

MAX_TEXT = 255
"""Characters that an id or a type may have: they are keys in the journal."""
_MAX_DIGITS = 12

_decode = msgspec.json.Decoder().decode


class ReceivedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as it arrived.

    Attributes:
        headers: Names in lower case, each with all of its values in order.
        body: The exact bytes.
        fetched: The responses to :class:`FetchFirst`, by path.
    """

    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    fetched: Mapping[str, WireResponse] = {}


class FetchFirst(Exception):  # noqa: N818 - it is a request, and not always an error
    """Raised while a delivery is verified: something has to be read at the provider before, such as a certificate.

    The gateway sends it to the account's base URL like any request, never to an address in the webhook. The response is
    added to the webhook's ``fetched``, and the webhook is verified again; the response may be cached. A caller that
    does not catch this exception has no verified webhook.

    Attributes:
        request: The request to send; it only reads.
    """

    def __init__(self, request: WireRequest) -> None:
        """Ask for one answer."""
        super().__init__(f"{request.method} {request.path}")
        self.request = request


def bad_signature(detail: str) -> Problem:
    """Return the refusal of a webhook, without a secret and without the correct signature."""
    return Problem("bad_signature", detail)


def single_header(delivery: ReceivedWebhook, name: str) -> str:
    """Return the value of a header that proves something.

    Raises:
        Problem: The header is missing, empty, repeated, or has an invalid value. Of two values at most one is the
            provider's.
    """
    values = delivery.headers.get(name, ())
    if not values or values == ("",):
        raise bad_signature(f"The header {name} is missing.")
    if len(values) > 1:
        raise bad_signature(f"The header {name} is there more than once.")
    if not (values[0].isascii() and values[0].isprintable()):
        raise bad_signature(f"The header {name} contains characters that no signature has.")
    return values[0]


def unix_seconds(text: str) -> int | None:
    """Return the number of plain decimal digits; None for any other notation, including a leading zero."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) if text == "0" or text[0] != "0" else None


def refuse_untimely(signed_at: int, now: int, *, past: int, ahead: int) -> None:
    """Refuse a signature that is more than `past` seconds old, or more than `ahead` seconds in the future.

    Raises:
        Problem: It was.
    """
    age = now - signed_at
    if age > past:
        raise bad_signature(
            f"It was signed {age} seconds ago, and a signature is valid for {past}: "
            "it is an old delivery, or a clock is wrong."
        )
    if -age > ahead:
        raise bad_signature(
            f"It was signed {-age} seconds ahead of this machine's clock; one of them is wrong."
        )


def read_document(body: bytes) -> dict[str, Any]:
    """Parse a webhook's body.

    Raises:
        Problem: ``invalid_json``, or ``invalid_request`` if it is no object.
    """
    try:
        document = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(
            "invalid_json", "The body of a webhook is a JSON object; this one cannot be read."
        ) from None
    if not isinstance(document, dict):
        raise invalid_request("", "invalid_type", "The body of a webhook is a JSON object.")
    return document


def required_text(document: Mapping[str, Any], name: str) -> str:
    """Return a member that an event is nothing without.

    Raises:
        Problem: ``invalid_request``: it is missing, or no text that the journal can keep.
    """
    text = plain_text(document.get(name))
    if text is None:
        raise invalid_request(
            f"/{name}", "invalid_value", f"An event has a {name} of 1 to {MAX_TEXT} printable characters."
        )
    return text


def plain_text(value: Any) -> str | None:
    """Return a text that can be an id or a type; None for anything else."""
    fits = isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
    return value if fits else None


def members(value: Any) -> Mapping[str, Any]:
    """Return an object's members; none if the value is no object."""
    return value if isinstance(value, dict) else {}


def instant(seconds: Any) -> datetime | None:
    """Return the time of Unix seconds; None if the value is no such number."""
    if type(seconds) is not int:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def named_operations(*texts: Any) -> tuple[str, ...]:
    """Return the operations in marks or provider keys, each once; foreign values are skipped.

    A provider key is an operation's id, or that with a number behind a hyphen.
    """
    heads = [text.partition("-")[0] for text in texts if isinstance(text, str)]
    return tuple(dict.fromkeys(head for head in heads if is_id(head, "op")))
