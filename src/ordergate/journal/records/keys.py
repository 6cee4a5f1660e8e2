"""API keys as the journal keeps them."""

from datetime import datetime

import msgspec

from ordergate.domain.mode import World


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without the key itself.

    Attributes:
        merchant: None for an operator's.
        last_used_at: Approximate time; only lists contain it.
        replaced_by: The key that took over, once it was rotated.
    """

    id: str
    merchant: str | None
    world: World
    operator: bool
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    replaced_by: str | None = None
