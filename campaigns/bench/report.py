"""All of a run: as a file, and as tables for a terminal."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from campaigns.bench import figures, growth, marks, receivers, scaling, soak, steps, throughput
from campaigns.bench.figures import Figure
from campaigns.bench.growth import Grown
from campaigns.bench.load import Run
from campaigns.bench.machine import Machine
from campaigns.bench.marks import Mark
from campaigns.bench.receivers import Delivering
from campaigns.bench.scaling import Scaled
from campaigns.bench.servers import MeasuringFailedError
from campaigns.bench.soak import Soak
from campaigns.bench.steps import Step

LAST_RUN = Path(__file__).parent / "last-run.json"
"""The run of the README's figures."""


_FIELDS = {
    "peers": "throughput",
    "workers": "scaling",
    "receivers": "receivers",
    "growth": "growth",
    "soak": "soak",
    "profile": "profile",
}
"""The fields of a report that belong to one part alone."""


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
        figures: Single values, by part.
        told: Omitted and failed pieces of each part, in sentences.
        marks: Computed from all else when it is written.
    """

    machine: Machine
    load_seconds: int
    seconds: dict[str, float] = {}
    figures: dict[str, list[Figure]] = {}
    throughput: list[Run] = []
    scaling: list[Scaled] = []
    receivers: list[Delivering] = []
    growth: list[Grown] = []
    soak: Soak | None = None
    profile: list[Step] = []
    told: dict[str, list[str]] = {}
    marks: list[Judged] = []

    @property
    def all_figures(self) -> list[Figure]:
        """The single values of all parts."""
        return [figure for figures in self.figures.values() for figure in figures]

    def judge(self) -> list[Mark]:
        """Compare the results with the aims."""
        return marks.computed(
            figures=self.all_figures,
            runs=self.throughput,
            scaled=self.scaling,
            grown=self.growth,
            soak=self.soak,
            cores=self.machine.cores,
        )


def continued(file: Path, machine: Machine, parts: Collection[str]) -> Report:
    """Return the report in a file without these parts, so that they can be measured anew.

    Raises:
        MeasuringFailedError: It is of another machine, or no report.
    """
    try:
        kept = read(file)
    except msgspec.DecodeError as error:
        raise MeasuringFailedError(f"{file} is no report to keep parts of: {error}") from error
    same = all(
        getattr(kept.machine, name) == getattr(machine, name)
        for name in ("processor", "cores", "memory", "system", "python")
    )
    if not same:
        raise MeasuringFailedError(f"{file} is of another machine: its parts cannot be mixed with new ones")
    for part in parts:
        for by_part in (kept.seconds, kept.figures, kept.told):
            by_part.pop(part, None)
    empty = Report(machine=machine, load_seconds=kept.load_seconds)
    emptied = {field: getattr(empty, field) for part in parts if (field := _FIELDS.get(part))}
    return msgspec.structs.replace(kept, machine=machine, **emptied)


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
        yield figures.table(report.all_figures)
    if report.throughput:
        yield throughput.table(report.throughput)
    if report.scaling:
        yield scaling.table(report.scaling)
    if report.receivers:
        yield receivers.table(report.receivers)
    if report.growth:
        yield growth.table(report.growth)
    if report.soak:
        yield soak.table(report.soak)
    if report.profile:
        yield steps.table(report.profile)
    if judged := report.judge():
        yield marks.table(judged)
