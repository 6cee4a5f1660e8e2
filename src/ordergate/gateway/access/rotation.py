"""Replaces a key with a new one that has the same rights; the old one stays valid for a while."""

from datetime import datetime, timedelta

import msgspec

from ordergate.domain.errors import Problem
from ordergate.gateway.access.caller import hash_key, make_key
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.records.keys import ApiKey


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """The key that takes over, itself, and when the one before it ends."""

    key: ApiKey
    token: str
    previous_ends_at: datetime


async def rotate_key(
    runtime: Runtime, key_id: str, *, overlap: timedelta, lifetime: timedelta | None = None
) -> Rotation:
    """Make a key's replacement.

    Args:
        runtime: This process.
        key_id: The key to replace.
        overlap: How long the old key stays valid, at most until its own expiry.
        lifetime: How long the new one works; None for as long as the old one was made for.

    Raises:
        Problem: ``not_found``, or ``invalid_state`` for a key that does not work or has been replaced.
    """
    now = runtime.clock()
    old = next((key for key in await runtime.journal.read(tx.keys.list_all()) if key.id == key_id), None)
    if old is None:
        raise Problem("not_found", f"There is no key {key_id!r}; see: ordergate keys list")
    _require_rotatable(old, now)
    ends_at = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
    if lifetime is None and old.expires_at is not None:
        lifetime = old.expires_at - old.created_at
    key, token = make_key(
        merchant=old.merchant,
        world=old.world,
        scopes=old.scopes,
        now=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    if not await runtime.journal.write(tx.keys.rotate(key_id, key, hash_key(token), ends_at)):
        raise Problem("invalid_state", f"{key_id} has been revoked or replaced just now.")
    return Rotation(key=key, token=token, previous_ends_at=ends_at)


def _require_rotatable(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Problem("invalid_state", f"{key.id} is revoked; make a new key with: ordergate keys create")
    if key.replaced_by is not None:
        raise Problem("invalid_state", f"{key.id} was replaced by {key.replaced_by}; rotate that one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise Problem("invalid_state", f"{key.id} has expired; make a new key with: ordergate keys create")
