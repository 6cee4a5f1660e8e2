"""Webhook settings: the URL, the secrets and the delivery faults. The sending is in ``deliveries``."""

import random
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import msgspec
from msgspec import Meta

Url = Annotated[str, Meta(max_length=2000, description="An http or https URL, or null for no webhooks.")]
Secret = Annotated[str, Meta(min_length=1, max_length=200, description="A secret, or a list of up to ten.")]
Secrets = Annotated[list[Secret], Meta(min_length=1, max_length=10)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Copies = Annotated[
    int,
    Meta(ge=0, le=100, description="True, false, a number of further copies, or a probability: 0.3."),
]
Drops = Annotated[
    int,
    Meta(ge=0, le=1_000_000, description="True, false, a number of the next events, or a probability: 0.1."),
]
Probability = Annotated[float, Meta(ge=0, le=1, description="True, false, or a probability: 0.2.")]
Seconds = Annotated[float, Meta(ge=0, le=86_400, description="Seconds, at most a day.")]


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The URL of the webhooks, and their delivery faults.

    A fault that is a fraction is the probability for each event; true applies to every event.

    Attributes:
        url: As a client would configure it at the provider. If it is null, events are discarded.
        secret: Signs instead of the emulator's own secret. Each of several secrets makes a signature, as in a
            rotation. Allowed only if the provider has a webhook secret.
        duplicate: Repeats the first attempt of an event; an integer is the number of copies.
        reorder: Delivers an event after the next one of the same order, or after one second.
        drop: Discards an event; an integer is the number of the next events to discard.
        delay: Seconds between an event and its first attempt.
        stale: Signs every attempt with a time one hour ago.
        retry_seconds: Replaces each of the provider's waits between attempts, not their number.
    """

    url: Url | None
    secret: Secret | Secrets | None = None
    duplicate: bool | Copies | Fraction = False
    reorder: bool | Probability = False
    drop: bool | Drops | Fraction = False
    delay: Seconds = 0
    stale: bool = False
    retry_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        """Refuse a URL that cannot receive a POST request."""
        if self.url is not None and not _is_address(self.url):
            raise ValueError(f"`url` is no http or https URL: {self.url}")

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets as a sequence; empty if the emulator's own secret signs."""
        if self.secret is None:
            return ()
        return (self.secret,) if isinstance(self.secret, str) else tuple(self.secret)


NO_WEBHOOKS = WebhookSettings(url=None)
"""Settings without a URL: no webhooks are sent."""


class DeliveryFaults(msgspec.Struct, frozen=True):
    """The faults of one event: the number of further copies, and whether it is held or dropped."""

    copies: int = 0
    held: bool = False
    dropped: bool = False


class WebhookPlan:
    """Chooses the faults of each event in turn. Equal seeds choose equally.

    Attributes:
        settings: The current settings.
    """

    def __init__(self, settings: WebhookSettings, draw: random.Random) -> None:
        """Start with the first event; `draw` is the random source for the fractions."""
        self.settings = settings
        self._draw = draw
        self._drops_left = _count(settings.drop)

    def next_faults(self) -> DeliveryFaults:
        """Return the faults of the next event."""
        settings = self.settings
        # A fault that is no fraction takes no random number, so it does not change the results of other faults.
        dropped = self._drops_left > 0 or self._hits(settings.drop)
        self._drops_left = max(self._drops_left - 1, 0)
        copies = _count(settings.duplicate) or int(self._hits(settings.duplicate))
        return DeliveryFaults(copies=copies, held=self._hits(settings.reorder), dropped=dropped)

    def _hits(self, switch: bool | float) -> bool:
        if isinstance(switch, bool):
            return switch
        return isinstance(switch, float) and self._draw.random() < switch


def _count(switch: Any) -> int:
    return switch if isinstance(switch, int) and not isinstance(switch, bool) else 0


def _is_address(url: str) -> bool:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    well_formed = url.isascii() and url.isprintable() and not {" ", "#"} & set(url)
    port_exists = address.port is None or 0 < address.port < 65_536
    return well_formed and port_exists and address.scheme in {"http", "https"} and bool(address.host)
