"""One request and one answer as they cross the wire: exact bytes, nothing implied."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from ordergate.domain.order import Notice


class NoAnswer(Exception):  # noqa: N818 - it is an event, thrown into a plan, and not always an error
    """Thrown into a plan at a request after its effectful one: it was not answered.

    A plan that already knows its outcome catches this exception and returns it; any other plan lets it pass.
    """


Headers = tuple[tuple[str, str], ...]


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a provider, exactly as it is sent.

    Attributes:
        method: Upper case.
        path: The path after the account's base URL, percent-encoded, with the query.
        body: The exact bytes; empty for none.
        headers: Besides those that the transport adds (Host, Content-Length, User-Agent).
        acts: The request may change something at the provider. A plan has at most one such request.
        notices: Notices for the merchant about the translation into this request.
        confidential: The body contains a one-time token, so the journal has it masked and no other process sends it.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    body: bytes = b""
    headers: Headers = ()
    acts: bool = False
    notices: tuple[Notice, ...] = ()
    confidential: bool = False


class WireResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One response: header names in lower case; of a repeated header, the last value."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    @property
    def retry_after(self) -> int | None:
        """Whole seconds of Retry-After; None if absent, zero, invalid, or longer than days."""
        value = self.headers.get("retry-after", "")
        seconds = int(value) if value.isdecimal() and len(value) <= 5 else 0
        return seconds or None
