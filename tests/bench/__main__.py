"""``uv run python -m tests.bench [--short]``: prints tables of figures, and judges none."""

from pathlib import Path

import click
import msgspec
from tests.bench import adapters, hooks, journal, orders, processes, throughput
from tests.bench.figures import table


@click.command()
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
@click.option("--rounds", type=click.IntRange(min=100), default=adapters.ROUNDS, show_default=True)
@click.option(
    "--short",
    is_flag=True,
    help="Leave the long ones out: lists of many orders, and the peers, which need nginx and wrk.",
)
def main(file: Path | None, rounds: int, *, short: bool) -> None:
    """Measure adapters, the journal and lists on each store, webhooks, the command, and a create beside its peers."""
    figures = [
        *adapters.measure(rounds),
        *journal.measure(),
        *([] if short else orders.measure()),
        *hooks.measure(),
        *processes.measure(),
    ]
    click.echo(table(figures))
    runs = [] if short else _peers()
    if file is not None:
        found = {"figures": figures, "throughput": runs}
        file.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def _peers() -> list[throughput.Run]:
    try:
        runs = throughput.measure(lambda text: click.echo(f"measuring {text}", err=True))
    except throughput.ToolMissingError as missing:
        raise click.ClickException(str(missing)) from missing
    click.echo(f"\n{throughput.table(runs)}")
    return runs


main()
