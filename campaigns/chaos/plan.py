"""The parts of a campaign, and the configuration of its gateway."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomli_w
from tests.scenarios.shop import Emulator, write_config

Store = Literal["sqlite", "postgres"]
Outage = Literal["read-only", "no slots"]
"""The faults of a PostgreSQL that answers."""


@dataclass(frozen=True)
class Timing:
    """How long the gateway waits, and how long a delay must be to matter.

    Attributes:
        account: Keys of every account.
        sections: Keys of other tables.
        late_answer: Seconds after which an answer is too late for the gateway.
        slow_commit: Seconds by which a commit is delayed; shorter than the settling time.
        settles_within: Seconds that a write may take to settle once all is well again.
    """

    account: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    late_answer: float = 48.0
    slow_commit: float = 20.0
    settles_within: float = 90.0


DEFAULT_TIMING = Timing()
SHORT_TIMING = Timing(
    account={"read_timeout": 0.5, "total_timeout": 1.0, "settling_time": 4.0, "breaker_failures": 100_000},
    sections={
        "server": {"idempotency_wait": 1.0},
        "recovery": {"closed_settling": 1.5, "late_look_minutes": 0.1},
    },
    late_answer=1.6,
    slow_commit=2.8,
    settles_within=60.0,
)
"""A killed node keeps its lease for 15 s, in every configuration."""


@dataclass(frozen=True)
class Plan:
    """One campaign.

    Attributes:
        folder: The folder of its files: configuration, journal, logs.
        seconds: As long as new orders are begun, should the writes not be done by then.
        uptime: Seconds between which a node lives before it is killed.
        orderly: The share of its ends that are no kills: it is asked to stop.
        kills_until: The share of the writes after which nodes are no longer killed; the other faults continue.
        outages: The faults of the database, in turn.
        between_outages: Seconds between which it is well in between.
        outage_seconds: Seconds between which an outage lasts.
        log_level: The nodes'.
    """

    folder: Path
    writes: int = 1000
    seconds: float = 86_400.0
    store: Store = "sqlite"
    nodes: int = 1
    seed: int = 0
    callers: int = 16
    timing: Timing = SHORT_TIMING
    uptime: tuple[float, float] = (1.0, 3.0)
    orderly: float = 0.15
    kills_until: float = 1.0
    restarts_server: bool = True
    outages: tuple[Outage, ...] = ("read-only", "no slots") * 20
    between_outages: tuple[float, float] = (8.0, 20.0)
    outage_seconds: tuple[float, float] = (1.0, 3.0)
    log_level: str = "info"


def write_configuration(
    plan: Plan, emulators: Mapping[str, Emulator], store_url: str | None, hooks: str
) -> Path:
    """Write the configuration that every node is started with.

    Args:
        plan: The campaign.
        emulators: The emulators of the accounts.
        store_url: The journal; a file in the campaign's folder if None.
        hooks: The addresses of the providers' webhooks.
    """
    file = write_config(plan.folder, emulators, account=plan.timing.account, hooks=hooks)
    document = tomllib.loads(file.read_text())
    for name, keys in plan.timing.sections.items():
        document[name] = {**document.get(name, {}), **keys}
    document["server"]["log_level"] = plan.log_level
    # The receiver is on loopback, and refuses so often that the shipped pauses would make a campaign last for days.
    document["inbound"] = {"settle_seconds": 0.2, "reread_seconds": 0.5, "poll_seconds": 3.0}
    document["webhooks"] = {"allow_networks": ["127.0.0.0/8"], "retries": [0.1, 0.2, 0.5, *[1.0] * 17]}
    if store_url is not None:
        document["store"]["url"] = store_url
    file.write_text(tomli_w.dumps(document))
    return file
