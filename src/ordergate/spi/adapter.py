"""What an adapter is: pure translation between the gateway's terms and one provider's.

An adapter opens no socket, reads no clock, draws no random number and keeps no state between calls. It is
registered by one entry point in the group ``ordergate.adapters``.
"""

from collections.abc import Generator, Mapping
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from ordergate.domain.commands import Command
from ordergate.domain.errors import FieldError
from ordergate.domain.outcome import Outcome
from ordergate.spi.capabilities import Capabilities
from ordergate.spi.emulator import ProviderEmulator
from ordergate.spi.wire import WireRequest, WireResponse

Environment = Literal["emulator", "sandbox", "production"]

Plan = Generator[WireRequest, WireResponse, Outcome]
"""A conversation: yields a request, is sent its answer, returns what came of the command.

Refusals that need no answer are raised as :class:`ordergate.domain.errors.Problem` before the first yield."""


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of an adapter's own keys in an account's table; a ``Secret`` is given by reference."""


class Adapter(Protocol):
    """One provider's dialect.

    Attributes:
        name: As configuration names it: lower case.
        title: As a person writes it.
        capabilities: What the provider can do.
        settings_type: The adapter's own keys in an account's table.
        base_urls: Where the provider lives, by environment; an emulator's address is configured.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    settings_type: ClassVar[type[AdapterSettings]]
    base_urls: ClassVar[Mapping[Environment, str]]

    def plan(self, command: Command, settings: Any) -> Plan:
        """Begin the conversation that carries out a command.

        Raises:
            Problem: Here, or on the first ``next``: the provider cannot do it, or not with these fields.
        """
        ...

    def sign(self, request: WireRequest, settings: Any, now: int, nonce: str) -> WireRequest:
        """Return the request with the headers that authenticate it.

        Args:
            request: What will be sent; its bytes are not changed.
            settings: The account's settings, of ``settings_type``.
            now: Unix time in seconds, read just before sending.
            nonce: Fresh random hexadecimal digits.
        """
        ...

    def check_settings(self, settings: Any, environment: Environment) -> list[FieldError]:
        """Return what is wrong with an account's settings that no single field can tell."""
        ...

    def emulator(self, seed: int) -> ProviderEmulator:
        """Build the provider's emulator; imports it only now."""
        ...
