"""Finds which line of a provider's document is which line of the draft, whatever became of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ordergate.domain.statements import Reading, Statement

_MANY = 200
"""Lines that fit no place beyond which they are taken in order: trying all pairs would take too long."""

_WEIGHTS: Mapping[str, int] = {"/type": 4, "/sku": 4, "/description": 3, "/unit_amount": 2, "/quantity": 1}
_ENOUGH = 7
"""What two lines must have in common to be one: their kind, and the product or the description."""

Meant = Mapping[str, Any]
"""What the draft means by one line: by pointer inside the line."""
Found = Mapping[str, Statement]
"""What a document says of one line: by pointer inside the line."""


class Aligned(msgspec.Struct, frozen=True, kw_only=True):
    """A document's lines beside the draft's.

    Attributes:
        lines: For each line of the draft, what the document says of it; None where it has no such line.
        surplus: The document's lines that the draft does not have.
    """

    lines: tuple[Found | None, ...]
    surplus: tuple[Found, ...]


def align(meant: Sequence[Meant], reading: Reading) -> Aligned:
    """Return a document's lines beside the draft's."""
    found = [{statement.pointer: statement for statement in line} for line in reading.lines]
    groups = _groups(meant, merges=reading.merges)
    wanted = [_sum(meant, group) for group in groups]
    pairs = _pairs(wanted, found)
    lines: list[Found | None] = [None] * len(meant)
    for position, group in enumerate(groups):
        if position in pairs:
            for index in group:
                lines[index] = _share(found[pairs[position]], meant, group, index)
    taken = set(pairs.values())
    return Aligned(
        lines=tuple(lines),
        surplus=tuple(line for position, line in enumerate(found) if position not in taken),
    )


def _groups(meant: Sequence[Meant], *, merges: bool) -> list[list[int]]:
    """The draft's lines, those of one product together where the provider takes each product once."""
    groups: dict[Any, list[int]] = {}
    for index, line in enumerate(meant):
        alone = not merges or line["/type"] != "product" or "/sku" not in line
        groups.setdefault(("line", index) if alone else ("sku", line["/sku"]), []).append(index)
    return list(groups.values())


def _sum(meant: Sequence[Meant], group: Sequence[int]) -> Meant:
    return {**meant[group[0]], "/quantity": sum(meant[index]["/quantity"] for index in group)}


def _pairs(wanted: Sequence[Meant], found: Sequence[Found]) -> dict[int, int]:
    """Which wanted line is which found one: those in their place first, then the best of the rest."""
    pairs = {
        index: index
        for index, (line, there) in enumerate(zip(wanted, found, strict=False))
        if _likeness(line, there) >= _ENOUGH
    }
    left = [index for index in range(len(wanted)) if index not in pairs]
    free = [index for index in range(len(found)) if index not in pairs]
    if len(left) > _MANY or len(free) > _MANY:
        return pairs | dict(zip(left, free, strict=False))
    scores = sorted(
        ((_likeness(wanted[index], found[there]), -index, -there) for index in left for there in free),
        reverse=True,
    )
    for score, index, there in scores:
        if score >= _ENOUGH and -index not in pairs and -there not in pairs.values():
            pairs[-index] = -there
    return pairs


def _likeness(line: Meant, there: Found) -> int:
    return sum(
        weight
        for pointer, weight in _WEIGHTS.items()
        if pointer in line and pointer in there and line[pointer] == there[pointer].value
    )


def _share(found: Found, meant: Sequence[Meant], group: Sequence[int], index: int) -> Found:
    """What of a merged line is one line's: all but the quantity, of which it has what the others leave."""
    if len(group) == 1 or "/quantity" not in found:
        return found
    quantity = found["/quantity"]
    others = sum(meant[other]["/quantity"] for other in group if other != index)
    value = quantity.value - others if isinstance(quantity.value, int) else quantity.value
    shared = msgspec.structs.replace(
        quantity, value=value, notation=f"one line for {len(group)} with this product"
    )
    return {**found, "/quantity": shared}
