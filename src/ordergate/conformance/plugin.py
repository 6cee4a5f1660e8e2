"""The pytest plugin: guards the laws against being thinned, and reports on them at the end.

It is loaded in every pytest run of an environment that has the gateway, so it imports nothing of it: it knows
a law by its mark, and a class of laws by its case.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PROPERTY = "ordergate_law"
"""Property of a test report for the adapter of a law."""
_EVASIONS = ("skip", "skipif", "xfail")

pytest.register_assert_rewrite("ordergate.conformance.laws", "ordergate.conformance.driver")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark each law's test with its adapter; refuse marks that would skip a law.

    Raises:
        UsageError: A law carries a mark to skip it, or to expect its failure.
    """
    for item in items:
        name = getattr(getattr(item, "function", None), "__law__", None)
        case = getattr(getattr(item, "cls", None), "case", None)
        if name is None or case is None:
            continue
        for mark in _EVASIONS:
            if item.get_closest_marker(mark) is not None:
                raise pytest.UsageError(
                    f"{item.nodeid} is marked {mark}: a law is left out by its case's skips alone, with a reason"
                )
        item.user_properties.append((PROPERTY, [case.adapter.name, name]))


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Print for each adapter how many laws it passed, and why any was left out."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            about = _about(report)
            if about is not None:
                results = found.setdefault(about[0], {})
                results.setdefault(outcome, []).append((about[1], _reason(report)))
    if not found:
        return
    terminalreporter.section("conformance")
    for adapter, results in sorted(found.items()):
        counts = [f"{len(laws)} {outcome}" for outcome, laws in results.items()]
        terminalreporter.line(f"{adapter}: laws {', '.join(counts)}")
        for name, reason in sorted(results.get("skipped", [])):
            terminalreporter.line(f"  without {name}: {reason}")


def _about(report: Any) -> list[str] | None:
    return next((value for name, value in getattr(report, "user_properties", ()) if name == PROPERTY), None)


def _reason(report: Any) -> str:
    where = getattr(report, "longrepr", None)
    text = where[2] if isinstance(where, tuple) else ""
    return str(text).removeprefix("Skipped: ")
