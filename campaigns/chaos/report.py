"""Progress while a campaign runs, and its table at the end."""

import sys
import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from campaigns.chaos.campaign import Report
from campaigns.chaos.verdict import settled_after, told

SHOWN = 10
"""Violations of a class that are printed in full."""
EVERY = 5.0
"""Seconds between lines if the output is no terminal."""


class Ticker:
    """Shows how far a campaign is: bars on a terminal, else a line now and then; always on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._told = 0.0
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> "Ticker":
        if self._terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""
        if not self._terminal:
            if time.monotonic() - self._told > EVERY:
                self._told = time.monotonic()
                click.echo(f"{what}: {done}/{total}", err=True)
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what)
        self._bars.update(self._tasks[what], completed=done, total=max(total, 1))


def show(report: Report) -> None:
    """Print the table, and every violation."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    console.print(_table(report))
    for name, found in report.violations.items():
        if found:
            console.print(f"\n{name}: {len(found)}", style="bold red")
        for what in found[:SHOWN]:
            click.echo(f"  - {what}")
    for what in slow_ones(report)[:SHOWN]:
        click.echo(f"slow to settle:\n{what}")


def slow_ones(report: Report, seconds: float = 60.0) -> list[str]:
    """Print the operations that took longer than this to settle."""
    return [told(one) for one in report.operations if one["attempts"] and settled_after(one) > seconds]


def _table(report: Report) -> Table:
    ledger, plan = report.ledger, report.plan
    table = Table(
        f"{plan.store}, {plan.nodes} node(s), seed {plan.seed}", *sorted(report.hits), "all", show_lines=False
    )
    kinds = Counter((write.kind, write.provider) for write in ledger.writes)
    for kind in sorted({kind for kind, _ in kinds}):
        _row(table, f"write: {kind}", {name: kinds[kind, name] for name in report.hits})
    _row(table, "writes", Counter(write.provider for write in ledger.writes))
    table.add_section()
    for rule in sorted({rule for hits in report.hits.values() for rule in hits}):
        _row(table, f"fault on {rule}", {name: hits[rule] for name, hits in report.hits.items()})
    table.add_section()
    for answer, count in sorted(ledger.answers.items()):
        table.add_row(f"answer {answer}", *[""] * len(report.hits), str(count))
    states = Counter(f"{one['state']}" for one in report.operations)
    probed = sum(1 for one in report.operations if one["probes"])
    table.add_section()
    figures = {
        "tries without an answer": ledger.broken,
        "retries": ledger.retries,
        "kills": report.kills,
        "orderly stops": report.stops,
        "connections cut": report.cut,
        "database crashes": report.server_crashes,
        "times that a log could not be written": report.log_outages,
        **{f"database outages, {name}": count for name, count in sorted(report.outages.items())},
        "operations": f"{len(report.operations)}: {dict(states)}, {probed} probed",
        "longest settle": f"{report.longest_settle:.1f} s",
        "all settled after the end in": f"{report.settled_after:.1f} s",
        "webhooks from providers": report.heard,
        "events": f"{report.events}, delivered in {report.deliveries} tries",
        "all delivered after the end in": f"{report.told_after:.1f} s",
        "throughput": f"{len(ledger.writes) / report.seconds:.1f} writes/s in {report.seconds:.0f} s",
    }
    for name, figure in figures.items():
        table.add_row(name, *[""] * len(report.hits), str(figure))
    table.add_section()
    for name, found in report.violations.items():
        table.add_row(name, *[""] * len(report.hits), str(len(found)))
    return table


def _row(table: Table, name: str, counts: dict[str, int]) -> None:
    table.add_row(
        name, *(str(counts.get(c.header, 0)) for c in table.columns[1:-1]), str(sum(counts.values()))
    )
