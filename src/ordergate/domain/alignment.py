"""Matches the lines of a provider's document with the lines of the draft."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ordergate.domain.statements import Reading, Statement, same

_MANY = 200
"""Lines that fit no place beyond which they are taken in order: trying all pairs would take too long."""

_WEIGHTS: Mapping[str, int] = {"/type": 4, "/sku": 4, "/description": 3, "/unit_amount": 2, "/quantity": 1}
_ENOUGH = 7
"""The members that two matching lines share: the kind, and the product or the description."""

Meant = Mapping[str, Any]
"""The draft's fields of one line, by pointer inside the line."""
Found = Mapping[str, Statement]
"""The document's fields of one line, by pointer inside the line."""


class Aligned(msgspec.Struct, frozen=True, kw_only=True):
    """A document's lines beside the draft's.

    Attributes:
        lines: The document's fields of each line of the draft; None for a line that the document does not have.
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
            whole = wanted[position]["/quantity"]
            for index in group:
                others = whole - meant[index]["/quantity"]
                lines[index] = _share(found[pairs[position]], others, len(group))
    taken = set(pairs.values())
    return Aligned(
        lines=tuple(lines),
        surplus=tuple(line for position, line in enumerate(found) if position not in taken),
    )


def _groups(meant: Sequence[Meant], *, merges: bool) -> list[list[int]]:
    """The draft's lines; lines of one product are merged if the provider takes each product once."""
    groups: dict[Any, list[int]] = {}
    for index, line in enumerate(meant):
        alone = not merges or line["/type"] != "product" or "/sku" not in line
        groups.setdefault(("line", index) if alone else ("sku", line["/sku"]), []).append(index)
    return list(groups.values())


def _sum(meant: Sequence[Meant], group: Sequence[int]) -> Meant:
    return {**meant[group[0]], "/quantity": sum(meant[index]["/quantity"] for index in group)}


def _pairs(wanted: Sequence[Meant], found: Sequence[Found]) -> dict[int, int]:
    """Match wanted lines with found ones: first by equal fields, then by place, then by similarity."""
    pairs = _identical(wanted, found)
    taken = set(pairs.values())
    for index, (line, there) in enumerate(zip(wanted, found, strict=False)):
        if index not in pairs and index not in taken and _likeness(line, there) >= _ENOUGH:
            pairs[index] = index
            taken.add(index)
    left = [index for index in range(len(wanted)) if index not in pairs]
    free = [index for index in range(len(found)) if index not in taken]
    if len(left) > _MANY or len(free) > _MANY:
        return pairs | dict(zip(left, free, strict=False))
    scores = sorted(
        ((_likeness(wanted[index], found[there]), -index, -there) for index in left for there in free),
        reverse=True,
    )
    for score, index, position in scores:
        if score >= _ENOUGH and -index not in pairs and -position not in taken:
            pairs[-index] = -position
            taken.add(-position)
    return pairs


def _identical(wanted: Sequence[Meant], found: Sequence[Found]) -> dict[int, int]:
    """Match the wanted lines that a found line equals in all fields, in order."""
    free: dict[str, deque[int]] = {}
    for position, there in enumerate(found):
        said = [there[pointer].value if pointer in there else None for pointer in _WEIGHTS]
        free.setdefault(repr(said), deque()).append(position)
    pairs = {}
    for index, line in enumerate(wanted):
        same = free.get(repr([line.get(pointer) for pointer in _WEIGHTS]))
        if same:
            pairs[index] = same.popleft()
    return pairs


def _likeness(line: Meant, there: Found) -> int:
    return sum(
        weight
        for pointer, weight in _WEIGHTS.items()
        if pointer in line and pointer in there and same(line[pointer], there[pointer].value)
    )


def _share(found: Found, others: int, merged: int) -> Found:
    """Return one line's share of a merged line: all fields, and of the quantity the part that the others leave."""
    if merged == 1 or "/quantity" not in found:
        return found
    quantity = found["/quantity"]
    value = quantity.value - others if isinstance(quantity.value, int) else quantity.value
    shared = msgspec.structs.replace(
        quantity, value=value, notation=f"one line for {merged} with this product"
    )
    return {**found, "/quantity": shared}
