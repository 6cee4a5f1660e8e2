"""Who calls: API keys are random, stored as hashes, and belong to one merchant and one world."""

import re
import secrets
from datetime import datetime
from hashlib import sha256

import msgspec

from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.identifiers import new_id
from ordergate.domain.mode import World
from ordergate.journal.records.keys import ApiKey

MERCHANT_SCOPES = ("orders:read", "orders:write", "payments:write", "links:write", "webhooks:write")
OPERATOR_SCOPE = "admin"

_PREFIXES: dict[World, str] = {"test": "og_test_", "live": "og_live_"}
_RANDOM_BYTES = 32
_KEY = re.compile(r"og_(test|live)_[A-Za-z0-9_-]{43}")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls; `merchant` is None for an operator."""

    key: str
    merchant: str | None
    world: World
    operator: bool
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Refuse a call that the key has no scope for.

        Raises:
            Problem: ``forbidden``, naming the scope.
        """
        if self.operator or scope in self.scopes:
            return
        raise Problem("forbidden", f"This key lacks the scope {scope}; use one that has it.")

    def require_merchant(self) -> str:
        """Return the caller who has the key.

        Raises:
            Problem: ``forbidden``: an operator's key belongs to no merchant.
        """
        if self.merchant is None:
            raise Problem(
                "forbidden", "An operator's key belongs to no merchant; use one of the merchant's own."
            )
        return self.merchant

    def merchant_named(self, merchant: str | None) -> str:
        """Return the merchant of the call: the key's merchant, or the one that an operator names.

        Raises:
            Problem: ``forbidden`` if a merchant names another one, ``invalid_request`` if an operator names none.
        """
        if self.merchant is not None and merchant not in {None, self.merchant}:
            raise Problem("forbidden", "This key belongs to another merchant.")
        named = self.merchant or merchant
        if named is None:
            raise invalid_request(
                "/merchant", "required", "An operator's key must name the merchant: ?merchant=…."
            )
        return named

    def sees(self, merchant: str, world: World) -> bool:
        """Whether something of this merchant and world may be known to exist."""
        return self.world == world and (self.operator or self.merchant == merchant)


def make_key(
    *,
    merchant: str | None,
    world: World,
    scopes: tuple[str, ...],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key's record, and the key itself, which is shown once and never kept."""
    key = ApiKey(
        id=new_id("key"),
        merchant=merchant,
        world=world,
        operator=merchant is None,
        scopes=scopes,
        created_at=now,
        expires_at=expires_at,
    )
    return key, _PREFIXES[world] + secrets.token_urlsafe(_RANDOM_BYTES)


def is_key(text: str) -> bool:
    """Return whether a text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def hash_key(token: str) -> bytes:
    """Return the hash of a key for the journal. A key has 256 random bits, so a fast hash suffices."""
    return sha256(token.encode()).digest()


def key_revoked() -> Problem:
    """Return the refusal of a key that is not known, or no longer."""
    return Problem("unauthenticated", "This API key is not known here, or has been revoked.")


def presented_hash(authorization: str | None) -> bytes:
    """Return the hash of the key in an Authorization header. A text without the form of a key is refused without I/O.

    Raises:
        Problem: ``unauthenticated``.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not is_key(token.strip()):
        raise Problem(
            "unauthenticated", "Send Authorization: Bearer og_test_… or og_live_…, with the whole key."
        )
    return hash_key(token.strip())
