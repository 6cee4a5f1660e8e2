"""What the journal keeps to be shown: what was said to providers, comparisons, and what shadows were counted."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.order import Notice
from ordergate.gateway.account import World
from ordergate.gateway.records import Operation, Work

EXCHANGES_KEPT = 20
"""Of one operation, the last: a key may be repeated without end."""

ANSWER_KEPT = 1024 * 1024
"""Bytes of an answer: a comparison reads what it judges from here, so the longest that it takes has room."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a provider and its answer, as a receipt keeps them: without what authenticates.

    Attributes:
        attempt: Number of the operation's attempt that it belongs to.
        configuration: Short hash of the configuration in force.
        adapter_version: Of the adapter's distribution.
        path: What follows the account's base URL.
        body: The exact bytes; stars where they held a one-time token, nothing where they never left.
        acts: It may have changed something at the provider; others only read.
        milliseconds: From its sending to its answer, or to the end of the wait for it.
        status: What was answered; None for no answer.
        answer: The exact bytes; of more than :data:`ANSWER_KEPT` the beginning, and a mark that says so.
        error: Why there is no answer.
    """

    attempt: int
    account: str
    adapter: str
    configuration: str
    adapter_version: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    acts: bool
    notices: tuple[Notice, ...] = ()
    started_at: datetime
    milliseconds: float
    status: int | None = None
    answer_headers: dict[str, str] = {}
    answer: bytes = b""
    error: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An operation, and all that was said to its provider about it and is still kept.

    Attributes:
        work: What another process needs to carry on, as long as it is unsettled.
        request: The exact bytes that an unsettled operation has sent, or will send.
    """

    operation: Operation
    work: Work | None = None
    request: bytes | None
    exchanges: tuple[Exchange, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison of accounts.

    Attributes:
        key: The Idempotency-Key that it was asked for with, if any.
        content_hash: Of what was asked; the same key with another is refused.
        reference: The draft's, if any: an order of that reference that is redacted takes the comparison along.
        body: The document that is answered; None until there is one, and where it was erased.
        ended: A repeat of the key finds out no more.
    """

    id: str
    merchant: str
    world: World
    key: str | None
    content_hash: str
    created_at: datetime
    reference: str | None = None
    body: bytes | None = None
    ended: bool = False


def compared_key(comparison: str, account: str) -> str:
    """Return the Idempotency-Key with which a comparison creates its order at one account."""
    return f"{comparison}.{account}"


class ComparisonQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which comparisons to list; newest first by id."""

    world: World
    merchant: str | None = None
    limit: int = 20
    starting_after: str | None = None
    ending_before: str | None = None


ShadowKind = Literal["accepted", "refused", "difference", "link_missing", "dropped"]


class ShadowCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often a real order, translated for another account too, came to one thing there.

    Attributes:
        kind: ``accepted`` orders; those ``refused``, by code and pointer; a ``difference`` between draft and request,
            by pointer; an id whose ``link_missing`` stood in the way, as its kind and itself; orders ``dropped``
            untranslated, under load.
        code: The refusal's code, or the kind of an id that has no link.
        pointer: The field, of any line the same; or the id.
        detail: Why, of the latest.
        example: The latest such order.
    """

    world: World
    merchant: str
    account: str
    kind: ShadowKind
    code: str = ""
    pointer: str = ""
    detail: str = ""
    example: str = ""
    orders: int = 1
    last_at: datetime
