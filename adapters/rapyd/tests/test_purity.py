"""The adapter is a pure translation: the same in, the same out, and nothing of the world in between."""

import ast
from pathlib import Path

import pytest

import ordergate_rapyd
from ordergate.domain.commands import CancelOrder, Command
from ordergate.domain.lifecycle import OperationKind
from ordergate_rapyd import adapter

from .commands import OPERATION, READS, SETTINGS, WRITES, concluded, seen
from .samples import answer, envelope, order, refusal, respond

MODULES = sorted(Path(ordergate_rapyd.__file__).parent.glob("*.py"))
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
    body = envelope([order()]) if command is READS[1] else envelope(order())
    requests = [next(adapter.plan(command, SETTINGS)) for _ in range(2)]
    signed = [adapter.sign(request, SETTINGS, 1_763_477_605, "00ff") for request in requests]
    outcomes = [concluded(command, respond(body)) for _ in range(2)]
    refusals = [concluded(command, refusal("ERROR_GET_ORDER")) for _ in range(2)]

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
        one.send(refusal("ERROR_GET_ORDER"))
    with pytest.raises(StopIteration) as second:
        other.send(answer("create_order_ok.response"))

    assert first.value.value == concluded(READS[0], refusal("ERROR_GET_ORDER"))
    assert second.value.value == concluded(WRITES[0], answer("create_order_ok.response"))


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

    assert names >= {"adapter", "errors", "requests", "responses", "settings", "signing", "wire"}


class Unheard(Command, frozen=True, kw_only=True):
    """A command of a later release."""


@pytest.mark.parametrize("command", [CancelOrder(operation=OPERATION, order=seen(), reason=None), Unheard()])
def test_undeclared_command_is_refused(command: Command) -> None:
    """What the adapter does not declare is refused before there is any request."""
    with pytest.raises(TypeError, match=f"Rapyd declares nothing for {type(command).__name__}"):
        adapter.plan(command, SETTINGS)


def test_capabilities_say_what_is_carried_out() -> None:
    """Cancel is the gateway's own at Rapyd; what is not named is not there."""
    levels = {kind: adapter.capabilities.support(kind).level for kind in OperationKind}

    assert levels == {
        OperationKind.CREATE: "partly",
        OperationKind.RETRIEVE: "yes",
        OperationKind.LIST: "partly",
        OperationKind.UPDATE: "partly",
        OperationKind.PAY: "partly",
        OperationKind.CANCEL: "gateway",
        OperationKind.FULFILL: "partly",
        OperationKind.RETURN: "partly",
    }


def test_secrets_do_not_print() -> None:
    """Settings that are printed or logged show stars."""
    assert "AKTEST" not in repr(SETTINGS)
    assert "sk_test" not in repr(SETTINGS)


def test_keys_belong_to_every_environment() -> None:
    """Rapyd's keys do not say which world they are of, so none is refused for that."""
    for environment in ("emulator", "sandbox", "production"):
        assert adapter.check_settings(SETTINGS, environment) == []
