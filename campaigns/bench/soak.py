"""Whether a gateway's memory stays as it is: many creates over 32 connections, SQLite."""

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from campaigns.bench.figures import columns
from campaigns.bench.load import create_orders
from campaigns.bench.servers import gateway, provider

REQUESTS = 100_000
CONNECTIONS = 32
SHARES = (10, 50, 100)
CHUNKS = 20
_LONGEST = 60
"""Seconds of one chunk at most."""


class Weight(msgspec.Struct, frozen=True):
    """The memory of a gateway after a number of requests, in MiB."""

    requests: int
    resident: float


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway under load for long.

    Attributes:
        weights: After 10, 50 and 100 % of the requests.
        course: From the start, after each of some twenty parts.
        largest: The most memory at the end of any of some twenty equal parts after the first 10 %; MiB.
        smallest: The least memory at the same moments; MiB.
        failed: Requests that were refused or broken.
    """

    requests: int
    weights: list[Weight]
    course: list[Weight]
    largest: float
    smallest: float
    failed: int

    @property
    def ratio(self) -> float:
        """Memory at the end, divided by memory after the first tenth."""
        return self.weights[-1].resident / self.weights[0].resident


def measure(tell: Callable[[str], None], requests: int) -> Soak:
    """Send at least so many creates, in parts, and weigh the gateway after each.

    Raises:
        MeasuringFailedError: A process does not start or answer.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            provider(folder) as (stub, _),
            gateway("soak", folder, stub.url, f"sqlite:///{folder}/journal.db") as peer,
        ):
            seen, failed, rate = [Weight(0, peer.resident())], 0, 0.0
            while (sent := seen[-1].requests) < requests:
                run = create_orders(peer, CONNECTIONS, _seconds(requests, sent, rate))
                rate, failed = run.rate, failed + run.failed
                seen.append(Weight(sent + run.requests, run.resident))
                tell(f"{seen[-1].requests:,} of {requests:,} requests, {run.resident} MiB")
    return _judged(requests, seen, failed)


def _seconds(requests: int, sent: int, rate: float) -> int:
    """Seconds of the next part: a twentieth of the duration, or the rest."""
    if not rate:
        return 1
    return min(max(math.ceil(min(requests / CHUNKS, requests - sent) / rate), 1), _LONGEST)


def _judged(requests: int, seen: Sequence[Weight], failed: int) -> Soak:
    reached = [
        next(weight for weight in seen if weight.requests >= requests * share / 100) for share in SHARES
    ]
    later = [weight.resident for weight in seen if weight.requests >= reached[0].requests]
    return Soak(
        requests=seen[-1].requests,
        weights=reached,
        course=list(seen),
        largest=max(later),
        smallest=min(later),
        failed=failed,
    )


def table(soak: Soak) -> str:
    """Return the measurements as lines of equal columns."""
    head = (f"ordergate, SQLite, {CONNECTIONS} connections", "MiB", "ratio")
    first = soak.weights[0].resident
    rows = [
        (f"after {weight.requests:,} requests", f"{weight.resident:.1f}", f"{weight.resident / first:.3f}")
        for weight in soak.weights
    ]
    between = (f"since then between {soak.smallest:.1f} and", f"{soak.largest:.1f}", "")
    return columns([head, *rows, between])
