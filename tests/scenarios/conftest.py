"""One gateway for each test, every test at each installed provider."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from tests.conftest import OpenShop, Start
from tests.scenarios import written
from tests.scenarios.shop import Emulator, Shop

from ordergate.gateway.accounts.registry import installed_adapters

__all__ = ["OpenShop", "Start"]


@pytest.fixture(scope="session", autouse=True)
def commands_are_compiled(compiled: Path) -> None:
    """Most tests here run commands."""


@pytest.fixture(autouse=True)
def nothing_secret_is_written(tmp_path: Path) -> Iterator[None]:
    """After every test, no log and no journal that it wrote holds a credential or a key."""
    yield
    assert list(written.secrets_written(tmp_path, written.credentials)) == []


@pytest.fixture(params=sorted(installed_adapters()))
def provider(request: pytest.FixtureRequest) -> str:
    """The provider that a test is about; its account has the same name."""
    return request.param


@pytest.fixture
def emulator(emulators: Mapping[str, Emulator], provider: str) -> Emulator:
    """That provider's emulator."""
    return emulators[provider]


@pytest_asyncio.fixture
async def shop(open_another: OpenShop) -> Shop:
    """A gateway with default settings, seen by its one merchant."""
    return await open_another()
