"""Links as the journal keeps them."""

from collections.abc import Callable, Mapping

import msgspec

from ordergate.domain.link import LinkKind
from ordergate.domain.mode import World


class LinkKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of the merchant's own ids."""

    merchant: str
    world: World
    kind: LinkKind
    id: str


Links = Mapping[str, str]
"""The provider's id, by account."""


class StoredLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link and its merchant."""

    merchant: str
    kind: LinkKind
    id: str
    account: str
    native: str

    @property
    def place(self) -> "LinkPlace":
        """The place of a link in a list."""
        return (self.merchant, self.kind, self.id, self.account)


LinkPlace = tuple[str, str, str, str]
"""Merchant, kind, id and account: links are listed in this order."""


class LinkQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which links to list; sorted by merchant, kind, id and account."""

    world: World
    merchant: str | None = None
    account: str | None = None
    kind: LinkKind | None = None
    limit: int = 20
    after: LinkPlace | None = None


Progress = Callable[[int], None]
"""Called with the number of finished items during a long write."""
