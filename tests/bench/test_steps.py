"""Samples count for the innermost step that they are in, and the table of steps names what is in the source."""

import ast
import importlib.util
from pathlib import Path

import pytest
from campaigns.bench import step_table
from campaigns.bench.step_table import CLAIM, LOG, OTHER, SEND, SERVER, SETTLE, SOCKETS, Rule
from campaigns.bench.steps import innermost, samples, split

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "src", *sorted(ROOT.glob("adapters/*/src")), ROOT / "campaigns/bench/peers")

_RUN = "run (uvloop/__init__.py:92)"
_RECEIVE = "RequestResponseCycle.run_asgi (uvicorn/protocols/http/httptools_impl.py:422)"
_WRITE = "write (ordergate/gateway/writes/write.py:60)"
_LOG = "info (structlog/_native.py:137)"
_ENCODE = "JSONEncoder.encode (json/encoder.py:200)"
_STORE = "GroupWriter._carry_out (ordergate/journal/stores/group_commit.py:150)"


def test_a_function_without_a_rule_counts_for_its_caller() -> None:
    """The innermost call that has a rule counts, and not the innermost of all."""
    rules = step_table.GATEWAY

    assert innermost([_RUN, _RECEIVE, _WRITE, _LOG, _ENCODE], rules) == LOG
    assert innermost([_RUN, _RECEIVE, _WRITE, _ENCODE], rules) == CLAIM
    assert innermost([_RUN, "Runner.run (asyncio/runners.py:118)"], rules) == SOCKETS
    assert innermost(["main (somewhere.py:1)"], rules) == OTHER


def test_the_floor_is_a_script_whose_functions_are_known_by_its_name() -> None:
    """The sampler shows the path from where it was started."""
    call = "Sqlite.claim (campaigns/bench/peers/floor.py:88)"

    assert innermost([_RUN, call, "execute (sqlite3/x.py:1)"], step_table.FLOOR) == CLAIM
    assert innermost([_RUN, "ClientSession._request (aiohttp/client.py:1)"], step_table.FLOOR) == SEND


def test_steps_add_up_to_all_processor_time() -> None:
    """The main thread is split by samples, others count whole; claim and settle have halves of what they share."""
    seen = samples(
        [
            f"thread (1): MainThread;{_RUN};{_RECEIVE} 3",
            f"thread (1): MainThread;{_RUN};{_RECEIVE};{_STORE} 1",
            "thread (2): journal-writer;GroupWriter._run (ordergate/journal/stores/group_commit.py:77) 50",
            "thread (3): log-writer;LogWriter._run (ordergate/telemetry/log_writer.py:110) 50",
        ]
    )
    used = {1: 400.0, 2: 100.0, 3: 20.0, 4: 5.0}

    steps = split(seen, step_table.GATEWAY, used, main=1)

    assert steps == {SERVER: 300.0, CLAIM: 100.0, SETTLE: 100.0, LOG: 20.0, OTHER: 5.0}
    assert sum(steps.values()) == sum(used.values())


@pytest.mark.parametrize(
    "rule", dict.fromkeys((*step_table.GATEWAY, *step_table.FLOOR)), ids=lambda rule: rule.file
)
def test_the_table_names_what_is_in_the_source(rule: Rule) -> None:
    """A renamed function has to be renamed in the table, or its time would count for another step."""
    found = [folder / rule.file for folder in FOLDERS if (folder / rule.file).exists()]
    if not found:
        assert importlib.util.find_spec(rule.file.partition("/")[0]) is not None
        assert not rule.file.startswith("ordergate")
        return
    (file,) = found

    assert rule.functions <= _functions(file)


def _functions(file: Path) -> set[str]:
    if file.is_dir():
        return set()
    tree = ast.parse(file.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
