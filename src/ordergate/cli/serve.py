"""``ordergate serve``."""

import gc
import socket
import sys
from pathlib import Path

import click

from ordergate.cli.session import config_option, reports_problems, settings_of, tell

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
    from ordergate.cli.running import serve_alone, serve_together
    from ordergate.observability import configure_logging
    from ordergate.serving import STDIN, address, allow_open_files, listen
    from ordergate.settings.checks import workers_refusal

    settings = settings_of(config)
    configure_logging(settings.server.log_format, settings.server.log_level, lasting=True)
    count = workers or settings.server.workers
    if refusal := workers_refusal(count, settings.store.url):
        tell(refusal, err=True)
        sys.exit(1)

    allow_open_files()

    def bind(keys_exist: bool) -> socket.socket:
        chosen = _safe_host(host or settings.server.host, keys_exist=keys_exist)
        try:
            return listen(chosen, settings.server.port if port is None else port)
        except OSError as error:
            tell(f"cannot listen: {error}", err=True)
            sys.exit(1)

    def ready(listener: socket.socket) -> None:
        _announce(address(listener), stdout=announce, console=settings.server.console)

    stops_with = STDIN if stop_with_stdin else None
    if count == 1:
        serve_alone(settings, bind, ready, stops_with)
    else:
        sys.exit(serve_together(settings, count, bind, ready, stops_with))


def _announce(url: str, *, stdout: bool, console: bool) -> None:
    more = f", console: {url}/console" if console else ""
    tell(f"ordergate serves {url} (docs: {url}/schema{more})", err=True)
    if stdout:
        tell(url)


def _safe_host(host: str, *, keys_exist: bool) -> str:
    """Without a key nobody but this machine has any business here."""
    if keys_exist:
        return host
    tell("no API key exists yet; make one with: ordergate keys create --merchant acme", err=True)
    if host not in _LOOPBACK:
        tell(f"until then only loopback is served, not {host}", err=True)
        return "127.0.0.1"
    return host
