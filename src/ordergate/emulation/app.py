"""The ASGI application of an emulator: the control plane under its own path, the provider under all others."""

from typing import cast

from ordergate.emulation.control import CONTROL_PATH, create_control_plane
from ordergate.emulation.exchange import Application, Receive, Scope, Send
from ordergate.emulation.provider import ProviderApplication
from ordergate.emulation.session import Clock, EmulationSession
from ordergate.emulation.webhooks import NO_WEBHOOKS, WebhookSettings
from ordergate.spi.emulator import ProviderEmulator


class EmulatorApplication:
    """An ASGI application that routes each request by its raw path, to the control plane or to the provider.

    The web framework serves the control plane only. Its router decodes and normalises paths, checks the host
    and writes its own error documents; a provider does none of that.

    Attributes:
        session: The running emulator.
    """

    def __init__(self, session: EmulationSession) -> None:
        """Serve this session."""
        self.session = session
        self._provider = ProviderApplication(session)
        self._control = cast("Application", create_control_plane(session))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or another ASGI event such as lifespan."""
        is_provider = scope["type"] == "http" and not _is_control(scope["raw_path"])
        await (self._provider if is_provider else self._control)(scope, receive, send)


def _is_control(raw_path: bytes) -> bool:
    return (raw_path + b"/").startswith(f"{CONTROL_PATH}/".encode())


def create_app(
    emulator: ProviderEmulator, clock: Clock, seed: int, webhooks: WebhookSettings = NO_WEBHOOKS
) -> EmulatorApplication:
    """Return the application of one emulator.

    Args:
        emulator: The provider's behaviour.
        clock: Returns Unix time in seconds; the control plane's offset is added to it here.
        seed: Selects the requests that a rule with a probability hits.
        webhooks: The first webhook settings.

    Raises:
        InvalidControlError: The settings contain a webhook secret, but the provider has none.
    """
    return EmulatorApplication(EmulationSession(emulator, clock, seed, webhooks))
