"""Comparisons: their records."""

from datetime import datetime

import msgspec

from ordergate.journal import codec
from ordergate.journal.records.comparisons import Comparison, ComparisonQuery
from ordergate.journal.transaction import Query, Row, Steps, transaction
from ordergate.journal.transactions import list_queries


@transaction()
def add(comparison: Comparison, since: datetime) -> Steps[Comparison]:
    """Record a comparison, unless its key already has a newer one; return the recorded one."""
    columns = codec.comparison_columns(comparison)
    if comparison.key is not None:
        yield Query("free_comparison_key", columns | {"since": codec.milliseconds(since)})
        rows = yield Query("comparison_by_key", columns)
        if rows:
            return _comparison(rows[0])
    yield Query("insert_comparison", columns)
    return comparison


@transaction()
def finish(ended: Comparison) -> Steps[Comparison]:
    """Record the result of a comparison, unless it has ended; return the recorded one."""
    if (yield Query("finish_comparison", codec.comparison_columns(ended))):
        return ended
    return (yield from find(ended.id)) or ended


@transaction()
def find(comparison_id: str) -> Steps[Comparison | None]:
    """Return one comparison."""
    rows = yield Query("comparison_by_id", {"id": comparison_id})
    return _comparison(rows[0]) if rows else None


@transaction(listed=True)
def search(query: ComparisonQuery) -> Steps[list[Comparison]]:
    """Return up to ``limit + 1`` comparisons that have a result; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.comparisons(query))
    return list_queries.in_order([_comparison(row) for row in rows], query)


def _comparison(row: Row) -> Comparison:
    record, body, ended = row
    return msgspec.structs.replace(
        codec.decode_comparison(record), body=None if body is None else bytes(body), ended=bool(ended)
    )
