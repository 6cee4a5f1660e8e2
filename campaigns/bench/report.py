"""All of a run: as a file, as tables for a terminal, and as the tables of the README."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from campaigns.bench import figures, growth, layers, marks, soak, throughput
from campaigns.bench.figures import Figure
from campaigns.bench.growth import Grown
from campaigns.bench.layers import Layer
from campaigns.bench.load import Run
from campaigns.bench.machine import Machine
from campaigns.bench.marks import Mark
from campaigns.bench.soak import Soak

LAST_RUN = Path(__file__).parent / "last-run.json"
"""The run of the README's figures."""


class Judged(msgspec.Struct, frozen=True):
    """A mark, as it is shown."""

    mark: str
    aim: str
    measured: str
    reached: str
    how: str


class Report(msgspec.Struct, kw_only=True):
    """The results of one run; a part that was not run is empty.

    Attributes:
        seconds: How long each part took.
        load_seconds: How long each load of the peers lasted.
        told: Omitted and failed parts, in sentences.
        marks: Computed from all else when it is written.
    """

    machine: Machine
    load_seconds: int
    seconds: dict[str, float] = {}
    figures: list[Figure] = []
    throughput: list[Run] = []
    growth: list[Grown] = []
    soak: Soak | None = None
    layers: list[Layer] = []
    told: list[str] = []
    marks: list[Judged] = []

    def judge(self) -> list[Mark]:
        """Compare the results with the aims."""
        return marks.computed(self.figures, self.throughput, self.growth, self.soak)


def write(report: Report, file: Path) -> None:
    """Write a report with its marks."""
    judged = [Judged(mark.name, mark.aim, mark.measured, mark.verdict, mark.how) for mark in report.judge()]
    encoded = msgspec.json.encode(msgspec.structs.replace(report, marks=judged))
    file.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def read(file: Path = LAST_RUN) -> Report:
    """Read a report."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def tables(report: Report) -> Iterator[str]:
    """Yield the tables of all parts that were run, for a terminal."""
    if report.figures:
        yield figures.table(report.figures)
    if report.throughput:
        yield throughput.table(report.throughput)
    if report.growth:
        yield growth.table(report.growth)
    if report.soak:
        yield soak.table(report.soak)
    if report.layers:
        yield layers.table(report.layers)
    if judged := report.judge():
        yield marks.table(judged)


def markdown(report: Report) -> str:
    """Return the README's tables: the peers, the marks, growth and layers, and the machine."""
    parts = [
        _peers(report.throughput),
        _marks(report.judge()),
        _growth(report.growth),
        _layers(report.layers),
        _machine(report),
    ]
    return "\n\n".join(part for part in parts if part)


def _peers(runs: Sequence[Run]) -> str:
    loads = sorted({run.connections for run in runs})
    found = {(run.peer, run.connections): run for run in runs}
    head = [
        "creates",
        *(f"req/s, {number} conn." for number in loads),
        "p50 alone, ms",
        "p99 at 32, ms",
        "CPU at 32, µs",
        "RSS, MiB",
        "failed",
    ]
    rows = []
    whole = [
        peer for peer in dict.fromkeys(run.peer for run in runs) if all((peer, n) in found for n in loads)
    ]
    for peer in whole:
        own = [found[peer, number] for number in loads]
        busy = found[peer, 32]
        rows.append(
            [
                peer,
                *(f"{run.rate:,.0f}" for run in own),
                f"{found[peer, 1].p50 / 1000:.2f}",
                f"{busy.p99 / 1000:.1f}",
                f"{busy.cpu:,.0f}",
                f"{max(run.resident for run in own):.0f}",
                str(sum(run.failed for run in own)),
            ]
        )
    return _rows(head, rows)


def _marks(judged: Sequence[Mark]) -> str:
    rows = [
        [mark.name, mark.aim, f"{mark.measured} ({mark.how})" if mark.how else mark.measured, mark.verdict]
        for mark in judged
    ]
    return _rows(["mark", "aim", "measured", "reached"], rows, left=4)


def _growth(grown: Sequence[Grown]) -> str:
    rows = [
        [
            f"{size.orders:,}",
            f"{size.rate:,.0f}",
            f"{size.p99 / 1000:.1f}",
            f"{size.list_p50 / 1000:.2f}",
            f"{size.list_inside / 1000:.2f}",
        ]
        for size in grown
    ]
    head = [
        "orders in SQLite",
        "creates/s, 32 conn.",
        "p99, ms",
        "list of 100, p50, ms",
        "inside the gateway, ms",
    ]
    return _rows(head, rows, left=0) if rows else ""


def _layers(split: Sequence[Layer]) -> str:
    if not split:
        return ""
    total = sum(layer.cpu for layer in split)
    shares = ", ".join(f"{layer.name} {layer.share:.0f} %" for layer in split)
    return f"Where {total:,.0f} µs of processor time of a create with SQLite at 32 connections go: {shares}."


def _rows(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    rule = ["---" if column < left else "--:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _machine(report: Report) -> str:
    machine = report.machine
    return (
        f"Run on {machine.date}: {machine.processor}, {machine.cores} cores, {machine.memory} GiB, {machine.system}, "
        f"Python {machine.python}; {report.load_seconds} s each load."
    )
