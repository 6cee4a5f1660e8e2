"""Providers that fail under load; ``python -m campaigns.switching --faults`` is the long form."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from campaigns.switching.faults import FAULTS, Fault, fail, staged
from campaigns.switching.stage import Stage
from tests.scenarios.shop import Emulator

FIRST = ("rapyd", "revkeen", "revkeen", "rapyd", "rapyd")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    running_emulators: Mapping[str, Emulator], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """One gateway for all faults: each begins when the one before is over."""
    async with staged(tmp_path_factory.mktemp("faults"), running_emulators) as stage:
        yield stage


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("first", "fault"), list(zip(FIRST, FAULTS, strict=True)), ids=[fault.name for fault in FAULTS]
)
async def test_first_account_fails(stage: Stage, first: str, fault: Fault) -> None:
    """Orders go on to the next account where nothing can have happened, none twice, and return with the first."""
    report = await fail(stage, fault, first, seconds=0.6)

    assert {name: found for name, found in report.violations.items() if found} == {}
    assert len(report.during) >= 15
