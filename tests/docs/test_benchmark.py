"""The figures of the documentation are those of a run, and say what it was run on without saying whose it is."""

import platform
import re

from campaigns.bench.report import LAST_RUN, read
from tests.docs.benchmark import PAGE, PICTURES, documents


def test_tables_and_pictures_are_those_of_the_last_run() -> None:
    """No figure stands there that no command has printed; mend with python -m tests.docs.benchmark."""
    wrong = [file.name for file, text in documents(read()).items() if file.read_text() != text]

    assert wrong == []


def test_the_page_shows_every_picture() -> None:
    """A picture that no one sees is none."""
    drawn = {file.name for file in PICTURES.glob("*.svg")}

    assert set(re.findall(r"\(pictures/([^)]*)\)", PAGE.read_text())) == drawn
    assert len(drawn) == 7


def test_the_text_of_the_page_has_no_figures_of_its_own() -> None:
    """Measured values stand between the marks, where the next run replaces them."""
    own = re.sub(r"<!-- (.+?) -->.*?<!-- /\1 -->|```.*?```", "", PAGE.read_text(), flags=re.DOTALL)

    assert re.findall(r"\d[\d.,]* ?(?:ms|µs|s|/s|%|MiB|MB|GB|creates)\b", own) == []


def test_the_last_run_is_whole_and_its_marks_follow_from_its_figures() -> None:
    """The file has every part, and the marks in it are those that its figures come to."""
    report = read()

    assert report.figures.keys() == {"adapters", "journal", "webhooks", "command", "lists", "events"}
    assert report.throughput
    assert report.scaling
    assert report.receivers
    assert len(report.growth) >= 2
    assert report.soak is not None
    assert report.profile
    assert [mark.reached for mark in report.marks] == [mark.verdict for mark in report.judge()]


def test_the_last_run_names_no_machine_and_no_folder() -> None:
    """The file is published."""
    text = LAST_RUN.read_text()

    assert f'"{platform.node()}"' not in text
    assert re.findall(r'"[^"]*/(?:home|root|tmp|Users)/[^"]*"', text) == []
