"""Emulators for the whole run, one gateway for each test, every test at each installed provider."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.scenarios import written
from tests.scenarios.shop import Command, Emulator, Shop, open_shop, start_emulator, write_config

from ordergate.gateway.registry import installed_adapters

OpenShop = Callable[..., Awaitable[Shop]]
Start = Callable[..., Command]


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands keep what they compile: without it that would be most of what they do."""
    folder = tmp_path_factory.getbasetemp().parent / "compiled"
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv("PYTHONPYCACHEPREFIX", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def nothing_secret_is_written(tmp_path: Path) -> Iterator[None]:
    """After every test, no log and no journal that it wrote holds a credential or a key."""
    yield
    assert list(written.secrets_written(tmp_path, written.credentials)) == []


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


@pytest.fixture(params=sorted(installed_adapters()))
def provider(request: pytest.FixtureRequest) -> str:
    """The provider that a test is about; its account has the same name."""
    return request.param


@pytest.fixture
def emulator(emulators: Mapping[str, Emulator], provider: str) -> Emulator:
    """That provider's emulator."""
    return emulators[provider]


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


@pytest_asyncio.fixture
async def shop(open_another: OpenShop) -> Shop:
    """A gateway with default settings, seen by its one merchant."""
    return await open_another()


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
