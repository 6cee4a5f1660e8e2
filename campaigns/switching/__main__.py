"""``uv run python -m campaigns.switching``: flips, or with ``--faults`` failing providers; 1 after a violation."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from tests.scenarios.shop import Emulator

from campaigns.chaos.nodes import compiled, emulators
from campaigns.chaos.report import Ticker
from campaigns.switching import faults
from campaigns.switching.flips import Flips, flip
from campaigns.switching.report import show_faults, show_flips


@click.command()
@click.option("--flips", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--rate", type=click.FloatRange(min=1), default=50.0, show_default=True, help="Creates a second."
)
@click.option("--seconds-per-flip", type=click.FloatRange(min=0.1), default=3.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Other seeds make other orders.")
@click.option("--faults", "fails", is_flag=True, help="Let each provider fail in every way instead.")
def main(flips: int, rate: float, seconds_per_flip: float, seed: int, *, fails: bool) -> None:
    """Create orders while accounts are switched, or fail; then compare answers, journal and providers."""
    with _stage(seed) as (folder, running), Ticker() as ticker:
        if fails:
            reports = asyncio.run(_fail(folder, running, seed, ticker))
        else:
            report = asyncio.run(flip(Flips(flips, rate, seconds_per_flip, seed), folder, running, ticker))
    if fails:
        show_faults(reports)
        sys.exit(0 if all(each.clean for each in reports) else 1)
    show_flips(report)
    sys.exit(0 if report.clean else 1)


@contextmanager
def _stage(seed: int) -> Iterator[tuple[Path, Mapping[str, Emulator]]]:
    with (
        tempfile.TemporaryDirectory(prefix="ordergate-switching-") as folder,
        compiled(Path(folder)),
        emulators(Path(folder), seed) as running,
    ):
        yield Path(folder), running


async def _fail(
    folder: Path, running: Mapping[str, Emulator], seed: int, ticker: Ticker
) -> list[faults.Report]:
    cases = [(first, fault) for first in sorted(running) for fault in faults.FAULTS]
    reports = []
    async with faults.staged(folder, running) as stage:
        for number, (first, fault) in enumerate(cases):
            ticker("faults", number, len(cases))
            reports.append(await faults.fail(stage, fault, first, seed, seconds=2.0))
    return reports


if __name__ == "__main__":
    main()
