"""Marks say what was measured, and how near that is."""

import msgspec
import pytest
from campaigns.bench.figures import Figure
from campaigns.bench.growth import Grown
from campaigns.bench.load import Run
from campaigns.bench.marks import Mark, computed
from campaigns.bench.soak import Soak, Weight
from campaigns.bench.throughput import DIRECT, FRAMEWORK, HANDWRITTEN, SQLITE


@pytest.mark.parametrize(
    ("found", "wanted", "at_least", "verdict"),
    [
        (4.0, 4, True, "yes"),
        (3.0, 4, True, "no, 0.75 of it"),
        (0.8, 0.8, False, "yes"),
        (2.0, 1, False, "no, 0.50 of it"),
        (100.3, 100, False, "no, 0.99 of it"),
        (3, 0, False, "no"),
    ],
)
def test_a_mark_is_reached_or_tells_how_near_it_is(
    found: float, wanted: float, at_least: bool, verdict: str
) -> None:
    """What is aimed at itself counts as reached; 1 would be there."""
    assert Mark(name="x", found=found, wanted=wanted, at_least=at_least).verdict == verdict


def test_marks_compare_a_store_with_its_peers() -> None:
    """Throughput and p99 are compared at 32 connections, p50 alone, and failures at 128."""
    runs = [
        *_runs(DIRECT, rate=9_000, p50=100, p99=200),
        *_runs(FRAMEWORK, rate=8_000, p50=100, p99=200),
        *_runs(HANDWRITTEN, rate=500, p50=1_500, p99=100_000),
        *_runs(SQLITE, rate=1_000, p50=1_200, p99=25_000),
    ]

    found = {mark.name.removeprefix(f"{SQLITE}: "): mark for mark in computed([], runs, [], None)}

    assert found["throughput at 32 connections, times the hand-written peer's"].found == 2
    assert found["throughput at 32 connections, times that of Litestar without a call"].found == 0.125
    assert found["failed at 128 connections"].found == 1
    assert found["p50 alone, times the hand-written peer's"].found == pytest.approx(0.8)
    assert found["p99 at 32 connections, times the hand-written peer's"].found == 0.25
    assert found["p50 alone over that of a direct call"].found == pytest.approx(1.1)
    assert found["memory of a worker (RSS), the most"].found == pytest.approx(94.4, abs=0.05)


def test_marks_of_other_parts() -> None:
    """The slowest adapter, the slowest list, the largest journal, the furthest weight, the start."""
    figures = [
        Figure("rapyd create: plan, sign, read", "p50", 70.0, "µs"),
        Figure("revkeen create: plan, sign, read", "p50", 20.0, "µs"),
        Figure("ordergate serve, one account: from its start until ready", "median", 1.2, "s"),
    ]
    grown = [_grown(1_000, 1_000.0, 2_000), _grown(1_000_000, 850.0, 2_900)]
    soak = Soak(
        requests=100,
        weights=[Weight(10, 100.0), Weight(50, 101.0), Weight(100, 102.0)],
        largest=106.0,
        smallest=99.0,
        failed=0,
    )

    verdicts = [mark.verdict for mark in computed(figures, [], grown, soak)]

    assert verdicts == ["no, 0.85 of it", "yes", "no, 0.94 of it", "no, 0.89 of it", "no, 0.83 of it", "yes"]


def test_what_was_not_run_has_no_marks() -> None:
    """Part of a run says nothing of the others."""
    assert computed([], [], [], None) == []


def _runs(peer: str, *, rate: float, p50: int, p99: int) -> list[Run]:
    run = Run(
        peer=peer,
        connections=1,
        requests=100,
        rate=rate,
        p50=p50,
        p95=p99,
        p99=p99,
        cpu=1.0,
        resident=90.0,
        failed=0,
    )
    others = (
        msgspec.structs.replace(run, connections=number, failed=int(number == 128)) for number in (8, 32, 128)
    )
    return [run, *others]


def _grown(orders: int, rate: float, list_p50: int) -> Grown:
    return Grown(
        orders=orders,
        mebibytes=1.0,
        rate=rate,
        p50=1,
        p99=1,
        list_p50=list_p50,
        list_inside=1_000,
        failed=0,
    )
