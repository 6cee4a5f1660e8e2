"""A folder where a commit takes no time, and a log in which only alarms are kept."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from campaigns.simulation.world import listen_for_alarms, quick_folder


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """The log's alarms are violations; its other lines are nobody's."""
    before = structlog.get_config()
    listen_for_alarms()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where the journals are."""
    with tempfile.TemporaryDirectory(dir=quick_folder()) as name:
        yield Path(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Thousands of runs need not be counted line by line: the walks reach the same lines."""
    for item in items:
        if item.path.name == "test_stops.py":
            item.add_marker("no_cover")
