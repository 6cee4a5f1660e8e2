"""A short campaign of faults and kills on each store; ``python -m campaigns.chaos`` runs the long ones."""

from pathlib import Path

import pytest
from campaigns.chaos.campaign import Report, run
from campaigns.chaos.plan import Plan
from tests.postgresql import PostgreSQLMissing


def test_sqlite_with_a_node_that_is_killed(tmp_path: Path) -> None:
    """One node, killed again and again, its log unwritable at times: every write acts once, every caller is told so."""
    report = _carry_out(Plan(folder=tmp_path, writes=120, seconds=8, callers=32, kills_until=0.9))

    assert report.kills > 0


def test_postgresql_with_two_nodes_that_are_killed(tmp_path: Path) -> None:
    """Two nodes on one database, which loses connections, is read-only and has no slots for a while: the same."""
    try:
        report = _carry_out(
            Plan(
                folder=tmp_path,
                writes=60,
                seconds=5,
                store="postgres",
                nodes=2,
                callers=16,
                kills_until=0.9,
                restarts_server=False,
                outages=("read-only", "no slots"),
                between_outages=(0.5, 1.5),
                outage_seconds=(0.5, 1.5),
            )
        )
    except PostgreSQLMissing as missing:
        pytest.skip(str(missing))

    # On a busy machine a node may take all the time to start; connections are cut at any rate.
    assert report.kills + report.cut > 0
    assert report.outages.keys() == set(report.plan.outages)


def _carry_out(plan: Plan) -> Report:
    report = run(plan, lambda *_: None)

    assert {name: found for name, found in report.violations.items() if found} == {}
    assert len(report.ledger.writes) >= 30
    assert report.log_outages > 0
    assert any(operation["probes"] for operation in report.operations)
    return report
