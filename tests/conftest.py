"""What tests of every layer may use."""

from collections.abc import Iterator

import pytest
from tests.postgresql import VARIABLE, PostgreSQLMissing, Server, start


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server: one for each process that runs tests, started when the first test asks for it."""
    try:
        server = start()
    except PostgreSQLMissing as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def own_postgresql_server(postgresql_server: Server) -> Iterator[Server]:
    """The same server, for a test that takes it down; afterwards it is up again."""
    if not postgresql_server.owned:
        pytest.skip(f"unset {VARIABLE}: this test takes the server down")
    yield postgresql_server
    if not postgresql_server.running:
        postgresql_server.restart()


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """The URL of an empty database, which goes away with the test."""
    url = postgresql_server.new_database()
    yield url
    if postgresql_server.running:  # otherwise the test took it down, and the database goes with the server
        postgresql_server.drop_database(url)
