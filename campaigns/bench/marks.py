"""Aims beside measurements: each mark is computed from one run, with whether it is reached."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from campaigns.bench.figures import Figure, columns
from campaigns.bench.growth import Grown
from campaigns.bench.load import Run
from campaigns.bench.soak import Soak
from campaigns.bench.throughput import DIRECT, FRAMEWORK, HANDWRITTEN, POSTGRESQL, SQLITE


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One aim.

    Attributes:
        name: The measured quantity, and its owner.
        found: The measured value, or ratio, in `unit`.
        wanted: The least or the greatest value that reaches the mark.
        at_least: Which of the two.
        unit: Empty for a ratio and for a count.
        how: The values that a ratio is of.
    """

    name: str
    found: float
    wanted: float
    at_least: bool
    unit: str = ""
    how: str = ""

    @property
    def reached(self) -> bool:
        """Whether the aim is met."""
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted

    @property
    def verdict(self) -> str:
        """``yes``; or ``no``, and how near it is, rounded down: 1 would be there."""
        if self.reached:
            return "yes"
        if not self.wanted:
            return "no"
        near = self.found / self.wanted if self.at_least else self.wanted / self.found
        return f"no, {math.floor(near * 100) / 100:.2f} of it"

    @property
    def aim(self) -> str:
        """The aim, with its unit."""
        return f"{'≥' if self.at_least else '≤'} {self.wanted:g}{self._unit}"

    @property
    def measured(self) -> str:
        """The measurement, with its unit."""
        digits = 0 if self.found == round(self.found) else 1 if self.found >= 20 else 2
        return f"{self.found:.{digits}f}{self._unit}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


def computed(
    figures: Sequence[Figure], runs: Sequence[Run], grown: Sequence[Grown], soak: Soak | None
) -> list[Mark]:
    """Return every mark that a run has the figures for."""
    by_load = {(run.peer, run.connections): run for run in runs}
    return [
        *(mark for store in (SQLITE, POSTGRESQL) for mark in _of_store(store, by_load)),
        *_adapters(figures),
        *_growth(grown),
        *_memory(runs, soak),
        *_start(figures),
    ]


def _of_store(store: str, runs: dict[tuple[str, int], Run]) -> Iterator[Mark]:
    """The marks that compare with a peer, and the marks of a gateway alone."""
    alone, busy, crowd = (runs.get((store, number)) for number in (1, 32, 128))
    peer_alone, peer_busy = (runs.get((HANDWRITTEN, number)) for number in (1, 32))
    framework, direct = runs.get((FRAMEWORK, 32)), runs.get((DIRECT, 1))
    if busy and peer_busy:
        name = f"{store}: throughput at 32 connections, times the hand-written peer's"
        yield _ratio(name, busy.rate, peer_busy.rate, 4, at_least=True)
    if busy and framework:
        name = f"{store}: throughput at 32 connections, times that of Litestar without a call"
        yield _ratio(name, busy.rate, framework.rate, 0.25, at_least=True)
    if crowd:
        yield Mark(
            name=f"{store}: failed at 128 connections",
            found=crowd.failed,
            wanted=0,
            at_least=False,
            how=f"of {crowd.requests:,}",
        )
    if alone and peer_alone:
        name = f"{store}: p50 alone, times the hand-written peer's"
        yield _ratio(name, alone.p50 / 1000, peer_alone.p50 / 1000, 0.8, at_least=False, unit="ms")
    if busy and peer_busy:
        name = f"{store}: p99 at 32 connections, times the hand-written peer's"
        yield _ratio(name, busy.p99 / 1000, peer_busy.p99 / 1000, 0.35, at_least=False, unit="ms")
    if alone and direct:
        yield Mark(
            name=f"{store}: p50 alone over that of a direct call",
            found=(alone.p50 - direct.p50) / 1000,
            wanted=1,
            at_least=False,
            unit="ms",
            how=f"{alone.p50 / 1000:.2f} less {direct.p50 / 1000:.2f} ms",
        )


def _ratio(name: str, ours: float, theirs: float, wanted: float, *, at_least: bool, unit: str = "/s") -> Mark:
    digits = 0 if unit == "/s" else 2
    how = f"{ours:,.{digits}f} to {theirs:,.{digits}f} {unit}"
    return Mark(name=name, found=ours / theirs, wanted=wanted, at_least=at_least, how=how)


def _adapters(figures: Sequence[Figure]) -> Iterator[Mark]:
    own = [figure for figure in figures if "plan, sign, read" in figure.name and figure.measure == "p50"]
    if own:
        slowest = max(own, key=lambda figure: figure.value)
        yield Mark(
            name="adapter: plan, sign and parse, p50 of the slowest operation",
            found=slowest.value,
            wanted=60,
            at_least=False,
            unit="µs",
            how=slowest.name.partition(":")[0],
        )


def _growth(grown: Sequence[Grown]) -> Iterator[Mark]:
    if not grown:
        return
    slowest = max(grown, key=lambda size: size.list_p50)
    yield Mark(
        name="list of 100 orders over HTTP, p50",
        found=slowest.list_p50 / 1000,
        wanted=3,
        at_least=False,
        unit="ms",
        how=f"among {slowest.orders:,}; inside the gateway {slowest.list_inside / 1000:.2f} ms",
    )
    first, last = min(grown, key=lambda size: size.orders), max(grown, key=lambda size: size.orders)
    if first is not last:
        name = f"SQLite: throughput with {last.orders:,} orders, times that with {first.orders:,}"
        yield _ratio(name, last.rate, first.rate, 0.9, at_least=True)


def _memory(runs: Sequence[Run], soak: Soak | None) -> Iterator[Mark]:
    ours = [run for run in runs if run.peer.startswith("ordergate")]
    held = [(run.resident, f"{run.peer}, {run.connections} connections") for run in ours]
    held += [(soak.largest, "in the soak")] if soak else []
    if held:
        largest, where = max(held)
        yield Mark(
            name="memory of a worker (RSS), the most",
            found=largest * 2**20 / 1e6,
            wanted=100,
            at_least=False,
            unit="MB",
            how=where,
        )
    if soak:
        first = soak.weights[0].resident
        yield Mark(
            name=f"memory over {soak.requests:,} requests: furthest from that after a tenth",
            found=100 * max(soak.largest - first, first - soak.smallest) / first,
            wanted=5,
            at_least=False,
            unit="%",
            how=" → ".join(f"{weight.resident:.1f}" for weight in soak.weights) + " MiB",
        )


def _start(figures: Sequence[Figure]) -> Iterator[Mark]:
    for figure in figures:
        if figure.name.endswith("until ready"):
            yield Mark(
                name="start to ready, median",
                found=figure.value,
                wanted=1.5,
                at_least=False,
                unit=figure.unit,
            )


def table(marks: Sequence[Mark]) -> str:
    """Return the marks as lines of equal columns."""
    head = ("mark", "aim", "measured", "reached", "how")
    rows = [(mark.name, mark.aim, mark.measured, mark.verdict, mark.how) for mark in marks]
    return columns([head, *rows], left=5)
