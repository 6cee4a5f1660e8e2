"""``ordergate demo``."""

import contextlib
import sys
from pathlib import Path

import click

from ordergate.cli.session import json_option, print_json, tell


@click.command()
@click.option(
    "--keep", is_flag=True, help="Keep all servers running until SIGTERM or SIGINT, and print the URLs."
)
@click.option("--store", help="URL of the journal; default: a temporary file.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The gateway's port.")
@click.option(
    "--config",
    "extra_config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that overrides keys of the demonstration's configuration.",
)
@json_option
def demo(store: str | None, port: int, extra_config: Path | None, *, keep: bool, as_json: bool) -> None:
    """Start emulators and a gateway on loopback, and run one order through its whole life.

    Needs no accounts and leaves no files behind.

    \b
    ordergate demo
    ordergate demo --keep --json
    """
    import asyncio

    from ordergate.demo.stage import StageError
    from ordergate.demo.tour import TourError
    from ordergate.journal.errors import JournalUnavailableError

    if as_json and not keep:
        raise click.UsageError("--json needs --keep: it prints the addresses and the folder")
    try:
        asyncio.run(_run(store, port, extra_config, keep=keep, as_json=as_json))
    except asyncio.CancelledError:
        sys.exit(130)  # ended by a signal before the tour was over
    except (StageError, TourError, JournalUnavailableError) as error:
        tell(f"the demonstration failed: {error}", err=True)
        sys.exit(1)


async def _run(store: str | None, port: int, extra_config: Path | None, *, keep: bool, as_json: bool) -> None:
    import asyncio
    import signal
    import time

    import httpx
    import msgspec

    from ordergate.demo.stage import set_stage
    from ordergate.demo.tour import Tour
    from ordergate.terminal import console

    began = time.monotonic()
    main = asyncio.current_task()
    assert main is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, main.cancel)
    async with set_stage(store=store, port=port, extra_config=extra_config) as stage:
        if not as_json:
            screen = console()
            async with httpx.AsyncClient(timeout=30) as client:
                await Tour(stage, client, screen).walk()
            screen.print(f"Done in {time.monotonic() - began:.1f} s.", highlight=False)
        if keep:
            if as_json:
                print_json(msgspec.json.encode(stage))
            else:
                tell("", f"  {stage.gateway}/schema", f"  Authorization: Bearer {stage.key}")
                tell("", f"  {stage.gateway}/console", f"  operator's key: {stage.operator_key}")
                tell("", "Ctrl-C ends it.")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
