"""Aims beside measurements: each mark is computed from one run, with whether it is reached."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from campaigns.bench.figures import Figure, columns
from campaigns.bench.growth import Grown
from campaigns.bench.load import Run
from campaigns.bench.scaling import CORES, Scaled
from campaigns.bench.soak import Soak
from campaigns.bench.throughput import FLOOR, FLOOR_POSTGRESQL, HANDWRITTEN, POSTGRESQL, SQLITE


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One aim.

    Attributes:
        name: The measured quantity, and its owner.
        found: The measured value, or ratio, in `unit`.
        wanted: The least or the greatest value that reaches the mark.
        at_least: Which of the two.
        unit: Empty for a ratio and for a count.
        how: The values that a ratio is of.
        judged: Whether the machine allows a verdict.
    """

    name: str
    found: float
    wanted: float
    at_least: bool
    unit: str = ""
    how: str = ""
    judged: bool = True

    @property
    def reached(self) -> bool:
        """Whether the aim is met."""
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted

    @property
    def verdict(self) -> str:
        """``yes``; or ``no``, and how near it is, rounded down: 1 would be there; or ``not judged``."""
        if not self.judged:
            return "not judged"
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
    *,
    figures: Sequence[Figure] = (),
    runs: Sequence[Run] = (),
    scaled: Sequence[Scaled] = (),
    grown: Sequence[Grown] = (),
    soak: Soak | None = None,
    cores: int = CORES,
) -> list[Mark]:
    """Return every mark that a run has the figures for.

    Args:
        figures: All of the run.
        runs: The creates of the gateway and its peers.
        scaled: The creates of several workers.
        grown: The growing journals.
        soak: The gateway under load for long.
        cores: Of the machine.
    """
    by_load = {(run.peer, run.connections): run for run in runs}
    return [
        *_sqlite(by_load),
        *_against(POSTGRESQL, FLOOR_POSTGRESQL, 0.5, by_load),
        *_failures(POSTGRESQL, by_load),
        *_workers(scaled, cores),
        *_adapters(figures),
        *_growth(grown),
        *_memory(runs, soak),
        *_command(figures),
    ]


Runs = dict[tuple[str, int], Run]


def _sqlite(runs: Runs) -> Iterator[Mark]:
    """The marks of SQLite, beside its floor and beside the hand-written peer."""
    alone, busy = (runs.get((SQLITE, number)) for number in (1, 32))
    floor_alone, floor_busy = (runs.get((FLOOR, number)) for number in (1, 32))
    peer_busy = runs.get((HANDWRITTEN, 32))
    yield from _against(SQLITE, FLOOR, 0.55, runs)
    if busy and peer_busy:
        name = f"{SQLITE}: throughput at 32 connections, times the hand-written peer's"
        yield _ratio(name, busy.rate, peer_busy.rate, 4, at_least=True)
    if busy and floor_busy:
        name = f"{SQLITE}: processor time at 32 connections, times the floor's"
        yield _ratio(name, busy.cpu, floor_busy.cpu, 2, at_least=False, unit="µs")
    yield from _failures(SQLITE, runs)
    if alone and floor_alone:
        name = f"{SQLITE}: p50 alone, times the floor's"
        yield _ratio(name, alone.p50 / 1000, floor_alone.p50 / 1000, 1.5, at_least=False, unit="ms")
    if busy and peer_busy:
        name = f"{SQLITE}: p99 at 32 connections, times the hand-written peer's"
        yield _ratio(name, busy.p99 / 1000, peer_busy.p99 / 1000, 0.2, at_least=False, unit="ms")


def _against(store: str, floor: str, wanted: float, runs: Runs) -> Iterator[Mark]:
    busy, floor_busy = runs.get((store, 32)), runs.get((floor, 32))
    if busy and floor_busy:
        name = f"{store}: throughput at 32 connections, times the floor's"
        yield _ratio(name, busy.rate, floor_busy.rate, wanted, at_least=True)


def _failures(store: str, runs: Runs) -> Iterator[Mark]:
    if crowd := runs.get((store, 128)):
        yield Mark(
            name=f"{store}: failed at 128 connections",
            found=crowd.failed,
            wanted=0,
            at_least=False,
            how=f"of {crowd.requests:,}",
        )


def _workers(scaled: Sequence[Scaled], cores: int) -> Iterator[Mark]:
    """The mark of two workers: load, provider and database need cores of their own."""
    rates = {one.workers: one.rate for one in scaled}
    if not {1, 2} <= rates.keys():
        return
    name = f"{POSTGRESQL}: throughput of two workers, times that of one"
    mark = _ratio(name, rates[2], rates[1], 1.6, at_least=True)
    if cores < CORES:
        how = f"{mark.how}, on {cores} cores, which load, provider and database share"
        mark = msgspec.structs.replace(mark, how=how, judged=False)
    yield mark


def _ratio(name: str, ours: float, theirs: float, wanted: float, *, at_least: bool, unit: str = "/s") -> Mark:
    digits = 2 if unit == "ms" else 0
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
    slowest = max(grown, key=lambda size: size.list_inside)
    yield Mark(
        name="list of 100 orders, inside the gateway, p50",
        found=slowest.list_inside / 1000,
        wanted=2,
        at_least=False,
        unit="ms",
        how=f"among {slowest.orders:,}; over HTTP {slowest.list_p50 / 1000:.2f} ms",
    )
    first, last = min(grown, key=lambda size: size.orders), max(grown, key=lambda size: size.orders)
    if first is not last:
        name = f"SQLite: throughput with {last.orders:,} orders, times that with {first.orders:,}"
        yield _ratio(name, last.rate, first.rate, 0.9, at_least=True)
        name = f"SQLite: p99 with {last.orders:,} orders, times that with {first.orders:,}"
        yield _ratio(name, last.p99 / 1000, first.p99 / 1000, 2, at_least=False, unit="ms")


def _memory(runs: Sequence[Run], soak: Soak | None) -> Iterator[Mark]:
    ours = [run for run in runs if run.peer.startswith("ordergate")]
    held = [(run.resident, f"{run.peer}, {run.connections} connections") for run in ours]
    held += [(soak.largest, "in the soak")] if soak else []
    if held:
        largest, where = max(held)
        yield Mark(
            name="memory of a worker (RSS), the most",
            found=largest * 2**20 / 1e6,
            wanted=90,
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


def _command(figures: Sequence[Figure]) -> Iterator[Mark]:
    for figure in figures:
        if figure.name.endswith("until ready"):
            yield _most("start to ready, median", figure, 1)
        if figure.name == "ordergate --help":
            yield _most("ordergate --help, median", figure, 150)


def _most(name: str, figure: Figure, wanted: float) -> Mark:
    return Mark(name=name, found=figure.value, wanted=wanted, at_least=False, unit=figure.unit)


def table(marks: Sequence[Mark]) -> str:
    """Return the marks as lines of equal columns."""
    head = ("mark", "aim", "measured", "reached", "how")
    rows = [(mark.name, mark.aim, mark.measured, mark.verdict, mark.how) for mark in marks]
    return columns([head, *rows], left=5)
