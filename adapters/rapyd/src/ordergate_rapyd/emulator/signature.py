"""The request signature, and the checks of a request before its path and body are read.

Facts: Rapyd docs, "Request Signatures", "Header Parameters" and "REST Message Security".
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Mapping

import msgspec

from ordergate.spi.emulator import EmulatedRequest
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.javascript import InvalidJsonError, Json, parse, stringify
from ordergate_rapyd.emulator.switches import Switches

MAX_AGE_SECONDS = 60

_REQUIRED_HEADERS = ("access_key", "salt", "timestamp", "signature")
_OTHER_MESSAGES: Mapping[str, Mapping[str, str]] = {
    "account_status": {},
    "by_cause": {"signature": "Invalid signature"},
    "older": {"signature": "Invalid signature", "access_key": "access_key header is not valid"},
}
_log = logging.getLogger(__name__)


class Credentials(msgspec.Struct, frozen=True):
    """One account's keys."""

    access_key: str
    secret_key: str


class SignedParts(msgspec.Struct, frozen=True, kw_only=True):
    """The signed parts of a request, except the keys.

    Attributes:
        method: As sent; it is signed in lower case.
        target: The path from ``/v1`` on, with ``?`` and the query exactly as sent.
        salt: The ``salt`` header.
        timestamp: The ``timestamp`` header, Unix time in seconds.
        body: The body string, see `body_string`.
    """

    method: str
    target: str
    salt: str
    timestamp: str
    body: str


def sign(parts: SignedParts, credentials: Credentials) -> str:
    """Return base64 of the 64 hexadecimal characters, not of the 32 bytes, of an HMAC-SHA256.

    The secret key is the HMAC's key and a part of the message as well.
    """
    message = "".join(
        (
            parts.method.lower(),
            parts.target,
            parts.salt,
            parts.timestamp,
            credentials.access_key,
            credentials.secret_key,
            parts.body,
        )
    )
    digest = hmac.new(_utf8(credentials.secret_key), _utf8(message), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode("ascii")).decode("ascii")


def body_string(value: Json) -> str:
    """Return the signed text of a parsed body: the empty string, not ``{}``, for an empty object."""
    return "" if value == {} else stringify(value)


class Gate:
    """Accepts a request, or refuses it with an error code."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._salts: dict[str, int] = {}

    def admit(self, request: EmulatedRequest, now: float, switches: Switches) -> Json:
        """Return the parsed body of an authentic request; an absent body reads as ``{}``.

        Raises:
            RefusedError: A header is missing or the request is not authentic.
        """
        headers = _authentication_headers(request, switches)
        if not _equal(headers["access_key"], self._credentials.access_key):
            raise _unauthenticated("access_key", switches)
        if not _timely(headers["timestamp"], now, switches):
            raise _unauthenticated("timestamp", switches)
        body = _parsed(request.body, switches)
        if not self._signed(request, headers, body, switches):
            raise _unauthenticated("signature", switches)
        self._remember_salt(headers["salt"], int(now), switches)
        return body

    def _signed(
        self, request: EmulatedRequest, headers: Mapping[str, str], body: Json, switches: Switches
    ) -> bool:
        canonical = body_string(body)
        if _equal(headers["signature"], self._signature(request, headers, canonical)):
            return True
        raw = request.body.decode("utf-8")
        if not _equal(headers["signature"], self._signature(request, headers, raw)):
            return False
        _log.warning("the signature fits the bytes sent, but not the body as it is serialised again")
        return not switches.strict_signature

    def _signature(self, request: EmulatedRequest, headers: Mapping[str, str], body: str) -> str:
        parts = SignedParts(
            method=request.method,
            target=f"{request.path}?{request.query}" if request.query else request.path,
            salt=headers["salt"],
            timestamp=headers["timestamp"],
            body=body,
        )
        return sign(parts, self._credentials)

    def _remember_salt(self, salt: str, now: int, switches: Switches) -> None:
        recent = {known: seen for known, seen in self._salts.items() if now - seen <= MAX_AGE_SECONDS}
        if switches.reject_reused_salts and salt in recent:
            raise _unauthenticated("salt", switches)
        self._salts = {**recent, salt: now} if switches.reject_reused_salts else {}


def _authentication_headers(request: EmulatedRequest, switches: Switches) -> Mapping[str, str]:
    """Return the four headers; a timestamp that is not a number counts as missing."""
    headers = {name: request.headers.get(name, "") for name in _REQUIRED_HEADERS}
    timestamp = headers["timestamp"]
    if not all(headers.values()) or not (timestamp.isascii() and timestamp.isdigit()):
        raise RefusedError("MISSING_AUTHENTICATION_HEADERS", status=switches.missing_headers_status)
    return headers


def _timely(timestamp: str, now: float, switches: Switches) -> bool:
    """Compare whole seconds: the future is refused at once, the past after a minute."""
    if len(timestamp) > 18:
        return False
    age = int(now) - int(timestamp)
    oldest = MAX_AGE_SECONDS if switches.accept_sixty_second_timestamp else MAX_AGE_SECONDS - 1
    return 0 <= age <= oldest


def _parsed(body: bytes, switches: Switches) -> Json:
    if not body:
        return {}
    try:
        return parse(body)
    except InvalidJsonError:
        if switches.invalid_json == "UNAUTHENTICATED_API_CALL":
            raise _unauthenticated("signature", switches) from None
        raise RefusedError(switches.invalid_json) from None


def _unauthenticated(cause: str, switches: Switches) -> RefusedError:
    """Every cause has the same code; only the message differs."""
    message = _OTHER_MESSAGES[switches.authentication_messages].get(cause)
    return RefusedError("UNAUTHENTICATED_API_CALL", message=message)


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(_utf8(left), _utf8(right))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
