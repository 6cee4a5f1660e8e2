"""The whole application of an emulator: the control plane, and the provider everywhere else."""

from typing import cast

from ordergate.emulation.control import CONTROL_PATH, create_control_plane
from ordergate.emulation.exchange import Application, Receive, Scope, Send
from ordergate.emulation.provider import ProviderApplication
from ordergate.emulation.session import Clock, EmulationSession
from ordergate.emulation.webhooks import NO_WEBHOOKS, WebhookSettings
from ordergate.spi.emulator import ProviderEmulator


class EmulatorApplication:
    """An ASGI application that separates the control plane and the provider by the raw path.

    The web framework sees the control plane only. Its router decodes and tidies paths, checks the host and
    answers in its own words; none of that is the provider's.

    Attributes:
        session: The running emulator.
    """

    def __init__(self, session: EmulationSession) -> None:
        """Serve this session."""
        self.session = session
        self._provider = ProviderApplication(session)
        self._control = cast("Application", create_control_plane(session))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request, or another event of the ASGI server."""
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
        seed: Decides which requests a rule with a probability hits.
        webhooks: The initial destination of webhooks.

    Raises:
        InvalidControlError: The provider takes no webhook secret, and one is given.
    """
    return EmulatorApplication(EmulationSession(emulator, clock, seed, webhooks))
