"""``uv run python -m tests.bench [--json FILE] [--rounds N]``: prints a table of figures, and judges none."""

from pathlib import Path

import click
import msgspec
from tests.bench import adapters, journal, orders, processes
from tests.bench.figures import table


@click.command()
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
@click.option("--rounds", type=click.IntRange(min=100), default=adapters.ROUNDS, show_default=True)
def main(file: Path | None, rounds: int) -> None:
    """Measure each installed adapter, the journal on each store, lists of many orders, and the command itself."""
    figures = [*adapters.measure(rounds), *journal.measure(), *orders.measure(), *processes.measure()]
    click.echo(table(figures))
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


main()
