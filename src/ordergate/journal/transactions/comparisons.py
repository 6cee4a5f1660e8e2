"""What the journal does for comparisons and shadows: transactions, as all that it does."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from ordergate.domain.mode import World
from ordergate.journal import codec
from ordergate.journal.records.comparisons import Comparison, ComparisonQuery, ShadowCount
from ordergate.journal.transaction import Query, Row, Transaction
from ordergate.journal.transactions import search


def begin_comparison(comparison: Comparison, since: datetime) -> Transaction[Comparison]:
    """Keep a comparison, unless its key has one that was made since then."""
    columns = codec.comparison_columns(comparison)
    if comparison.key is not None:
        yield Query("free_comparison_key", columns | {"since": codec.milliseconds(since)})
        rows = yield Query("comparison_by_key", columns)
        if rows:
            return _comparison(rows[0])
    yield Query("insert_comparison", columns)
    return comparison


def end_comparison(ended: Comparison) -> Transaction[Comparison]:
    """Keep what a comparison came to, unless it has ended already."""
    if (yield Query("end_comparison", codec.comparison_columns(ended))):
        return ended
    return (yield from comparison(ended.id)) or ended


def comparison(comparison_id: str) -> Transaction[Comparison | None]:
    """Return one comparison."""
    rows = yield Query("comparison_by_id", {"id": comparison_id})
    return _comparison(rows[0]) if rows else None


def comparisons(query: ComparisonQuery) -> Transaction[list[Comparison]]:
    """Return up to ``limit + 1`` comparisons."""
    rows = yield Query(*search.comparisons(query))
    return search.in_order([_comparison(row) for row in rows], query.ending_before)


def count_shadows(counts: Sequence[ShadowCount]) -> Transaction[None]:
    """Add to what is counted; in one order everywhere, so that no two wait for each other."""
    for count in sorted(
        counts, key=lambda count: (count.merchant, count.account, count.kind, count.code, count.pointer)
    ):
        columns = msgspec.structs.asdict(count)
        yield Query("count_shadow", columns | {"last_at": codec.milliseconds(count.last_at)})


def shadow_counts(world: World, merchant: str | None) -> Transaction[list[ShadowCount]]:
    """Return what was counted, the most frequent first."""
    rows = yield Query("shadow_counts", {"world": world, "merchant": merchant})
    names = ShadowCount.__struct_fields__
    return [
        ShadowCount(
            **dict(zip(names[:-1], row, strict=False)), last_at=datetime.fromtimestamp(row[-1] / 1000, UTC)
        )
        for row in rows
    ]


def _comparison(row: Row) -> Comparison:
    record, body, ended = row
    return msgspec.structs.replace(
        codec.decode_comparison(record), body=None if body is None else bytes(body), ended=bool(ended)
    )
