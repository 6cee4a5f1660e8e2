"""The adapter is a pure translation: the same in, the same out, and nothing of the world in between."""

import ast
from pathlib import Path

import pytest

import ordergate_revkeen
from ordergate.domain.commands import Command
from ordergate.domain.lifecycle import OperationKind
from ordergate_revkeen import adapter

from .commands import READS, SETTINGS, WRITES, concluded
from .samples import order, refusal, respond, rows

MODULES = sorted(Path(ordergate_revkeen.__file__).parent.glob("*.py"))
WORLDLY = {
    "aiohttp", "asyncio", "http", "httpx", "logging", "multiprocessing", "os", "pathlib", "random",
    "requests", "secrets", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib.request", "uuid", "uuid_utils",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today"}


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("command", [*READS, *WRITES], ids=lambda command: type(command).__name__)
def test_translation_is_deterministic_and_does_no_io(command: Command) -> None:
    """Planning, signing and reading the same twice comes to the same, without a socket."""
    body = rows(order()) if command is READS[1] else order()
    requests = [next(adapter.plan(command, SETTINGS)) for _ in range(2)]
    signed = [adapter.sign(request, SETTINGS, 1_777_716_000, "00ff") for request in requests]
    outcomes = [concluded(command, respond(body)) for _ in range(2)]
    refusals = [concluded(command, refusal(404, "resource_not_found")) for _ in range(2)]

    assert requests[0] == requests[1]
    assert signed[0] == signed[1]
    assert outcomes[0] == outcomes[1]
    assert refusals[0] == refusals[1]


def test_conversations_do_not_mix() -> None:
    """Two conversations that overlap each come to their own end."""
    one, other = (adapter.plan(command, SETTINGS) for command in (READS[0], WRITES[0]))
    next(one)
    next(other)
    with pytest.raises(StopIteration) as first:
        one.send(refusal(404, "resource_not_found"))
    with pytest.raises(StopIteration) as second:
        other.send(respond(order(), 201))

    assert first.value.value == concluded(READS[0], refusal(404, "resource_not_found"))
    assert second.value.value == concluded(WRITES[0], respond(order(), 201))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_module_imports_nothing_of_the_world(module: Path) -> None:
    """No module imports a clock, chance, a socket or an HTTP library, nor asks a date for now."""
    tree = ast.parse(module.read_text())
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _names(node)
    }
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in CLOCKS}

    assert not {name for name in imported if name in WORLDLY or name.split(".")[0] in WORLDLY}
    assert not asked


def _names(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]


def test_all_modules_are_looked_at() -> None:
    """The list of modules is the adapter's whole folder."""
    names = {module.stem for module in MODULES}

    assert names >= {"adapter", "errors", "requests", "responses", "settings", "wire"}


class Unheard(Command, frozen=True, kw_only=True):
    """A command of a later release."""


def test_undeclared_command_is_refused() -> None:
    """What the adapter does not declare is refused before there is any request."""
    with pytest.raises(TypeError, match="RevKeen declares nothing for Unheard"):
        adapter.plan(Unheard(), SETTINGS)


def test_capabilities_say_what_is_carried_out() -> None:
    """RevKeen has no returns; what is not named is not there."""
    levels = {kind: adapter.capabilities.support(kind).level for kind in OperationKind}

    assert levels == {
        OperationKind.CREATE: "partly",
        OperationKind.RETRIEVE: "yes",
        OperationKind.LIST: "yes",
        OperationKind.UPDATE: "partly",
        OperationKind.PAY: "yes",
        OperationKind.CANCEL: "yes",
        OperationKind.FULFILL: "yes",
        OperationKind.RETURN: "no",
    }
