"""The figures in the README are those of a run, and say what it was run on without saying whose it is."""

import platform
import re

from campaigns.bench.report import LAST_RUN, read
from tests.docs.benchmark import benchmark, in_readme


def test_the_figures_in_the_readme_are_those_of_the_last_run() -> None:
    """No figure stands there that no command has printed; mend with python -m tests.docs.benchmark."""
    assert "| ordergate, SQLite |" in benchmark()
    assert in_readme() == benchmark()


def test_the_last_run_is_whole_and_its_marks_follow_from_its_figures() -> None:
    """The file has every part, and the marks in it are those that its figures come to."""
    report = read()

    assert report.figures
    assert report.throughput
    assert len(report.growth) >= 2
    assert report.soak is not None
    assert report.layers
    assert [mark.reached for mark in report.marks] == [mark.verdict for mark in report.judge()]


def test_the_last_run_names_no_machine_and_no_folder() -> None:
    """The file is published."""
    text = LAST_RUN.read_text()

    assert f'"{platform.node()}"' not in text
    assert re.findall(r'"[^"]*/(?:home|root|tmp|Users)/[^"]*"', text) == []
