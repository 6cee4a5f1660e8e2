"""Comparisons and shadow counts as the journal keeps them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.mode import World
from ordergate.journal.records.paging import PageQuery


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison of accounts.

    Attributes:
        key: The Idempotency-Key that it was asked for with, if any.
        content_hash: Hash of the request body. The same key with another body is refused.
        reference: The draft's, if any: an order of that reference that is redacted takes the comparison along.
        body: The document that the API returns; None until it exists, and after a redaction.
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


def comparison_key(comparison: str, account: str) -> str:
    """Return the Idempotency-Key with which a comparison creates its order at one account."""
    return f"{comparison}.{account}"


class ComparisonQuery(PageQuery, frozen=True, kw_only=True):
    """Which comparisons to list."""


ShadowKind = Literal["accepted", "refused", "difference", "link_missing", "dropped"]


class ShadowCount(msgspec.Struct, frozen=True, kw_only=True):
    """A count of real orders that had the same result when they were translated for a shadow account.

    Attributes:
        kind: ``accepted``, or ``refused`` (with code and pointer), ``difference`` between draft and request (with
            pointer), ``link_missing`` (with the kind of the id as code, the id as pointer), or ``dropped`` under load.
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


COMPARISONS = "/v1/comparisons"
