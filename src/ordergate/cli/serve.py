"""``ordergate serve``."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ordergate.gateway.context import Gateway

from ordergate.cli.session import config_option, reports_problems, settings_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command()
@config_option
@click.option("--host", help="Listen here; else [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 for any free one.")
@click.option("--announce", is_flag=True, help="Print the URL on stdout once it serves, for supervisors.")
@click.option("--stop-with-stdin", is_flag=True, help="End when standard input closes, for supervisors.")
@reports_problems
def serve(
    config: Path | None, host: str | None, port: int | None, *, announce: bool, stop_with_stdin: bool
) -> None:
    """Serve the API until SIGTERM or SIGINT.

    \b
    ordergate serve
    ordergate serve --config /etc/ordergate.toml --host 0.0.0.0 --port 8080
    """
    from ordergate.bootstrap import open_gateway
    from ordergate.console.plugin import Console
    from ordergate.gateway.deliveries import delivering
    from ordergate.gateway.feed import announcing
    from ordergate.gateway.inbound import following
    from ordergate.gateway.key_use import recording_key_use
    from ordergate.gateway.polling import polling
    from ordergate.gateway.recovery import alive, recovering
    from ordergate.gateway.retention import pruning
    from ordergate.gateway.shadow import shadowing
    from ordergate.observability import configure_logging
    from ordergate.serving import (
        address,
        allow_open_files,
        collect_less,
        listen,
        server_of,
        stop_when_stdin_closes,
    )
    from ordergate.web.app import create_app

    settings = settings_of(config)
    configure_logging(settings.server.log_format, settings.server.log_level, lasting=True)

    allow_open_files()

    async def run() -> None:
        async with (
            open_gateway(settings, serving=True) as gateway,
            alive(gateway, drain=settings.server.shutdown_timeout),
            recovering(gateway),
            announcing(gateway),
            delivering(gateway),
            following(gateway),
            polling(gateway),
            pruning(gateway),
            shadowing(gateway),
            recording_key_use(gateway.key_use, gateway.journal),
        ):
            chosen = _safe_host(host or settings.server.host, keys_exist=bool(await gateway.journal.keys()))
            with listen(chosen, settings.server.port if port is None else port) as listener:
                url = address(listener)
                app = create_app(
                    gateway,
                    max_body_bytes=settings.server.max_body_bytes,
                    plugins=[Console()] if settings.server.console else [],
                )
                server = server_of(
                    app,
                    lambda: _announce(url, stdout=announce, console=settings.server.console),
                    shutdown_timeout=settings.server.shutdown_timeout,
                )
                _reload_on_hangup(gateway)
                if stop_with_stdin:
                    stop_when_stdin_closes(server)
                collect_less()
                await server.serve([listener])

    try:
        _run(run())
    except OSError as error:
        click.echo(f"cannot listen: {error}", err=True)
        sys.exit(1)


def _reload_on_hangup(gateway: "Gateway") -> None:
    """SIGHUP reloads the configuration; what comes of it stands in the log."""
    from ordergate.domain.errors import Problem
    from ordergate.gateway.ports import JournalUnavailableError
    from ordergate.gateway.reload import reload

    tasks: set[asyncio.Task[None]] = set()

    async def run() -> None:
        with contextlib.suppress(Problem, JournalUnavailableError):
            await reload(gateway)

    def begin() -> None:
        task = asyncio.create_task(run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, begin)


def _announce(url: str, *, stdout: bool, console: bool) -> None:
    more = f", console: {url}/console" if console else ""
    click.echo(f"ordergate serves {url} (docs: {url}/schema{more})", err=True)
    if stdout:
        click.echo(url)


def _safe_host(host: str, *, keys_exist: bool) -> str:
    """Without a key nobody but this machine has any business here."""
    if keys_exist:
        return host
    click.echo("no API key exists yet; make one with: ordergate keys create --merchant acme", err=True)
    if host not in _LOOPBACK:
        click.echo(f"until then only loopback is served, not {host}", err=True)
        return "127.0.0.1"
    return host


def _run(main: Coroutine[None, None, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
