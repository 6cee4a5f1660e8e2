"""``ordergate serve``."""

import contextlib
import gc
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import config_option, reports_problems, settings_of, tell

if TYPE_CHECKING:
    from ordergate.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command()
@config_option
@click.option("--host", help="Listen here; else [server] host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen on this port; 0 for any free one.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that serve; else [server] workers.")
@click.option("--announce", is_flag=True, help="Print the URL on stdout once it serves, for supervisors.")
@click.option("--stop-with-stdin", is_flag=True, help="End when standard input closes, for supervisors.")
@reports_problems
def serve(
    config: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    *,
    announce: bool,
    stop_with_stdin: bool,
) -> None:
    """Serve the API until SIGTERM or SIGINT.

    \b
    ordergate serve
    ordergate serve --config /etc/ordergate.toml --host 0.0.0.0 --port 8080
    ordergate serve --workers 4     # one for each core; the store is PostgreSQL
    """
    gc.disable()  # what is loaded now stays: looking for garbage in it would make the start longer
    from ordergate.listener.server import STDIN, address, allow_open_files, listen
    from ordergate.server.running import NoFolderError, serve_alone, serve_together
    from ordergate.settings.checks import workers_refusal
    from ordergate.telemetry.log import configure_logging

    settings = settings_of(config)
    configure_logging(settings.server.log_format, settings.server.log_level, serving=True)
    count = workers or settings.server.workers
    if refusal := workers_refusal(count, settings.store.url):
        tell(refusal, err=True)
        sys.exit(1)

    allow_open_files()

    def bind(keys_exist: bool) -> socket.socket:
        chosen = _safe_host(host or settings.server.host, settings, keys_exist=keys_exist)
        try:
            return listen(chosen, settings.server.port if port is None else port)
        except OSError as error:
            tell(f"cannot listen: {error}", err=True)
            sys.exit(1)

    def ready(listener: socket.socket) -> None:
        _announce(address(listener), settings, stdout=announce)

    stops_with = STDIN if stop_with_stdin else None
    if count == 1:
        serve_alone(settings, bind, ready, stops_with)
    else:
        try:
            sys.exit(serve_together(settings, count, bind, ready, stops_with, reports_problems))
        except NoFolderError as error:
            tell(str(error), err=True)
            sys.exit(1)


def _announce(url: str, settings: "Settings", *, stdout: bool) -> None:
    """Print the URL: a sentence in a terminal, otherwise a log line."""
    pages = {"docs": f"{url}/schema"} | ({"console": f"{url}/console"} if settings.server.console else {})
    shown = ", ".join(f"{name}: {page}" for name, page in pages.items())
    _tell(settings, "info", "server.ready", f"ordergate serves {url} ({shown})", url=url, **pages)
    if stdout:
        tell(url)


def _safe_host(host: str, settings: "Settings", *, keys_exist: bool) -> str:
    """Without a key, only this machine may connect."""
    if keys_exist:
        return host
    cure = "make one with: ordergate keys create --merchant acme"
    _tell(settings, "warning", "keys.missing", f"no API key exists yet; {cure}", hint=cure)
    if host not in _LOOPBACK:
        _tell(
            settings,
            "warning",
            "server.loopback_only",
            f"until then only loopback is served, not {host}",
            host=host,
        )
        return "127.0.0.1"
    return host


def _tell(settings: "Settings", level: str, event: str, sentence: str, **facts: str) -> None:
    """Print a sentence in a terminal, otherwise a log line in the log's format."""
    import structlog

    from ordergate.telemetry.log import is_pretty

    if is_pretty(settings.server.log_format):
        with contextlib.suppress(OSError):  # it serves all the same
            tell(sentence, err=True)
    else:
        getattr(structlog.get_logger("ordergate.server"), level)(event, **facts)
