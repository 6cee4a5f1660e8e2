"""Marks say what was measured, and how near that is."""

import msgspec
import pytest
from campaigns.bench.figures import Figure
from campaigns.bench.growth import Grown
from campaigns.bench.load import Run
from campaigns.bench.marks import Mark, computed
from campaigns.bench.scaling import Scaled
from campaigns.bench.soak import Soak, Weight
from campaigns.bench.throughput import FLOOR, FLOOR_POSTGRESQL, HANDWRITTEN, POSTGRESQL, SQLITE


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


def test_marks_compare_a_store_with_its_floor_and_with_the_hand_written_peer() -> None:
    """Throughput, processor time and p99 are compared at 32 connections, p50 alone, and failures at 128."""
    runs = [
        *_runs(FLOOR, rate=2_000, p50=1_000, p99=20_000, cpu=400),
        *_runs(HANDWRITTEN, rate=500, p50=1_500, p99=100_000, cpu=2_000),
        *_runs(SQLITE, rate=1_000, p50=1_200, p99=25_000, cpu=1_000),
        *_runs(FLOOR_POSTGRESQL, rate=1_000, p50=2_000, p99=20_000, cpu=500),
        *_runs(POSTGRESQL, rate=600, p50=3_000, p99=40_000, cpu=1_500),
    ]

    found = {mark.name: (mark.found, mark.reached) for mark in computed(runs=runs)}

    assert found == {
        f"{SQLITE}: throughput at 32 connections, times the floor's": (0.5, False),
        f"{SQLITE}: throughput at 32 connections, times the hand-written peer's": (2, False),
        f"{SQLITE}: processor time at 32 connections, times the floor's": (2.5, False),
        f"{SQLITE}: failed at 128 connections": (1, False),
        f"{SQLITE}: p50 alone, times the floor's": (pytest.approx(1.2), True),
        f"{SQLITE}: p99 at 32 connections, times the hand-written peer's": (0.25, False),
        f"{POSTGRESQL}: throughput at 32 connections, times the floor's": (0.6, True),
        f"{POSTGRESQL}: failed at 128 connections": (1, False),
        "memory of a worker (RSS), the most": (pytest.approx(94.4, abs=0.05), False),
    }


@pytest.mark.parametrize(("cores", "verdict"), [(2, "not judged"), (4, "no, 0.93 of it")])
def test_two_workers_are_judged_if_load_and_provider_have_cores_of_their_own(
    cores: int, verdict: str
) -> None:
    """On a smaller machine the mark shows what was measured, and why it says nothing."""
    (mark,) = computed(scaled=[_scaled(1, 600.0), _scaled(2, 900.0)], cores=cores)

    assert (mark.found, mark.verdict) == (1.5, verdict)
    assert ("2 cores" in mark.how) is (cores == 2)


def test_marks_of_other_parts() -> None:
    """The slowest adapter, the slowest list, the largest journal, the furthest weight, the command."""
    figures = [
        Figure("rapyd create: plan, sign, read", "p50", 70.0, "µs"),
        Figure("revkeen create: plan, sign, read", "p50", 20.0, "µs"),
        Figure("ordergate --help", "median", 100.0, "ms"),
        Figure("ordergate serve, one account: from its start until ready", "median", 1.2, "s"),
    ]
    grown = [_grown(1_000, 1_000.0, 1_000), _grown(1_000_000, 850.0, 2_500)]
    weights = [Weight(10, 85.0), Weight(50, 85.5), Weight(100, 86.0)]
    soak = Soak(requests=100, weights=weights, course=weights, largest=90.0, smallest=84.0, failed=0)

    verdicts = [mark.verdict for mark in computed(figures=figures, grown=grown, soak=soak)]

    assert verdicts == [
        "no, 0.85 of it",
        "no, 0.80 of it",
        "no, 0.94 of it",
        "no, 0.80 of it",
        "no, 0.95 of it",
        "no, 0.85 of it",
        "yes",
        "no, 0.83 of it",
    ]


def test_what_was_not_run_has_no_marks() -> None:
    """Part of a run says nothing of the others."""
    assert computed() == []


def _runs(peer: str, *, rate: float, p50: int, p99: int, cpu: float) -> list[Run]:
    run = Run(
        peer=peer,
        connections=1,
        requests=100,
        rate=rate,
        p50=p50,
        p95=p99,
        p99=p99,
        cpu=cpu,
        resident=90.0,
        failed=0,
    )
    others = (
        msgspec.structs.replace(run, connections=number, failed=int(number == 128)) for number in (8, 32, 128)
    )
    return [run, *others]


def _scaled(workers: int, rate: float) -> Scaled:
    return Scaled(workers=workers, rate=rate, p99=1, cpu=1.0, database_cpu=None, failed=0)


def _grown(orders: int, rate: float, list_inside: int) -> Grown:
    return Grown(
        orders=orders,
        mebibytes=1.0,
        rate=rate,
        p50=1,
        p99=list_inside,
        list_p50=list_inside + 500,
        list_inside=list_inside,
        failed=0,
    )
