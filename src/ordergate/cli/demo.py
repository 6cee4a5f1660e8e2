"""``ordergate demo``."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path

import click

from ordergate.cli.session import json_option


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything up until SIGTERM or SIGINT, and print the URLs.")
@click.option("--store", help="Put the journal there, instead of a temporary file.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The gateway's port.")
@click.option(
    "--config",
    "extra_config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML laid over the demonstration's own configuration.",
)
@json_option
def demo(store: str | None, port: int, extra_config: Path | None, *, keep: bool, as_json: bool) -> None:
    """Start emulators and a gateway on loopback, and take one order through all of it.

    Needs no accounts and leaves no files behind.

    \b
    ordergate demo
    ordergate demo --keep --json
    """
    from ordergate.demo.stage import StageError
    from ordergate.demo.tour import TourError
    from ordergate.gateway.ports import JournalUnavailableError

    if as_json and not keep:
        raise click.UsageError("--json goes with --keep: it prints where everything is")
    try:
        asyncio.run(_run(store, port, extra_config, keep=keep, as_json=as_json))
    except (StageError, TourError, JournalUnavailableError) as error:
        click.echo(f"the demonstration failed: {error}", err=True)
        sys.exit(1)


async def _run(store: str | None, port: int, extra_config: Path | None, *, keep: bool, as_json: bool) -> None:
    import signal
    import time

    import httpx
    import msgspec
    from rich.console import Console

    from ordergate.demo.stage import set_stage
    from ordergate.demo.tour import Tour

    began = time.monotonic()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with set_stage(store=store, port=port, extra_config=extra_config) as stage:
        if not as_json:
            console = Console()
            async with httpx.AsyncClient(timeout=30) as client:
                await _unless(stop, Tour(stage, client, console).walk())
            console.print(f"Done in {time.monotonic() - began:.1f} s.")
        if keep and as_json:
            click.echo(msgspec.json.encode(stage).decode())
        elif keep:
            click.echo(f"\n  {stage.gateway}/schema\n  Authorization: Bearer {stage.key}\n\nCtrl-C ends it.")
        if keep:
            await stop.wait()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work, or leave it when somebody wants to stop."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if task.done():
        task.result()
    else:
        task.cancel()
        raise SystemExit(130)
