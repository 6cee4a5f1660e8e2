"""Counts of shadow translations."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from ordergate.domain.mode import World
from ordergate.journal import codec
from ordergate.journal.records.comparisons import ShadowCount
from ordergate.journal.transaction import Query, Steps, transaction


@transaction()
def add_counts(counts: Sequence[ShadowCount]) -> Steps[None]:
    """Add to the counts of shadow translations."""
    for count in sorted(
        counts, key=lambda count: (count.merchant, count.account, count.kind, count.code, count.pointer)
    ):
        columns = msgspec.structs.asdict(count)
        yield Query("count_shadow", columns | {"last_at": codec.milliseconds(count.last_at)})


@transaction()
def counts(world: World, merchant: str | None) -> Steps[list[ShadowCount]]:
    """Return the counts of shadow translations, the most frequent first."""
    rows = yield Query("shadow_counts", {"world": world, "merchant": merchant})
    names = ShadowCount.__struct_fields__
    return [
        ShadowCount(
            **dict(zip(names[:-1], row, strict=False)), last_at=datetime.fromtimestamp(row[-1] / 1000, UTC)
        )
        for row in rows
    ]
