"""The plugin reports on the laws, guards them, and weighs nothing where there are none."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ordergate.gateway.accounts.registry import installed_adapters

ROOT = Path(__file__).parents[3]
NAME = next(iter(installed_adapters()))
HEAD = f"""
import pytest
from ordergate.conformance import Case, Conformance, Facts
from ordergate.gateway.accounts.registry import installed_adapter

def facts(state, order_id):
    return Facts(status="open", currency="USD", total=1, paid=0, refunded=0)

adapter = installed_adapter({NAME!r})
"""
QUICK = "emulator_settings or masked or restriction or step_of_a_life"


def _run(folder: Path, test: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as an author would, with the entry point that the distribution declares."""
    (folder / "test_some.py").write_text(test)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    lines = "\n".join(f"{name} = {module}" for name, module in points.items())
    (folder / "kit-0.dist-info").mkdir()
    (folder / "kit-0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: kit\nVersion: 0\n")
    (folder / "kit-0.dist-info/entry_points.txt").write_text(f"[pytest11]\n{lines}\n")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "xdist",
            "-p",
            "ordergate",
            *arguments,
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_report_counts_and_gives_reasons(tmp_path: Path, workers: str) -> None:
    """At the end stand, for each adapter, the laws it passed and failed, and why any was left out."""
    skips = '{"a_restriction_is_said": "They changed it today."}'
    test = f"{HEAD}\nclass TestSome(Conformance):\n    case = Case(adapter=adapter, facts=facts, skips={skips})\n"
    result = _run(tmp_path, test, "-k", QUICK, "-n", workers)

    assert result.returncode == 1
    assert f"{NAME}: laws 2 passed, 1 failed, 1 skipped" in result.stdout
    assert "  without a_restriction_is_said: They changed it today." in result.stdout
    assert "the total is 66149 here and 1 there" in result.stdout


@pytest.mark.parametrize(
    "mark", ["skip", "skip(reason='x')", "skipif(True, reason='x')", "xfail", "xfail(strict=True)"]
)
def test_a_mark_leaves_no_law_out(tmp_path: Path, mark: str) -> None:
    """Marking the class to be skipped or to fail is refused."""
    test = f"{HEAD}\n@pytest.mark.{mark}\nclass TestSome(Conformance):\n    case = Case(adapter=adapter, facts=facts)\n"
    result = _run(tmp_path, test)

    assert result.returncode == 4
    assert "a law is left out by its case's skips alone, with a reason" in result.stderr


def test_other_runs_are_left_alone(tmp_path: Path) -> None:
    """Where there are no laws nothing is printed, and nothing of the gateway or the kit is imported."""
    test = (
        "import sys\n\n"
        "def test_some():\n"
        "    loaded = {name for name in sys.modules if name.startswith('ordergate')}\n"
        "    assert loaded == {'ordergate', 'ordergate.conformance', 'ordergate.conformance.plugin'}\n"
        "    assert not {'msgspec', 'iso4217', 'hypothesis.core'} & set(sys.modules)\n"
    )
    result = _run(tmp_path, test)

    assert result.returncode == 0, result.stdout
    assert "conformance" not in result.stdout.partition("plugins:")[2].partition("\n")[2]
