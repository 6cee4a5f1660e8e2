"""API keys, by the hash of their secret."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from ordergate.journal import codec
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.transaction import Query, Steps, transaction


@transaction()
def add(key: ApiKey, secret_hash: bytes) -> Steps[None]:
    """Keep an API key by its hash."""
    yield Query("add_key", {"id": key.id, "secret_hash": secret_hash, "record": codec.encode(key)})


@transaction(inline=True)
def find(secret_hash: bytes) -> Steps[ApiKey | None]:
    """Return the key with this hash."""
    rows = yield Query("find_key", {"secret_hash": secret_hash})
    return codec.decode_key(rows[0][0]) if rows else None


@transaction()
def list_all() -> Steps[list[ApiKey]]:
    """Return every key, oldest first."""
    rows = yield Query("all_keys", {})
    return [
        msgspec.structs.replace(codec.decode_key(record), last_used_at=codec.moment_or_none(used))
        for record, used in rows
    ]


@transaction()
def rotate(key_id: str, replacement: ApiKey, secret_hash: bytes, ends_at: datetime) -> Steps[bool]:
    """Keep a key's replacement, by its hash, and end the key then.

    Returns:
        False if the key is unknown, revoked or replaced. Nothing changes then.
    """
    rows = yield Query("key_by_id", {"id": key_id})
    key = codec.decode_key(rows[0][0]) if rows else None
    if key is None or key.revoked_at is not None or key.replaced_by is not None:
        return False
    yield from add(replacement, secret_hash)
    yield _replace_key(msgspec.structs.replace(key, expires_at=ends_at, replaced_by=replacement.id))
    return True


@transaction()
def record_use(uses: Mapping[str, datetime]) -> Steps[None]:
    """Record when keys were last used; concurrent changes of other columns stay."""
    for key_id, time in sorted(uses.items()):  # in one order everywhere, so that no two wait for each other
        yield Query("record_key_use", {"id": key_id, "used_at": codec.milliseconds(time)})


@transaction()
def revoke(key_id: str, now: datetime) -> Steps[bool]:
    """Revoke a key; return whether it was valid."""
    rows = yield Query("key_by_id", {"id": key_id})
    if not rows:
        return False
    key = codec.decode_key(rows[0][0])
    yield _replace_key(msgspec.structs.replace(key, revoked_at=key.revoked_at or now))
    return True


def _replace_key(key: ApiKey) -> Query:
    revoked_at = None if key.revoked_at is None else codec.milliseconds(key.revoked_at)
    return Query("replace_key", {"id": key.id, "record": codec.encode(key), "revoked_at": revoked_at})
