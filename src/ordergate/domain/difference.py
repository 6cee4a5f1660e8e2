"""The type of a comparison's rows."""

from typing import Any, Literal

from ordergate.domain.order import Record

DifferenceKind = Literal["equal", "equivalent", "own", "different", "only_in"]


class Difference(Record, frozen=True, kw_only=True):
    """One field of the order at every account that has it.

    Attributes:
        pointer: The canonical JSON Pointer.
        kind: ``equal``; ``equivalent`` (another notation, the same meaning); ``own`` (each provider's own ids and
            clocks); ``different``; ``only_in`` (some have no place for it).
        values: The value at each account, in the provider's notation; null for none.
        why: The reason, for people; empty if the values are equal.
    """

    pointer: str
    kind: DifferenceKind
    values: dict[str, Any]
    why: str
