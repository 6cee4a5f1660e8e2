"""``uv run python -m campaigns.bench``: prints tables of figures, and judges none by its exit code."""

import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter

import click

from campaigns.bench import (
    adapters,
    events,
    growth,
    hooks,
    journal,
    machine,
    orders,
    processes,
    receivers,
    scaling,
    soak,
    steps,
    throughput,
)
from campaigns.bench.figures import Figure
from campaigns.bench.report import Report, continued, tables, write
from campaigns.bench.servers import MeasuringFailedError, require

SECONDS = 6
PARTS = {
    "adapters": "an adapter's plan, signature and reading; 5 s",
    "journal": "a durable write on each store; 15 s",
    "webhooks": "the intake of webhooks, and its floor; 15 s",
    "command": "--help, the start of serve, its memory at rest; 15 s",
    "lists": "the console's lists and searches among 100,000 orders on each store; 15 s",
    "peers": "a create through the gateway, its floors and its peers; 4 min",
    "workers": "a create with 1, 2 and 4 workers on PostgreSQL; 1 min",
    "receivers": "a create while 0, 1, 4 and 16 endpoints get its events; 1 min",
    "events": "the delivery of events, and its floor; 20 s",
    "growth": "a create and a list of 100 as the journal grows, each load for half as long; 4 min",
    "soak": "memory over many requests; 2 min",
    "profile": "processor time of a create by step, and its floor's; 45 s",
}
SHORT = ("adapters", "journal", "webhooks", "command")
"""Parts that need neither nginx nor wrk."""


def _sizes(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in value.split(","))
    except ValueError:
        raise click.BadParameter("numbers with commas between them, as in 1000,100000") from None
    if min(sizes) < 1000:
        raise click.BadParameter("a journal of fewer than 1000 orders says nothing")
    return sizes


@click.command(epilog="\n".join(["\b", "Parts:", *(f"  {name:<10}{what}" for name, what in PARTS.items())]))
@click.option(
    "--json",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures here. With --only, an existing file of the same machine keeps its other parts.",
)
@click.option(
    "--short", is_flag=True, help="Only what needs no nginx and wrk, with fewer rounds: 30 seconds."
)
@click.option("--profile", is_flag=True, help="Only the processor time of a create, by step.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(PARTS)), help="Only this part; may be repeated."
)
@click.option(
    "--seconds", type=click.IntRange(min=1), default=SECONDS, show_default=True, help="Of each load."
)
@click.option(
    "--sizes",
    callback=_sizes,
    default=",".join(map(str, growth.SIZES)),
    show_default=True,
    help="Orders in the journals that grow.",
)
@click.option(
    "--soak",
    "requests",
    type=click.IntRange(min=100),
    default=soak.REQUESTS,
    show_default=True,
    help="Requests over which memory is watched; 1000000 is the long form, and leaves 14 GB until it ends.",
)
def main(
    *,
    file: Path | None,
    short: bool,
    profile: bool,
    only: tuple[str, ...],
    seconds: int,
    sizes: tuple[int, ...],
    requests: int,
) -> None:
    """Measure the gateway, its floors and its alternatives side by side; 14 minutes on a quiet machine.

    \b
    uv run python -m campaigns.bench --json campaigns/bench/last-run.json
    uv run python -m campaigns.bench --short
    uv run --with py-spy python -m campaigns.bench --profile
    uv run python -m campaigns.bench --json campaigns/bench/last-run.json --only soak --soak 1000000
    """  # noqa: D301 - click wants a real \b
    signal.signal(signal.SIGTERM, _end)
    chosen = SHORT if short else ("profile",) if profile else only or tuple(PARTS)
    report = _begun(file, chosen, seconds)
    measurements = _measurements(report, short=short, seconds=seconds, sizes=sizes, requests=requests)
    try:
        if not set(chosen) <= {*SHORT, "lists"}:
            require("nginx", "wrk")
    except MeasuringFailedError as missing:
        raise click.ClickException(str(missing)) from missing
    for part in chosen:
        _tell(f"{part}: {PARTS[part]}")
        began = perf_counter()
        try:
            measurements[part]()
        except MeasuringFailedError as failed:
            _note(report, part, f"{part} left out: {failed}")
        report.seconds[part] = round(perf_counter() - began, 1)
        if file is not None:
            write(report, file)  # a run that is interrupted has the parts that it finished
    shown = "\n\n".join(tables(report))
    if not shown:
        sys.exit(1)  # why is said already
    click.echo(shown)


def _begun(file: Path | None, parts: Collection[str], seconds: int) -> Report:
    """A new report; or, if only some parts are run for a file that is there, the one in the file without them."""
    described = machine.describe()
    if file is None or not file.exists() or set(parts) == set(PARTS):
        return Report(machine=described, load_seconds=seconds)
    try:
        report = continued(file, described, parts)
    except MeasuringFailedError as failed:
        raise click.ClickException(str(failed)) from failed
    if "peers" in parts:
        report.load_seconds = seconds
    return report


def _end(number: int, _frame: object) -> None:
    """End as Ctrl-C does, so that the started processes end, too."""
    sys.exit(128 + number)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _note(report: Report, part: str, text: str) -> None:
    """Print and keep a warning about a part; a log may follow its first sentence."""
    _tell(text)
    report.told.setdefault(part, []).append(text.partition("\n")[0])


def _measurements(
    report: Report, *, short: bool, seconds: int, sizes: tuple[int, ...], requests: int
) -> Mapping[str, Callable[[], None]]:
    """Return what each part does: the part writes its results into the report."""

    def say(text: str) -> None:
        _tell(f"  {text}")

    def of(part: str, measure: Callable[[], Iterable[Figure]]) -> Callable[[], None]:
        def measured() -> None:
            report.figures[part] = list(measure())

        return measured

    def peers() -> None:
        report.throughput = throughput.measure(say, partial(_note, report, "peers"), seconds)

    def workers() -> None:
        report.scaling = scaling.measure(say, seconds)

    def received() -> None:
        report.receivers = receivers.measure(say, seconds)

    def grow() -> None:
        report.growth = growth.measure(say, sizes, max(seconds // 2, 1))

    def soaked() -> None:
        report.soak = soak.measure(say, requests)

    def by_step() -> None:
        report.profile = steps.measure(say, seconds)

    less = 8 if short else 1
    return {
        "adapters": of("adapters", lambda: adapters.measure(adapters.ROUNDS // less)),
        "journal": of("journal", lambda: journal.measure(journal.TOGETHER // less)),
        "webhooks": of("webhooks", lambda: hooks.measure(hooks.WEBHOOKS // less)),
        "command": of("command", lambda: processes.measure(1 if short else processes.RUNS)),
        "lists": of("lists", orders.measure),
        "peers": peers,
        "workers": workers,
        "receivers": received,
        "events": of("events", lambda: events.measure(say)),
        "growth": grow,
        "soak": soaked,
        "profile": by_step,
    }


main()
