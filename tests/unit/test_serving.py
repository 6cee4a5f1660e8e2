"""What a server asks of the system."""

import resource
import socket
from collections.abc import Iterator

import pytest

from ordergate.listener.server import MOST_OPEN_FILES, address, allow_open_files, connections_within, listen


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


@pytest.mark.parametrize(("files", "connections"), [(65_536, 49_152), (1_024, 768), (300, 200), (64, 32)])
def test_some_files_are_left_for_other_things(files: int, connections: int) -> None:
    """A quarter of them, or 100, but never more than half."""
    assert connections_within(files) == connections


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_everywhere_is_ipv4_too() -> None:
    """Who listens at :: is reached at addresses of both kinds."""
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), 5).close()
        assert address(listener) == f"http://[::]:{port}"
