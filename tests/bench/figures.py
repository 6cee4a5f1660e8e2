"""What a benchmark answers, and how it is shown."""

from collections.abc import Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One measured value.

    Attributes:
        name: What was measured.
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


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines of equal columns."""
    width = max(len(figure.name) for figure in figures)
    return "\n".join(
        f"{figure.name:<{width}}  {figure.measure:<8} {figure.value:>9.1f} {figure.unit}"
        for figure in figures
    )
