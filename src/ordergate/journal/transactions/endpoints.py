"""Webhook endpoints and their secrets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ordergate.journal import codec
from ordergate.journal.records.deliveries import (
    Endpoint,
    EndpointQuery,
    SigningSecret,
)
from ordergate.journal.transaction import Query, Steps, transaction
from ordergate.journal.transactions import list_queries


@transaction()
def count_secrets() -> Steps[int]:
    """Count the signing secrets of webhook endpoints."""
    ((count,),) = yield Query("SELECT count(*) FROM webhook_secrets", {})
    return int(count)


_KEPT_SECRETS = 3


@transaction()
def add(endpoint: Endpoint, secret: SigningSecret, at_most: int) -> Steps[bool]:
    """Record an endpoint; False if its merchant already has the maximum."""
    scope = {"merchant": endpoint.merchant, "world": endpoint.world}
    lock = Query("acquire_lock", {"name": f"endpoints {endpoint.world} {endpoint.merchant}"})
    yield lock
    ((count,),) = yield Query("count_endpoints", scope)
    if count < at_most:
        yield Query("insert_endpoint", _endpoint_columns(endpoint))
        yield Query("insert_secret", _secret_columns(endpoint.id, secret))
    yield lock._replace(statement="release_lock")
    return bool(count < at_most)


@transaction()
def find(endpoint_id: str) -> Steps[Endpoint | None]:
    """Return one endpoint."""
    rows = yield Query("endpoint_by_id", {"id": endpoint_id})
    return codec.decode_endpoint(rows[0][0]) if rows else None


@transaction(listed=True)
def search(query: EndpointQuery) -> Steps[list[Endpoint]]:
    """Return up to ``limit + 1`` endpoints; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.endpoints(query))
    return list_queries.in_order([codec.decode_endpoint(row[0]) for row in rows], query)


@transaction()
def update(
    endpoint_id: str, changes: Mapping[str, object], *, only_at: str | None = None
) -> Steps[Endpoint | None]:
    """Set fields of an endpoint; concurrent changes of other fields stay. None if it does not exist.

    Args:
        endpoint_id: Which.
        changes: The fields.
        only_at: Change nothing if the URL has changed.
    """
    rows = yield Query("endpoint_to_change", {"id": endpoint_id})
    if not rows:
        return None
    kept = codec.decode_endpoint(rows[0][0])
    if only_at is not None and kept.url != only_at:
        return kept
    changed = msgspec.structs.replace(kept, **changes)
    yield Query("replace_endpoint", _endpoint_columns(changed))
    return changed


@transaction()
def delete(endpoint_id: str) -> Steps[bool]:
    """Delete an endpoint with its secrets and its deliveries; return whether it existed."""
    found = yield Query("delete_endpoint", {"id": endpoint_id})
    yield Query("delete_secrets", {"id": endpoint_id})
    yield Query("delete_deliveries", {"id": endpoint_id})
    return bool(found)


@transaction()
def rotate_secret(endpoint_id: str, secret: SigningSecret, ends_at: datetime) -> Steps[bool]:
    """Add a secret, and end the older ones at a time; the newest few stay. False if the endpoint does not exist."""
    rows = yield Query("endpoint_to_change", {"id": endpoint_id})
    if not rows:
        return False
    yield Query("delete_ended_secrets", {"id": endpoint_id})
    yield Query("end_secrets", {"id": endpoint_id, "ends_at": codec.milliseconds(ends_at)})
    yield Query("insert_secret", _secret_columns(endpoint_id, secret))
    yield Query("keep_newest_secrets", {"id": endpoint_id, "kept": _KEPT_SECRETS})
    return True


@transaction()
def find_secrets(endpoint_id: str) -> Steps[list[SigningSecret]]:
    """Return the secrets that sign now, the newest first."""
    rows = yield Query("secrets_of_endpoint", {"id": endpoint_id})
    return [SigningSecret(value=value, ends_at=codec.moment_or_none(ends_at)) for value, ends_at in rows]


@transaction()
def find_due() -> Steps[list[str]]:
    """Return the enabled endpoints with due deliveries that are free to acquire, the longest waiting first."""
    rows = yield Query("due_endpoints", {})
    return [str(row[0]) for row in rows]


def _endpoint_columns(kept: Endpoint) -> dict[str, Any]:
    return {
        "id": kept.id,
        "merchant": kept.merchant,
        "world": kept.world,
        "enabled": int(kept.enabled),
        "record": codec.encode(kept),
    }


def _secret_columns(endpoint_id: str, secret: SigningSecret) -> dict[str, Any]:
    ends_at = None if secret.ends_at is None else codec.milliseconds(secret.ends_at)
    return {"id": endpoint_id, "secret": secret.value, "ends_at": ends_at}
