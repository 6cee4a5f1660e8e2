"""What tests of every layer may use; what lasts for the run is there once for each process that runs tests."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings
from tests import postgresql
from tests.postgresql import VARIABLE, PostgreSQLMissing, Server
from tests.scenarios.shop import Command, Emulator, Shop, open_shop, start_emulator, write_config

from ordergate.gateway.accounts.registry import installed_adapters

# A machine may be busy, so no example has a deadline. For Hypothesis's own 100 examples of each law:
# HYPOTHESIS_PROFILE=default uv run pytest
settings.register_profile(
    "short", deadline=None, max_examples=35, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

OpenShop = Callable[..., Awaitable[Shop]]
Start = Callable[..., Command]


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Whatever a test says of logging holds for that test alone: our commands, run in this process, say something."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server: one for each process that runs tests, started when the first test asks for it."""
    try:
        server = postgresql.start()
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


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands keep what they compile: without it that would be most of what they do."""
    folder = tmp_path_factory.getbasetemp().parent / "compiled"
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(folder))
        yield folder


@pytest.fixture(scope="session")
def running_emulators(
    compiled: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Emulator]]:
    """Every installed provider's emulator, each in a process of its own."""
    folder = tmp_path_factory.mktemp("emulators")
    commands = {name: start_emulator(name, folder / f"{name}.log") for name in sorted(installed_adapters())}
    emulators = {name: Emulator(json.loads(command.line())) for name, command in commands.items()}
    yield emulators
    for emulator in emulators.values():
        emulator.close()
    for command in commands.values():
        command.end()


@pytest.fixture
def emulators(running_emulators: Mapping[str, Emulator]) -> Mapping[str, Emulator]:
    """The emulators, as if they had just been started."""
    for emulator in running_emulators.values():
        emulator.reset()
    return running_emulators


@pytest_asyncio.fixture
async def open_another(
    emulators: Mapping[str, Emulator], provider: str, tmp_path: Path
) -> AsyncIterator[OpenShop]:
    """Opens a gateway with settings of the test's own: ``[server]`` keys, account keys, more accounts."""
    async with AsyncExitStack() as shops:

        async def open_with(
            environment: Mapping[str, str] | None = None,
            *,
            recovers: bool = False,
            delivers: bool = False,
            port: int = 0,
            **settings: Any,
        ) -> Shop:
            config = write_config(tmp_path, emulators, **settings)
            opening = open_shop(
                config, emulators, provider, environment, recovers=recovers, delivers=delivers, port=port
            )
            return await shops.enter_async_context(opening)

        yield open_with


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts one of our commands as a process, which ends with the test; its log is in the test's folder."""
    commands: list[Command] = []

    def begin(*arguments: str, **environment: str) -> Command:
        command = Command(tmp_path / f"{arguments[0]}.log", *arguments, **environment)
        commands.append(command)
        return command

    yield begin
    for command in commands:
        command.end()
