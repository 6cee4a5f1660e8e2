"""An adapter is a pure translation: the same in, the same out, and nothing of the world in between."""

import ast
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

from ordergate.conformance.driver import Conversation, InProcess
from ordergate.conformance.law import Laws, law
from ordergate.conformance.walks import CHAIRS, corpus
from ordergate.conformance.world import timeless_world
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.outcome import Outcome
from ordergate.spi.adapter import Plan

WORLDLY = frozenset({
    "aiohttp", "anyio", "asyncio", "ftplib", "http", "httpcore", "httpx", "logging", "multiprocessing", "os",
    "pathlib", "random", "requests", "secrets", "select", "shutil", "smtplib", "socket", "sqlite3", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "urllib3", "uuid", "uuid_utils",
})  # fmt: skip
"""Modules that a pure translation has no use for."""
CLOCKS = frozenset({"now", "utcnow", "today"})


class PurityLaws(Laws):
    """Clock and nonce are arguments, and there is no I/O."""

    @law
    def test_the_same_asked_twice_is_the_same(self) -> None:
        """Two runs of every conversation, at the same times with the same nonces, agree in every byte."""
        one, other = corpus(self.case), corpus(self.case)

        assert len(one) > 5
        for first, second in zip(one, other, strict=True):
            assert first == second, f"{type(first.command).__name__} differs from one run to the next"

    @law
    def test_no_clock_no_chance_no_io(self) -> None:
        """Planning, signing and reading call no clock, draw no number and ask the system for nothing."""
        provider = InProcess.of(self.case)
        for conversation in corpus(self.case):
            with timeless_world():
                plan = provider.adapter.plan(conversation.command, provider.settings)
                next(plan)
                for exchange in conversation.exchanges:
                    provider.adapter.sign(exchange.planned, provider.settings, provider.now, "00ff")
                again = ended(plan, conversation)
            assert again == conversation.outcome

    @law
    def test_modules_import_nothing_of_the_world(self) -> None:
        """No module of the adapter imports a clock, chance, a socket or files, nor asks a date for now."""
        files = self._modules()

        assert files
        for file in files:
            tree = ast.parse(file.read_text())
            names = {name for node in ast.walk(tree) for name in _imported(node)}
            worldly = {name for name in names if name in WORLDLY or name.split(".")[0] in WORLDLY}
            asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & CLOCKS
            assert not worldly, f"{file.name} imports {', '.join(sorted(worldly))}"
            assert not asked, f"{file.name} asks for {', '.join(sorted(asked))}"

    @law
    def test_no_amount_is_a_float(self) -> None:
        """No module makes a binary float, divides into one, or rounds: amounts are integers or literals."""
        for file in self._modules():
            for node in ast.walk(ast.parse(file.read_text())):
                assert not _floats(node), f"{file.name}:{getattr(node, 'lineno', 0)} works with a float"

    @law
    def test_conversations_do_not_mix(self) -> None:
        """Two overlapping plans have the same outcomes as alone."""
        provider = InProcess.of(self.case)
        order = provider.apply(provider.creation(CHAIRS)).order
        provider.read(order)
        create, read = provider.said
        writing, _ = provider.begin(create.command)
        reading, _ = provider.begin(read.command)
        lost, _ = provider.begin(RetrieveOrder(provider_order_id=order.provider_order_id))
        lost.close()

        assert ended(reading, read) == read.outcome
        assert ended(writing, create) == create.outcome

    @law
    def test_a_refused_command_leaves_no_trace(self) -> None:
        """A command that is refused changes nothing about the next one."""
        provider = InProcess.of(self.case)
        before = provider.begin(provider.creation(CHAIRS))[1]
        refused = provider.refusal(lambda: provider.create(CHAIRS, extension={"no_such_field": 1}))
        assert refused is not None, "an unknown field of extensions was taken"
        pointer = f"/extensions/{self.case.adapter.name}/no_such_field"
        assert [error.pointer for error in refused.errors] == [pointer]
        assert provider.begin(provider.creation(CHAIRS))[1] == before

    def _modules(self) -> list[Path]:
        """The files of the adapter's package, its emulator's left out."""
        adapter = self.case.adapter
        home = type(adapter).__module__
        emulator = type(adapter.emulator(0)).__module__
        package = import_module(home.partition(".")[0])
        if not hasattr(package, "__path__"):
            return [Path(str(sys.modules[home].__file__))]
        theirs = ".".join(emulator.split(".")[:2])
        names = [found.name for found in walk_packages(package.__path__, f"{package.__name__}.")]
        own = [package.__name__, *(name for name in names if not f"{name}.".startswith(f"{theirs}."))]
        specs = [find_spec(name) for name in own]
        return [Path(spec.origin) for spec in specs if spec is not None and spec.origin]


def ended(plan: Plan, told: Conversation) -> Outcome | None:
    """Return the outcome of a plan with these responses; None if it has a further request."""
    try:
        for exchange in told.exchanges:
            plan.send(exchange.answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    return None


def _floats(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=float()) | ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return True
        case ast.Call(func=ast.Name(id="float" | "round")):
            return True
        case _:
            return False


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []
