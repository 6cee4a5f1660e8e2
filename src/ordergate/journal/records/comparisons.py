"""Comparisons and shadow counts as the journal keeps them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.mode import World


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


COMPARISONS = "/v1/comparisons"
