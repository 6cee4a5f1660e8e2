"""What a document of a provider's says, in the gateway's terms: each statement with where and how it stands there."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a document says.

    Attributes:
        pointer: The canonical JSON Pointer; inside a line, relative to that line.
        at: JSON Pointer into the document; None where nothing has to stand there to say it.
        value: What it means: minor units, a canonical word, a time in UTC.
        literal: What stands there, as it was read from the bytes: a number with decimals is a ``Decimal``.
        notation: How it is written, for a human: ``major units``.
        unsaid: How it is called where nothing has to stand there to say it.
        made: The provider makes one up, or has one from elsewhere, where it is given none.
        own: It names a thing of the provider's own, and means the same as another provider's name of it.
        clock: It is a time that the provider's own clock told.
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
    """All that one document says of an order.

    Attributes:
        fields: Of the order itself.
        lines: Of each line, as they stand there.
        declared: The pointers of the order's own fields that such a document can say.
        line_declared: The same of a line's, inside the line.
        merges: One line there may stand for several with one product.
    """

    fields: tuple[Statement, ...]
    lines: tuple[tuple[Statement, ...], ...]
    declared: frozenset[str] = frozenset()
    line_declared: frozenset[str] = frozenset()
    merges: bool = False

    def said(self) -> Iterator[Statement]:
        """Yield every statement; a line's under its place in the document."""
        yield from self.fields
        for index, line in enumerate(self.lines):
            for each in line:
                yield under_line(each, index)


def under_line(statement: Statement, index: int) -> Statement:
    """Return a line's statement with the whole pointer."""
    return msgspec.structs.replace(statement, pointer=f"/line_items/{index}{statement.pointer}")


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, which tells true from 1, at any depth."""
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
