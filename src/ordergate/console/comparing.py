"""A comparison as a page shows it: one row for each field, one column for each account. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from ordergate.api.documents import ComparisonDocument, ProblemDocument, ResultDocument
from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.console.documents import Spoken, answer_shown, request_shown, weight
from ordergate.console.formats import shown
from ordergate.domain.comparison import literal
from ordergate.domain.difference import DifferenceKind
from ordergate.domain.draft import Draft
from ordergate.domain.fees import Fee
from ordergate.domain.order import Notice, Order

KINDS: Mapping[DifferenceKind, tuple[str, str, str]] = {
    "different": ("≠", "bad", ""),
    "only_in": ("∈", "busy", "no place for it"),
    "equivalent": ("≈", "good", "another notation"),
    "own": ("∘", "moved", "ids and clocks"),
    "equal": ("=", "plain", ""),
}
"""By kind: its symbol, its colour, and its meaning if the word does not suffice; the most serious first."""

DIFFERS = frozenset({"different", "only_in"})
"""Kinds that the filter for differences shows."""

_ROOM_FOR_ROWS = 80_000
_ROOM_FOR_DOCUMENTS = 60_000
_ROW = 700
"""Bytes of a row besides its texts."""

_decoder = msgspec.json.Decoder(ComparisonDocument, float_hook=Decimal)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One field; `cells` has the value of each account, None for none."""

    pointer: str
    kind: DifferenceKind
    cells: tuple[str | None, ...]
    why: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One account: its result and its exchanges."""

    account: str
    adapter: str | None
    request: Spoken | None
    answer: Spoken | None
    order: Order | None
    problem: ProblemDocument | None
    notices: Sequence[Notice]
    latency_ms: float | None
    calls: int
    fee: Fee | None
    operation: str | None


class ComparisonView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows; `left_out` rows had no room."""

    id: str
    mode: Literal["translate", "execute"]
    created_at: datetime
    reference: str | None
    columns: tuple[Column, ...]
    counts: Mapping[str, int]
    rows: tuple[Row, ...]
    left_out: int


class _Outcome(msgspec.Struct, frozen=True):
    account: str


class _Kind(msgspec.Struct, frozen=True):
    kind: str


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list of comparisons."""

    id: str
    mode: str
    created_at: datetime
    order: dict[str, Any]
    results: list[_Outcome]
    differences: list[_Kind]

    @property
    def reference(self) -> str | None:
        """The draft's own number, if it has one."""
        return self.order.get("reference")

    @property
    def counts(self) -> Counter[str]:
        """How many fields are of each kind."""
        return Counter(each.kind for each in self.differences)


def comparison_view(document: ComparisonDocument, *, only_differing: bool) -> ComparisonView:
    """Return a comparison for its page."""
    accounts = [result.account for result in document.results]
    rows = [
        Row(
            pointer=shown(each.pointer or "the order", 120),
            kind=each.kind,
            cells=tuple(_cell(each.values.get(account)) for account in accounts),
            why=shown(each.why, 600),
        )
        for each in document.differences
        if not only_differing or each.kind in DIFFERS
    ]
    kept = _with_room(rows)
    room = _ROOM_FOR_DOCUMENTS // (2 * len(accounts))
    return ComparisonView(
        id=document.id,
        mode=document.mode,
        created_at=document.created_at,
        reference=document.order.get("reference"),
        columns=tuple(_column(result, room) for result in document.results),
        counts=Counter(each.kind for each in document.differences),
        rows=tuple(kept),
        left_out=len(rows) - len(kept),
    )


def read_comparison(body: bytes) -> ComparisonDocument:
    """Read a comparison's document; of numbers with decimals every digit stays."""
    return _decoder.decode(body)


def read_past(bodies: Iterable[bytes]) -> list[Past]:
    """Parse the row of each comparison."""
    return [msgspec.json.decode(body, type=Past) for body in bodies]


def draft_text(order: Draft | Mapping[str, Any]) -> str:
    """Return a draft in a short form, without absent fields."""
    document: dict[str, Any] = msgspec.to_builtins(order)
    said = {
        name: value if name == "extensions" else _without_nulls(value) for name, value in document.items()
    }
    written = {name: value for name, value in said.items() if value not in (None, {}, [])}
    encoded = msgspec.json.Encoder(decimal_format="number").encode(written)
    return msgspec.json.format(encoded, indent=2).decode()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each not in (None, {})}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _with_room(rows: list[Row]) -> list[Row]:
    """As many rows as have room, the gravest before the others, in their own order."""
    gravity = list(KINDS)
    kept, left = [], _ROOM_FOR_ROWS
    for index in sorted(range(len(rows)), key=lambda index: gravity.index(rows[index].kind)):
        row = rows[index]
        left -= _ROW + sum(map(weight, (row.pointer, row.why, *(cell or "" for cell in row.cells))))
        if left < 0:
            break
        kept.append(index)
    return [rows[index] for index in sorted(kept)]


def _cell(value: Any) -> str | None:
    return None if value is None else shown(literal(value), 200)


def _column(result: ResultDocument, room: int) -> Column:
    request: RequestDocument | None = result.request
    answer: AnswerDocument | None = result.answer
    return Column(
        account=result.account,
        adapter=result.adapter,
        request=None if request is None else request_shown(request, room),
        answer=None if answer is None else answer_shown(answer, room),
        order=result.order,
        problem=result.problem,
        notices=result.notices,
        latency_ms=result.latency_ms,
        calls=result.calls,
        fee=result.fee,
        operation=result.operation,
    )
