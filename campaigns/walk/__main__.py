"""``uv run python -m campaigns.walk [--steps N] [--seed N]``: N steps at each provider; 1 if any disagrees."""

import json
import logging
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from rich.console import Console
from rich.table import Table
from tests.scenarios.shop import Emulator, start_emulator

from campaigns.walk.machine import Tally, Walk
from ordergate.gateway.accounts.registry import installed_adapters

STEPS_OF_A_WALK = 50
WALKS_OF_A_SEED = 10
ENOUGH = 3
"""Disagreements after which a provider is walked no further."""


@click.command()
@click.option(
    "--steps", type=click.IntRange(min=1), default=5000, show_default=True, help="At each provider."
)
@click.option(
    "--seed", "first_seed", type=int, default=0, show_default=True, help="Other seeds walk other ways."
)
@click.option("--provider", "providers", multiple=True, help="Only at these.")
def main(steps: int, first_seed: int, providers: tuple[str, ...]) -> None:
    """Walk, and print a table of the steps, the rules that were hit, and the disagreements."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = sorted(installed_adapters())
    disagreements: Counter[str] = Counter()
    tallies: dict[str, Tally] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        emulators = {name: _emulator(stack, name, folder) for name in names}
        started = time.monotonic()
        for provider in providers or names:
            tallies[provider] = Tally()
            walk = type(
                "Walk", (Walk,), {"emulators": emulators, "provider": provider, "tally": tallies[provider]}
            )
            number = first_seed
            while tallies[provider].steps < steps and disagreements[provider] < ENOUGH:
                disagreements[provider] += not _agrees(walk, number)
                number += 1
        seconds = time.monotonic() - started
    Console().print(_table(tallies, disagreements))
    click.echo(f"{sum(tally.steps for tally in tallies.values())} steps in {seconds:.0f} s")
    sys.exit(1 if disagreements.total() else 0)


def _emulator(stack: ExitStack, name: str, folder: Path) -> Emulator:
    command = start_emulator(name, folder / f"{name}.log")
    stack.callback(command.end)
    emulator = Emulator(json.loads(command.line()))
    stack.callback(emulator.close)
    return emulator


def _agrees(walk: type[Walk], number: int) -> bool:
    """Walk a few times; print the disagreements, and the command that repeats a walk."""
    config = settings(
        max_examples=WALKS_OF_A_SEED,
        stateful_step_count=STEPS_OF_A_WALK,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(walk), settings=config)
    except Exception as error:  # noqa: BLE001 - whatever it is, the walk has found something
        notes = "\n".join(getattr(error, "__notes__", ()))
        click.echo(f"{walk.provider}, --seed {number}: {error!r}\n{notes}\n", err=True)
        return False
    return True


def _table(tallies: dict[str, Tally], disagreements: Counter[str]) -> Table:
    table = Table("", *tallies)
    table.add_row("steps", *(str(tally.steps) for tally in tallies.values()))
    table.add_row("disagreements", *(str(disagreements[name]) for name in tallies))
    table.add_section()
    for rule in sorted({rule for tally in tallies.values() for rule in tally.rules}):
        table.add_row(rule, *(str(tally.rules[rule]) for tally in tallies.values()))
    table.add_section()
    for answer in sorted({answer for tally in tallies.values() for answer in tally.answers}):
        table.add_row(answer, *(str(tally.answers[answer]) for tally in tallies.values()))
    return table


if __name__ == "__main__":
    main()
