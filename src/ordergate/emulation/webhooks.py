"""Chooses the destination and the faults of webhooks, without sending."""

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
    Meta(ge=0, le=100, description="True, false, how many further copies, or how likely: 0.3."),
]
Losses = Annotated[
    int,
    Meta(ge=0, le=1_000_000, description="True, false, how many of the next ones, or how likely: 0.1."),
]
Likely = Annotated[float, Meta(ge=0, le=1, description="True, false, or how likely: 0.2.")]
Seconds = Annotated[float, Meta(ge=0, le=86_400, description="Seconds, at most a day.")]


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The destination and the faults of webhooks.

    A fractional switch is a probability for each event; true means always.

    Attributes:
        url: Exactly as a client would configure it at the provider; null sends nothing, and discards events meanwhile.
        secret: Replaces the emulator's own key; each of several makes a signature, as in a rotation. Only for a
            provider with a webhook secret.
        duplicate: Sends an event's first attempt again; a number of 1 or more is how often.
        reorder: Delays an event until the next one of the same order has been sent, at most a second.
        drop: Never sends an event; a number of 1 or more is how many of the next ones.
        delay: Seconds that each event waits before its first attempt.
        stale: Signs every attempt as if it were an hour old.
        retry_seconds: Replaces each of the provider's waits between attempts; their number stays.
    """

    url: Url | None
    secret: Secret | Secrets | None = None
    duplicate: bool | Copies | Fraction = False
    reorder: bool | Likely = False
    drop: bool | Losses | Fraction = False
    delay: Seconds = 0
    stale: bool = False
    retry_seconds: Seconds | None = None

    def __post_init__(self) -> None:
        """Refuse a URL that nothing could be posted to."""
        if self.url is not None and not _is_address(self.url):
            raise ValueError(f"`url` is no http or https URL: {self.url}")

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets as a list; empty for the emulator's own."""
        if self.secret is None:
            return ()
        return (self.secret,) if isinstance(self.secret, str) else tuple(self.secret)


NO_WEBHOOKS = WebhookSettings(url=None)
"""Nothing is sent."""


class Fate(msgspec.Struct, frozen=True):
    """The fault of one event: duplicates, a delay, or a loss."""

    copies: int = 0
    held: bool = False
    lost: bool = False


class WebhookPlan:
    """The settings in force, drawn from for one event after the other; equal seeds draw alike.

    Attributes:
        settings: As they were given.
    """

    def __init__(self, settings: WebhookSettings, draw: random.Random) -> None:
        """Start with nothing lost; `draw` decides for the fractions."""
        self.settings = settings
        self._draw = draw
        self._losses = _count(settings.drop)

    def fate(self) -> Fate:
        """Return the fault of the next event."""
        settings = self.settings
        # A switch that is no fraction draws nothing, so it does not shift the draws of the others.
        lost = self._losses > 0 or self._hits(settings.drop)
        self._losses = max(self._losses - 1, 0)
        copies = _count(settings.duplicate) or int(self._hits(settings.duplicate))
        return Fate(copies=copies, held=self._hits(settings.reorder), lost=lost)

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
