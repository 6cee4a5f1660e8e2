"""``uv run python -m campaigns.simulation [--seeds N] [--seed N]``: walks and stops; 1 if anything is wrong."""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from campaigns.simulation.network import FAULTS
from campaigns.simulation.operations import OPERATIONS
from campaigns.simulation.stops import Ended, Stops
from campaigns.simulation.walk import STEPS, Report, walk
from campaigns.simulation.world import listen_for_alarms, quick_folder

_console = Console()


@click.command()
@click.option(
    "--seeds", type=click.IntRange(min=0), default=200, show_default=True, help="Walks at each provider."
)
@click.option("--seed", type=int, help="Walk from this seed alone, without the stops.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=STEPS, show_default=True, help="Calls of a walk."
)
@click.option(
    "--provider", "providers", multiple=True, type=click.Choice(sorted(OPERATIONS)), help="Only at these."
)
@click.option(
    "--stops/--no-stops", default=False, help="Also every stop of every operation, with every fault."
)
def main(seeds: int, seed: int | None, steps: int, providers: tuple[str, ...], *, stops: bool) -> None:
    """Walk from many seeds, and print a table of the events and the violations."""
    listen_for_alarms()
    chosen = range(seeds) if seed is None else [seed]
    names = providers or tuple(sorted(OPERATIONS))
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        pairs = [(name, number) for number in chosen for name in names]
        reports = [
            _told(walk(name, number, steps, Path(folder)))
            for name, number in track(pairs, "walks", console=_console, disable=seed is not None)
        ]
        ended = list(_every_stop(names, Path(folder))) if stops and seed is None else []
    _console.print(_walks(names, reports))
    if ended:
        _console.print(_stops(ended))
    wrong = sum(bool(report.wrong) for report in reports) + sum(bool(run.wrong) for run in ended)
    click.echo(f"violations {wrong}")
    sys.exit(1 if wrong else 0)


def _told(report: Report) -> Report:
    """Print the violations of a walk, and the command that repeats it."""
    if report.wrong:
        click.echo("\n".join([report.command, *(f"  {wrong}" for wrong in report.wrong)]), err=True)
    return report


def _every_stop(names: Iterable[str], folder: Path) -> Iterator[Ended]:
    cases = [(name, operation) for name in names for operation in OPERATIONS[name]]
    for name, operation in track(cases, "stops", console=_console):
        stops = Stops(name, operation, folder)
        for fault in FAULTS:
            for run in stops.every(fault):
                if run.wrong:
                    click.echo(f"{run.case}: {'; '.join(run.wrong)}", err=True)
                yield run


def _walks(names: Iterable[str], reports: list[Report]) -> Table:
    columns = {name: [report for report in reports if report.provider == name] for name in names}
    table = Table("walks", *columns)
    table.add_row("walks", *(str(len(column)) for column in columns.values()))
    table.add_row("violations", *(str(sum(len(one.wrong) for one in column)) for column in columns.values()))
    for part in ("calls", "states", "stops", "faults"):
        table.add_section()
        sums = [sum((getattr(one, part) for one in column), Counter[str]()) for column in columns.values()]
        for row in sorted(set().union(*sums)):
            table.add_row(row, *(str(total[row]) for total in sums))
    return table


def _stops(ended: list[Ended]) -> Table:
    table = Table("stops", "points", "runs", "succeeded", "failed", "nothing", "violations")
    groups: dict[tuple[str, str], list[Ended]] = {}
    for run in ended:
        groups.setdefault((run.case.provider, run.case.operation), []).append(run)
    for (name, operation), runs in groups.items():
        points = {(run.case.fault, run.case.repeats, run.case.stop) for run in runs if run.case.stop}
        states = Counter(run.state for run in runs)
        counts = (len(points), len(runs), states["succeeded"], states["failed"], states["nothing"])
        wrong = sum(bool(run.wrong) for run in runs)
        table.add_row(f"{name} {operation}", *(str(count) for count in (*counts, wrong)))
    return table


if __name__ == "__main__":
    main()
