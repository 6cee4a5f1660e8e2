"""``uv run python -m campaigns.overload [--json FILE]``: prints a table of the answers to ten times the peak load."""

from pathlib import Path

import click
import msgspec

from campaigns.bench.servers import MeasuringFailedError
from campaigns.overload import run


@click.command()
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
@click.option("--seconds", type=click.FloatRange(min=1), default=run.SECONDS, show_default=True)
def main(file: Path | None, seconds: float) -> None:
    """Offer the gateway ten times its peak load; print its throughput and its latency."""
    try:
        rows = run.measure(lambda text: click.echo(f"measuring {text}", err=True), seconds)
    except MeasuringFailedError as missing:
        raise click.ClickException(str(missing)) from missing
    click.echo(run.table(rows))
    for row in rows:
        if row.others:
            click.echo(f"{row.load}, other answers: {row.others}")
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")


main()
