"""The server of an emulator: time that passes by itself, and connections that can really be closed."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordergate.emulation.app import EmulatorApplication, create_app
from ordergate.emulation.exchange import CONNECTION
from ordergate.emulation.session import Clock
from ordergate.emulation.webhooks import NO_WEBHOOKS, WebhookSettings
from ordergate.listener.server import STDIN, Server, address, listen, stop_when_closed
from ordergate.spi.emulator import ProviderEmulator

OnReady = Callable[[str], None]
"""Called with the account's ``base_url`` as soon as connections are accepted."""


class _Protocol(HttpToolsProtocol):
    """An HTTP/1.1 server whose applications can close their connection, which ASGI does not support."""

    def on_message_begin(self) -> None:
        """Put the transport into the scope of the request that begins."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {CONNECTION: self.transport}

    def shutdown(self) -> None:
        """Close: after the answer when one is due, at once when the request is still on its way."""
        if self.cycle is not None and self.cycle.more_body:
            self.transport.abort()
        else:
            super().shutdown()


class _Server(Server):
    """A server that advances the emulator's time, and ends its delays when it ends."""

    def __init__(self, app: EmulatorApplication, on_ready: Callable[[], None]) -> None:
        """Serve `app`; uvicorn's own log keeps to errors, and everything optional is off."""
        config = uvicorn.Config(
            cast("Any", app),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config, on_ready)
        self._session = app.session

    async def main_loop(self) -> None:
        """Serve; an emulator that fails ends the server in order, and then raises its error."""
        try:
            await super().main_loop()
        except Exception:
            await self.shutdown()
            raise

    async def on_tick(self, counter: int) -> bool:
        """Perform everything that is due; uvicorn calls this every 0.1 s."""
        self._session.advance()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End every delay and delivery, then the rest."""
        self._session.stopping.set()
        await self._session.deliveries.close()
        await super().shutdown(sockets)


async def serve_emulator(
    emulator: ProviderEmulator,
    *,
    host: str,
    port: int,
    seed: int,
    on_ready: OnReady,
    webhooks: WebhookSettings = NO_WEBHOOKS,
    clock: Clock = time.time,
    stop_with_stdin: bool = False,
) -> None:
    """Serve one emulator until SIGTERM, SIGINT or cancellation; each ends it within two seconds.

    An emulator that raises while its time passes ends the server with that error.

    Args:
        emulator: The provider's behaviour.
        host: A name or address of this machine.
        port: 0 for any free one.
        seed: Decides which requests a fault rule with a probability hits.
        on_ready: Called with the account's ``base_url`` once connections are accepted.
        webhooks: Destination of webhooks, until the control plane sets another.
        clock: Returns Unix time in seconds.
        stop_with_stdin: End also when standard input closes.

    Raises:
        OSError: The port is taken, or the host is not of this machine.
        InvalidControlError: The provider takes no webhook secret, and one is given.
    """
    app = create_app(emulator, clock, seed, webhooks)
    with listen(host, port) as listener:
        base_url = address(listener) + emulator.describe().base_path
        server = _Server(app, lambda: on_ready(base_url))
        if stop_with_stdin:
            stop_when_closed(server, STDIN)
        await _run(server, listener)


async def _run(server: _Server, listener: socket.socket) -> None:
    """Serve in a task of its own, so that cancellation becomes an orderly end."""
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


def announcement(adapter_name: str, emulator: ProviderEmulator, base_url: str) -> dict[str, Any]:
    """Return the data that a gateway needs to use a running emulator, ready for JSON.

    Args:
        adapter_name: The adapter that the account configuration names.
        emulator: The emulator that runs.
        base_url: The argument of `on_ready`.
    """
    description = emulator.describe()
    return {
        "adapter": adapter_name,
        "base_url": base_url,
        "credentials": dict(description.credentials),
        "webhook_secret": description.webhook_secret,
        "customer": description.customer,
        "products": list(description.products),
        "payment_methods": list(description.payment_methods),
    }
