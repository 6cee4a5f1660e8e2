"""``ordergate emulate``."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import json_option, tell

if TYPE_CHECKING:
    from ordergate.emulation.webhooks import WebhookSettings
    from ordergate.spi.adapter import Adapter


@click.command()
@click.argument("name")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0 selects a free port.", show_default=True
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same ids.")
@click.option(
    "--switch", "switches", multiple=True, metavar="NAME=VALUE", help="Set a switch; may be repeated."
)
@click.option("--webhook-url", metavar="URL", help="URL that receives webhooks, from the start.")
@click.option("--stop-with-stdin", is_flag=True, help="End when standard input closes, for supervisors.")
@click.option(
    "--config", hidden=True, help="Accepted as by every command; an emulator needs no configuration."
)
@json_option
def emulate(
    name: str,
    host: str,
    port: int,
    seed: int,
    switches: tuple[str, ...],
    webhook_url: str | None,
    config: str | None,  # noqa: ARG001 - every command takes it
    *,
    stop_with_stdin: bool,
    as_json: bool,
) -> None:
    """Serve an emulator of the provider NAME until SIGTERM or SIGINT.

    It serves any client of the provider; its control plane is at /_emulator.

    \b
    ordergate emulate NAME --port 9101
    ordergate emulate NAME --seed 7 --json
    ordergate emulate NAME --webhook-url http://127.0.0.1:8080/hooks/NAME
    """
    import asyncio

    from ordergate.emulation.server import announcement, serve_emulator
    from ordergate.spi.emulator import InvalidControlError

    adapter = _adapter(name)
    emulator = adapter.emulator(seed)
    try:
        emulator.set_switches(_parsed(switches))
    except InvalidControlError as error:
        raise click.UsageError(str(error)) from error

    def announce(base_url: str) -> None:
        facts = announcement(name, emulator, base_url)
        tell(*[json.dumps(facts)] if as_json else _described(adapter.title, facts).split("\n"))

    serving = serve_emulator(
        emulator,
        host=host,
        port=port,
        seed=seed,
        on_ready=announce,
        webhooks=_webhooks(webhook_url),
        stop_with_stdin=stop_with_stdin,
    )
    try:
        asyncio.run(serving)
    except OSError as error:
        tell(f"cannot listen: {error}", err=True)
        sys.exit(1)


def _adapter(name: str) -> "Adapter":
    from ordergate.gateway.accounts.registry import AdapterMissingError, installed_adapter

    try:
        return installed_adapter(name)
    except AdapterMissingError as error:
        raise click.UsageError(str(error)) from error


def _webhooks(url: str | None) -> "WebhookSettings":
    from ordergate.emulation.webhooks import WebhookSettings

    try:
        return WebhookSettings(url=url)
    except ValueError as error:
        raise click.UsageError(f"--webhook-url: {error}") from error


def _parsed(switches: tuple[str, ...]) -> dict[str, Any]:
    """Parse NAME=VALUE pairs; a value that is not JSON is text."""
    parsed: dict[str, Any] = {}
    for switch in switches:
        name, separator, value = switch.partition("=")
        if not separator:
            raise click.UsageError(f"--switch wants NAME=VALUE, not {switch!r}")
        try:
            parsed[name] = json.loads(value)
        except json.JSONDecodeError:
            parsed[name] = value
    return parsed


def _described(title: str, facts: dict[str, Any]) -> str:
    control = facts["base_url"].rpartition("/v")[0] or facts["base_url"]
    credentials = "\n".join(f"  {name:<12} {value}" for name, value in facts["credentials"].items())
    return (
        f"{title}'s emulator: {facts['base_url']}\n{credentials}\n"
        f"  customer     {facts['customer']}\n  products     {', '.join(facts['products'])}\n"
        f"  control      {control}/_emulator"
    )
