"""A part of a run can be measured anew, on the machine of the others."""

from pathlib import Path

import msgspec
import pytest
from campaigns.bench.figures import Figure
from campaigns.bench.machine import Machine
from campaigns.bench.report import Report, continued, read, write
from campaigns.bench.servers import MeasuringFailedError
from campaigns.bench.steps import Step

MACHINE = Machine(
    processor="Z80", cores=1, memory=1, system="CP/M", python="3.11.7", date="2026-11-01", versions={}
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    report = Report(
        machine=MACHINE,
        load_seconds=6,
        seconds={"journal": 1.0, "profile": 2.0},
        figures={
            "journal": [Figure("a write", "p50", 1.0, "µs")],
            "lists": [Figure("a list", "p95", 1.0, "ms")],
        },
        profile=[Step("parse", 1.0, 1.0)],
        told={"profile": ["left out"]},
    )
    write(report, tmp_path / "run.json")
    return tmp_path / "run.json"


def test_the_parts_that_are_measured_anew_are_gone_and_all_others_are_kept(file: Path) -> None:
    """Also a part that then fails leaves no old figures behind."""
    later = msgspec.structs.replace(MACHINE, date="2026-12-01")

    report = continued(file, later, ("journal", "profile"))

    assert report.figures.keys() == {"lists"}
    assert (report.profile, report.seconds, report.told) == ([], {}, {})
    assert report.machine.date == "2026-12-01"
    assert read(file).profile != []


def test_parts_of_another_machine_are_not_mixed(file: Path) -> None:
    """Only figures of one machine can be compared."""
    with pytest.raises(MeasuringFailedError, match="another machine"):
        continued(file, msgspec.structs.replace(MACHINE, cores=2), ("journal",))
