"""The gateway may be stopped anywhere, whatever becomes of the request: the write ends as it should."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from campaigns.simulation.network import FAULTS
from campaigns.simulation.operations import OPERATIONS
from campaigns.simulation.stops import Case, Repeats, Stops

ALL = [(provider, operation) for provider, kinds in OPERATIONS.items() for operation in kinds]
TELLING: Mapping[str, tuple[Repeats, ...]] = {
    "none": ("at once",),
    "lost": ("when settled",),
}
"""Faults that are stopped everywhere here; the command does so with all of them, and every way to repeat."""


@cache
def stops_of(provider: str, operation: str, folder: Path) -> Stops:
    return Stops(provider, operation, folder)


@pytest.mark.parametrize("fault", TELLING)
@pytest.mark.parametrize(("provider", "operation"), ALL)
def test_a_gateway_that_is_stopped_at_any_step_brings_the_write_to_its_right_end(
    provider: str, operation: str, fault: str, folder: Path
) -> None:
    runs = stops_of(provider, operation, folder).every(fault, TELLING[fault])

    assert len(runs) > len(TELLING[fault]), "there were steps to stop at"
    assert not [f"{run.case}: {'; '.join(run.wrong)}" for run in runs if run.wrong]


@pytest.mark.parametrize(("provider", "operation"), ALL)
def test_whatever_becomes_of_a_request_the_write_comes_to_its_right_end(
    provider: str, operation: str, folder: Path
) -> None:
    stops = stops_of(provider, operation, folder)
    repeats: tuple[Repeats, ...] = ("never", "when settled", "at once")
    runs = [stops.run(Case(provider, operation, fault, how)) for fault in FAULTS for how in repeats]

    assert not [f"{run.case}: {'; '.join(run.wrong)}" for run in runs if run.wrong]
