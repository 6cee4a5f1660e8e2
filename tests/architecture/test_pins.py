"""Exact versions without a lock file."""

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = {"ordergate", "ordergate-rapyd", "ordergate-revkeen"}
TOOLS = {"pip", "uv", "setuptools", "wheel"}


def _pyproject() -> dict[str, object]:
    document: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return document


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def test_what_is_installed_is_what_is_pinned() -> None:
    """Every installed distribution stands among the constraints, with its version."""
    pins = dict(
        re.match(r"([A-Za-z0-9._-]+)==([^;]+)", line).groups()  # type: ignore[union-attr]
        for line in _pyproject()["tool"]["uv"]["constraint-dependencies"]  # type: ignore[index]
    )
    installed = {_name(found.metadata["Name"]): found.version for found in distributions()}
    wrong = {
        name: (version, pins.get(name))
        for name, version in installed.items()
        if name not in OWN | TOOLS and pins.get(name, "").strip() != version
    }

    assert len(installed) > 40
    assert wrong == {}


def test_direct_dependencies_are_exact() -> None:
    """A dependency of the gateway or of an adapter names one version."""
    documents = [ROOT / "pyproject.toml", *ROOT.glob("adapters/*/pyproject.toml")]
    loose = [
        dependency
        for file in documents
        for dependency in tomllib.loads(file.read_text())["project"]["dependencies"]
        if "==" not in dependency
    ]

    assert len(documents) == 3
    assert loose == []


def test_members_have_the_root_version() -> None:
    """The gateway and its adapters are released together."""
    versions = {
        tomllib.loads(file.read_text())["project"]["version"]
        for file in [ROOT / "pyproject.toml", *ROOT.glob("adapters/*/pyproject.toml")]
    }

    assert len(versions) == 1
