"""Masks our own credentials in responses: some providers repeat the wrong key in their error.

Masked data reaches no merchant, no journal and no log.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from ordergate.gateway.accounts.account import Account
from ordergate.spi.secret import Secret
from ordergate.telemetry.redaction import MASK, SECRET_NAMES

_SHORTEST = 8
"""Minimum length of a masked credential: a shorter one would match other text by chance."""

_MAX_ESCAPED = 64 * 1024
"""Bytes of a body that are searched for escaped credentials. The search is slow, and errors are short."""

_NAMED = {b"quot": b'"', b"amp": b"&", b"lt": b"<", b"gt": b">", b"apos": b"'"}
_ESCAPE = re.compile(
    rb"\\u([0-9A-Fa-f]{4})|%([0-9A-Fa-f]{2})|&#x([0-9A-Fa-f]{1,4});|&#([0-9]{1,4});|&(quot|amp|lt|gt|apos);|\\(.)",
    re.DOTALL,
)
_STARS = MASK.encode()


def credentials_of(account: Account) -> tuple[bytes, ...]:
    """Return the credentials of an account, the longest first."""
    found = set(_strings_in(account.settings))
    if account.egress.proxy is not None:
        found.add(unquote(urlsplit(account.egress.proxy.reveal()).password or ""))
    return _longest_first(secret.encode() for secret in found)


class Echoes:
    """The secrets of one request: the account's credentials, and the values derived from them."""

    def __init__(self, credentials: Sequence[bytes], headers: Iterable[tuple[str, str]] = ()) -> None:
        """Search for these credentials, and for the values of the authenticating headers."""
        self._credentials = tuple(credentials)
        signed = (
            word.encode()
            for name, value in headers
            if name.lower() in SECRET_NAMES
            for word in _without_scheme(value)
        )
        self._words = _longest_first((*credentials, *signed))

    def mask(self, body: bytes) -> bytes:
        """Return a body with stars for each credential, however it is escaped."""
        for word in self._words:
            body = body.replace(word, _STARS)
        if len(body) <= _MAX_ESCAPED and any(mark in body for mark in (b"\\", b"%", b"&")):
            unescaped = _ESCAPE.sub(_letter, body)
            if any(secret in unescaped for secret in self._credentials):
                return _escaped(self._credentials).sub(_STARS, body)
        return body

    def mask_headers(self, headers: Mapping[bytes, bytes]) -> dict[str, str]:
        """Return the headers of an answer as text, with stars for each credential."""
        decoded = {name.decode("latin-1"): _decoded(value) for name, value in headers.items()}
        block = b"\n".join(headers.values())
        if len(block) <= _MAX_ESCAPED and self.mask(block) == block:
            return decoded
        return {name: self.mask_text(value) for name, value in decoded.items()}

    def mask_text(self, text: str) -> str:
        """Return text with stars for each credential."""
        return self.mask(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _strings_in(value: Any) -> Iterator[str]:
    """Every secret in an adapter's settings."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _strings_in(item)
    else:
        for name in getattr(value, "__struct_fields__", ()):
            yield from _strings_in(getattr(value, name))


def _longest_first(words: Iterator[bytes] | Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted({word for word in words if len(word) >= _SHORTEST}, key=len, reverse=True))


def _decoded(value: bytes) -> str:
    """Return a header's text: UTF-8, or else Latin-1, as servers of before send it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _without_scheme(value: str) -> list[str]:
    words = value.split()
    return words[1:] or words


def _letter(match: re.Match[bytes]) -> bytes:
    """Return the character of an escape sequence, if a credential can contain it."""
    unicode, percent, hexadecimal, decimal, named, itself = match.groups()
    if named is not None or itself is not None:
        return itself or _NAMED[named]
    code = int(decimal) if decimal is not None else int(unicode or percent or hexadecimal, 16)
    return bytes((code,)) if code < 128 else match[0]


@lru_cache(64)
def _escaped(secrets: Sequence[bytes]) -> re.Pattern[bytes]:
    r"""Match each secret with any of its characters spelt ``\\u0061``, ``\\/``, ``%61`` or ``&#97;``."""
    return re.compile(b"|".join(b"".join(map(_spellings, secret)) for secret in secrets))


def _spellings(code: int) -> bytes:
    letter = re.escape(chr(code)).encode()
    named = b"".join(b"|&" + name + b";" for name, meant in _NAMED.items() if meant == bytes((code,)))
    escapes = rf"\\u(?i:{code:04x})|%(?i:{code:02x})|&#(?:0*{code}|x0*(?i:{code:x}));"
    return b"(?:\\\\?" + letter + b"|" + escapes.encode() + named + b")"
