"""The results of the runs, as tables and as violations in full."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.table import Table

from campaigns.bench.figures import percentile
from campaigns.switching import faults, flips
from campaigns.switching.load import Answer

SHOWN = 10
"""Violations of a kind that are printed in full."""


def show_flips(report: flips.Report) -> None:
    """Print a line for each period, the totals, and every violation."""
    table = Table("", "configuration", "account", "requests", "orders", "failed", "p50 ms", "p99 ms")
    for column in table.columns[3:]:
        column.justify = "right"
    for number, period in enumerate(report.periods):
        table.add_row(str(number), period.in_force.hash, period.account, *_figures(period.answers))
    table.add_section()
    table.add_row("all", f"{len(report.periods) - 1} flips", "", *_figures(report.answers))
    _console().print(table)
    taken = [period.in_force.confirmed - period.in_force.signalled for period in report.periods[1:]]
    click.echo(f"from the signal to the new configuration at most {max(taken, default=0) * 1000:.0f} ms")
    _show_violations(report.violations)


def show_faults(reports: Sequence[faults.Report]) -> None:
    """Print a line for each fault, and every violation."""
    table = Table(
        *("first account", "it fails so", "orders", "unknown", "at the next", "first success"),
        *("breaker opens", "closes", "orders return", "all settled", "there once"),
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for report in reports:
        table.add_row(report.first, report.fault.name, *_course(report))
    _console().print(table)
    for report in reports:
        _show_violations(report.violations, f"{report.first}, {report.fault.name}: ")
    if all(report.clean for report in reports):
        click.echo("violations 0")


def _figures(answers: Sequence[Answer]) -> tuple[str, ...]:
    waited = [answer.milliseconds for answer in answers]
    statuses = Counter(answer.status == 201 for answer in answers)
    latency = [str(percentile(waited, share)) for share in (50, 99)] if waited else ["", ""]
    return str(len(answers)), str(statuses[True]), str(statuses[False]), *latency


def _course(report: faults.Report) -> tuple[str, ...]:
    course = report.course
    once = not report.violations["orders that are not there exactly once"]
    return (
        str(len(report.finals)),
        str(sum(1 for answer in report.answers if answer.status == 504)),
        str(sum(1 for each in report.answers if each.status == 201 and each.account != report.first)),
        _seconds(report.first_success),
        _seconds(course.opens and course.opens - course.fails),
        _seconds(course.closes and course.closes - course.well),
        _seconds(course.returns and course.returns - course.well),
        _seconds(course.settled and course.settled - course.well),
        "yes" if once else "NO",
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _show_violations(violations: Mapping[str, list[str]], where: str = "") -> None:
    for name, found in violations.items():
        if found or not where:
            click.echo(f"{where}{name}: {len(found)}")
        for what in found[:SHOWN]:
            click.echo(f"  - {what}")


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else 130)
