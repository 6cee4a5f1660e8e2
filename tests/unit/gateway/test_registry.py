"""Adapters are found by their entry points."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordergate.gateway.accounts.registry import (
    AdapterClashError,
    AdapterMissingError,
    installed_adapter,
    installed_adapters,
)


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[Path]:
    """A folder of distributions that are installed while the test runs."""
    sys.path.insert(0, str(tmp_path))
    installed_adapters.cache_clear()
    yield tmp_path
    sys.path.remove(str(tmp_path))
    installed_adapters.cache_clear()


def _install(folder: Path, distribution: str, adapter: str) -> None:
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ordergate.adapters]\n{adapter} = string:digits\n")


def test_the_installed_adapters_are_found_in_order() -> None:
    """Every installed adapter is there under its own name, in alphabetical order."""
    found = installed_adapters()

    assert list(found) == sorted(found)
    assert {"rapyd", "revkeen"} <= set(found)
    assert all(adapter.name == name for name, adapter in found.items())


def test_the_view_cannot_be_written() -> None:
    """Nobody can add an adapter but by installing it."""
    with pytest.raises(TypeError):
        installed_adapters()["mine"] = installed_adapter("rapyd")  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "paypol", "Rapyd", "rapyd "])
def test_a_missing_adapter_says_what_to_install(name: str) -> None:
    """An adapter that is not installed is told with those that are, and with the command."""
    with pytest.raises(AdapterMissingError) as missing:
        installed_adapter(name)

    assert repr(name) in str(missing.value)
    assert "rapyd, revkeen" in str(missing.value)
    assert f"pip install ordergate-{name}" in str(missing.value)


def test_a_further_distribution_is_found(distribution: Path) -> None:
    """A distribution that registers an entry point is enough; no central file is edited."""
    _install(distribution, "ordergate_third", "third")

    assert installed_adapter("third") == "0123456789"


def test_two_adapters_of_one_name_are_refused(distribution: Path) -> None:
    """Two distributions that claim one name are not chosen between."""
    _install(distribution, "ordergate_other", "rapyd")

    with pytest.raises(AdapterClashError, match="'rapyd'"):
        installed_adapters()
