"""The interface of an adapter: pure translation between the gateway's terms and one provider's.

An adapter opens no socket, reads no clock, draws no random number and keeps no state between calls. It is
registered by one entry point in the group ``ordergate.adapters``.
"""

from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

import msgspec

from ordergate.domain.account import Environment
from ordergate.domain.commands import Command, WriteCommand
from ordergate.domain.errors import FieldError
from ordergate.domain.outcome import Outcome
from ordergate.domain.provider_event import ProviderEvent
from ordergate.spi.capabilities import Capabilities
from ordergate.spi.emulator import ProviderEmulator
from ordergate.spi.fields import FieldMap
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate.spi.wire import WireRequest, WireResponse

Plan = Generator[WireRequest, WireResponse, Outcome]
"""A plan: a generator that yields requests, gets their responses, and returns the outcome of the command.

Refusals that need no answer are raised as :class:`ordergate.domain.errors.Problem` before the first yield."""


class AdapterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of an adapter's own keys in an account's table; a ``Secret`` is given by reference."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an account just before a write: the start of a list probe.

    Attributes:
        newest_order: The provider's id of the newest known order; None without one.
        newest_created_at: When that was created, by the provider's clock.
        recorded_at: When the write was recorded, by the gateway's clock.
    """

    newest_order: str | None
    newest_created_at: datetime | None
    recorded_at: datetime


class Adapter(Protocol):
    """One provider's dialect.

    Attributes:
        name: As configuration names it: lower case.
        title: As a person writes it.
        capabilities: The provider's capabilities.
        settings_type: The adapter's own keys in an account's table.
        base_urls: The provider's base URLs by environment; the URL of an emulator is configured.
        fields: How the canonical order maps to the provider's documents; nothing that writes or reads uses it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    settings_type: ClassVar[type[AdapterSettings]]
    base_urls: ClassVar[Mapping[Environment, str]]
    fields: ClassVar[FieldMap]

    def plan(self, command: Command, settings: Any) -> Plan:
        """Begin the conversation that carries out a command.

        Raises:
            Problem: Here, or on the first ``next``: the provider cannot do it, or not with these fields.
        """
        ...

    def probe(self, command: WriteCommand, baseline: Baseline, settings: Any) -> Plan:
        """Begin a conversation that finds out, reading only, whether a write was applied.

        It returns ``Applied`` only with a proof: the operation's mark or key at the provider, or the requested change
        itself, against the order in the command. ``NotApplied`` is a refusal that the provider recorded. ``NotFound``
        is the absence of any trace. ``Unknown`` is everything that only a person can judge, and an unreadable response.

        Args:
            command: The write as it was planned; a one-time token is taken out of it.
            baseline: The state before the send.
            settings: The account's settings, of ``settings_type``.
        """
        ...

    def idempotent_for(self, command: WriteCommand, settings: Any) -> timedelta:
        """Return for how long the provider answers a repeat, same key and bytes, without acting again; 0 for not."""
        ...

    def sign(self, request: WireRequest, settings: Any, now: int, nonce: str) -> WireRequest:
        """Return the request with the headers that authenticate it.

        Args:
            request: The request. Its bytes are not changed.
            settings: The account's settings, of ``settings_type``.
            now: Unix time in seconds, read just before sending.
            nonce: Fresh random hexadecimal digits.
        """
        ...

    def verify(self, delivery: ReceivedWebhook, settings: Any, now: int) -> None:
        """Return only if the webhook is the provider's own, unchanged and recent; raise in every other case.

        Secrets and signatures are compared in constant time. An account without the necessary secrets refuses every
        webhook.

        Args:
            delivery: The received request, from an unknown sender.
            settings: The account's settings, of ``settings_type``.
            now: Unix time in seconds, when it arrived.

        Raises:
            Problem: ``bad_signature``; the sentence names the error without a secret.
            FetchFirst: The verification needs a document of the provider, such as a certificate.
        """
        ...

    def read_event(self, body: bytes) -> ProviderEvent:
        """Read the event in a delivery that is verified; one of a type that is not known yet as well.

        Raises:
            Problem: ``invalid_json`` or ``invalid_request``: there is no event in it.
        """
        ...

    def check_settings(self, settings: Any, environment: Environment) -> list[FieldError]:
        """Return the errors in an account's settings that concern several fields."""
        ...

    def emulator(self, seed: int) -> ProviderEmulator:
        """Build the provider's emulator; imports it only now."""
        ...
