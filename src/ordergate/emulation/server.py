"""The server of an emulator. It advances the emulator's time and can close connections early."""

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
"""Called with the account's ``base_url`` once connections are accepted."""


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 with access to the connection's transport: ASGI has no message that closes a connection."""

    def on_message_begin(self) -> None:
        """Add the transport to the scope of the new request."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {CONNECTION: self.transport}

    def shutdown(self) -> None:
        """Close the connection: at once if the request is incomplete, else after its response."""
        if self.cycle is not None and self.cycle.more_body:
            self.transport.abort()
        else:
            super().shutdown()


class _Server(Server):
    """A server that advances the emulator's time and ends all delays at its shutdown."""

    def __init__(self, app: EmulatorApplication, on_ready: Callable[[], None]) -> None:
        """Serve `app`. Uvicorn logs errors only, and its optional features are off."""
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
        """Serve. If the emulator raises, shut the server down, then raise the error."""
        try:
            await super().main_loop()
        except Exception:
            await self.shutdown()
            raise

    async def on_tick(self, counter: int) -> bool:
        """Process the due changes and deliveries; uvicorn calls this every 0.1 s."""
        self._session.advance()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End every delay and delivery, then shut the server down."""
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
    """Serve one emulator until SIGTERM, SIGINT or cancellation; each ends the server within two seconds.

    If the emulator raises while its time advances, the server ends with that error.

    Args:
        emulator: The provider's behaviour.
        host: A name or address of this machine.
        port: 0 for any free port.
        seed: Selects the requests that a fault rule with a probability hits.
        on_ready: Called with the account's ``base_url`` once connections are accepted.
        webhooks: The first webhook settings; the control plane can change them.
        clock: Returns Unix time in seconds.
        stop_with_stdin: True to end also when standard input closes.

    Raises:
        OSError: The port is in use, or the host is not of this machine.
        InvalidControlError: The settings contain a webhook secret, but the provider has none.
    """
    app = create_app(emulator, clock, seed, webhooks)
    with listen(host, port) as listener:
        base_url = address(listener) + emulator.describe().base_path
        server = _Server(app, lambda: on_ready(base_url))
        if stop_with_stdin:
            stop_when_closed(server, STDIN)
        await _run(server, listener)


async def _run(server: _Server, listener: socket.socket) -> None:
    """Serve in a separate task, so that a cancellation shuts the server down first."""
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


def announcement(adapter_name: str, emulator: ProviderEmulator, base_url: str) -> dict[str, Any]:
    """Return the account settings that a gateway needs for a running emulator, ready for JSON.

    Args:
        adapter_name: The adapter of the account configuration.
        emulator: The running emulator.
        base_url: The URL that `on_ready` received.
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
