"""Callers, faults, stops and jumps of the clock at random: the promises hold."""

from pathlib import Path

import pytest
from campaigns.simulation.operations import OPERATIONS
from campaigns.simulation.walk import STEPS, walk

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("provider", sorted(OPERATIONS))
def test_a_random_walk_ends_with_every_write_settled_and_none_applied_twice(
    provider: str, seed: int, folder: Path
) -> None:
    report = walk(provider, seed, STEPS, folder)

    assert not report.wrong, report.command


def test_a_seed_always_walks_the_same_way(folder: Path) -> None:
    once, again = (walk("rapyd", 1, STEPS, folder / name) for name in ("once", "again"))

    assert once == again
