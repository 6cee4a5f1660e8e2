"""``uv run python -m campaigns.matrix``: the table of stories and webhook faults; exit code 1 if any cell is wrong."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from campaigns.matrix.matrix import WAYS, Cell, run
from campaigns.matrix.stories import STORIES


@click.command()
def main() -> None:
    """Run every story with every webhook fault, and print the results."""
    with tempfile.TemporaryDirectory(prefix="ordergate-matrix-") as folder:
        cells = run(Path(folder), lambda way: click.echo(f"webhooks {way}", err=True))
    Console(highlight=False, width=None if sys.stdout.isatty() else 130).print(table(cells))
    wrong = [cell for cell in cells if cell.wrong]
    for cell in wrong:
        click.echo(f"{cell.account}, {cell.story}, {cell.way}: {cell.wrong}")
    sys.exit(1 if wrong else 0)


def table(cells: Sequence[Cell]) -> Table:
    """Return one row for each story at each provider, and one column for each webhook fault."""
    made = Table("provider", "story, and what the merchant hears", *WAYS)
    found = {(cell.account, cell.story, cell.way): cell for cell in cells}
    for account in sorted({cell.account for cell in cells}):
        for name, story in STORIES.items():
            if account in story.accounts:
                heard = ", ".join(kind.removeprefix("order.") for kind in story.heard)
                shown = [found[account, name, way] for way in WAYS]
                made.add_row(
                    account, f"{name}: {heard}", *("wrong" if cell.wrong else "same" for cell in shown)
                )
    return made


if __name__ == "__main__":
    main()
