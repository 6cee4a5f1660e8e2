"""The results of a benchmark, and their printed form."""

from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured value.

    Attributes:
        name: The measured quantity.
        measure: ``p50``, ``p99``, ``median``, ``rate``, ``at rest``.
        value: In `unit`.
        unit: ``µs``, ``ms``, ``/s``, ``MiB``.
    """

    name: str
    measure: str
    value: float
    unit: str


def percentile(values: Sequence[int], share: int) -> int:
    """Return the smallest value that is not below this share, in percent, of all values."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * share // 100) - 1, 0)]


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return rows as lines of equal columns: so many to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if number < left else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of equal columns."""
    return columns(
        [(figure.name, figure.measure, f"{figure.value:,.1f}", f"{figure.unit:<3}") for figure in figures]
    )
