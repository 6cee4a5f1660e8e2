"""Switching under load; ``python -m campaigns.switching`` is the long form."""

from collections.abc import Mapping
from pathlib import Path

from campaigns.switching.flips import Flips, flip
from tests.scenarios.shop import Emulator


async def test_flips_under_load(emulators: Mapping[str, Emulator], tmp_path: Path) -> None:
    """SIGHUP flips the route while orders come in: none fails, each is once where its answer's configuration says."""
    plan = Flips(flips=4, rate=50, seconds=0.6)

    report = await flip(plan, tmp_path, emulators, lambda *_: None)

    assert {name: found for name, found in report.violations.items() if found} == {}
    assert len(report.answers) > 120
    assert [period.account for period in report.periods] == [
        "revkeen",
        "rapyd",
        "revkeen",
        "rapyd",
        "revkeen",
    ]
    assert all(len(period.answers) > 10 for period in report.periods)
