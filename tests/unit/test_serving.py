"""What a server asks of the system."""

import resource
from collections.abc import Iterator

import pytest

from ordergate.serving import MOST_OPEN_FILES, allow_open_files


@pytest.fixture
def few_files() -> Iterator[int]:
    """As a shell gives them: few, of which a process may ask for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_as_many_files_as_the_system_allows(few_files: int) -> None:
    """But no more than anybody has use for."""
    allowed = allow_open_files()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == allowed == (MOST_OPEN_FILES if few_files < 0 else min(few_files, MOST_OPEN_FILES))
    assert hard == few_files
    assert allow_open_files() == allowed
