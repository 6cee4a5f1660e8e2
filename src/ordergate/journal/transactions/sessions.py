"""Console sessions, by the hash of their token."""

from ordergate.journal import codec
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.transaction import Query, Steps, transaction


@transaction()
def add(key_id: str, token_hash: bytes, *, seconds: float, kept: int) -> Steps[None]:
    """Keep a session at the console, by the hash of its token, for so long.

    Args:
        key_id: The key that it was opened with.
        token_hash: Hash of the browser's token.
        seconds: By the store's clock.
        kept: Of one key's sessions so many are kept, the newest ones.
    """
    yield Query("delete_expired_sessions", {})
    yield Query(
        "add_session", {"token_hash": token_hash, "key_id": key_id, "lifetime": round(seconds * 1000)}
    )
    yield Query("keep_newest_sessions", {"key_id": key_id, "kept": kept})


@transaction(inline=True)
def find_key(token_hash: bytes) -> Steps[ApiKey | None]:
    """Return the key of a session, revoked or not; None without a session."""
    rows = yield Query("session_key", {"token_hash": token_hash})
    return codec.decode_key(rows[0][0]) if rows else None


@transaction()
def delete(token_hash: bytes) -> Steps[None]:
    """Forget a session, if there is one."""
    yield Query("delete_session", {"token_hash": token_hash})
