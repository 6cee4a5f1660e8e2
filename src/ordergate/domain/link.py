"""Links: the provider ids of the ids that a merchant uses."""

from typing import Annotated, Literal

from msgspec import Meta

from ordergate.domain.draft import Body

LinkKind = Literal["customers", "products", "payment_methods"]


LinkText = Annotated[str, Meta(min_length=1, max_length=255)]


class Link(Body, frozen=True, kw_only=True):
    """The link of one of the merchant's own ids at one account: `native` is the provider's own id."""

    kind: LinkKind
    id: LinkText
    account: LinkText
    native: LinkText
