"""The statements of a provider's document in the gateway's terms, each with its place and its literal."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of a document.

    Attributes:
        pointer: The canonical JSON Pointer; inside a line, relative to that line.
        at: JSON Pointer into the document; None for a statement without a place.
        value: The meaning: minor units, a canonical word, a time in UTC.
        literal: The literal from the bytes; a number with decimals is a ``Decimal``.
        notation: How it is written, for a human: ``major units``.
        unsaid: The name of a statement without a place.
        made: The provider generates a value, or takes one from elsewhere, if it gets none.
        own: It names a thing of the provider's own, and means the same as another provider's name of it.
        clock: A time of the provider's own clock.
    """

    pointer: str
    at: str | None
    value: Any
    literal: Any
    notation: str
    unsaid: str = "unsaid"
    made: bool = False
    own: bool = False
    clock: bool = False


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """All statements of one document about an order.

    Attributes:
        fields: Of the order itself.
        lines: The statements of each line, in the document's order.
        declared: Pointers of the order's own fields that such a document can contain.
        line_declared: The same of a line's, inside the line.
        merges: One line of the document may stand for several lines of one product.
    """

    fields: tuple[Statement, ...]
    lines: tuple[tuple[Statement, ...], ...]
    declared: frozenset[str] = frozenset()
    line_declared: frozenset[str] = frozenset()
    merges: bool = False

    def statements(self) -> Iterator[Statement]:
        """Yield every statement; a line's under its place in the document."""
        yield from self.fields
        for index, line in enumerate(self.lines):
            for each in line:
                yield under_line(each, index)


def under_line(statement: Statement, index: int) -> Statement:
    """Return a line's statement with the whole pointer."""
    return msgspec.structs.replace(statement, pointer=f"/line_items/{index}{statement.pointer}")


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal in JSON at any depth; true and 1 are not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def plain_percent(text: str) -> str | None:
    """Return a percentage as a decimal string in its shortest form; None for none at all.

    Raises:
        ValueError: The text is no plain decimal number.
    """
    whole, _, fraction = text.partition(".")
    if not whole.isdecimal() or not (fraction or "0").isdecimal():
        raise ValueError("no plain decimal number")
    fraction = fraction.rstrip("0")
    shortest = f"{int(whole)}.{fraction}" if fraction else str(int(whole))
    return None if shortest == "0" else shortest
