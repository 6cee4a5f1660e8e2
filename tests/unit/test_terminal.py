"""What people see in a terminal: what others wrote stands there as they wrote it, and does nothing."""

import io
import json
import re
from pathlib import Path

import msgspec
import pytest
import structlog
from tests.unit.conftest import order_record, ordered_line

from ordergate.cli import session
from ordergate.cli.session import fail, fail_with, print_json
from ordergate.domain.assembly import order_from_record
from ordergate.domain.errors import FieldError, Problem
from ordergate.telemetry.log import configure_logging
from ordergate.terminal import plain, progress, show_order, show_rows


@pytest.mark.parametrize("text", ["[b]bold[/b]", "[/]", "[link=http://x.test]here[/link]"])
def test_brackets_are_brackets(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A description, a reference or a cell with brackets is shown whole, and breaks nothing."""
    show_order(order_from_record(order_record(reference=text, lines=[ordered_line(description=text)])))
    show_rows(("name",), [(text,)], "none")

    assert capsys.readouterr().out.count(text) == 3


def test_control_characters_do_nothing() -> None:
    """A terminal is told nothing by what others wrote."""
    assert plain("a\x1b[2Jb\nc") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"


NASTY = "a\x1b]0;owned\x07b\x9b31mc\u202ed\r\n2026-01-01 forged\U000e0041"


def _harmless(printed: str) -> bool:
    return all(letter.isprintable() for letter in printed.replace("\n", ""))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refusal_is_told_line_by_line(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """What a provider says in a refusal moves no cursor, turns no line around and makes no line of its own."""
    errors = (FieldError(pointer=f"/{NASTY}", code="invalid_value", detail=NASTY),)
    problem = Problem("provider_rejected", NASTY, errors=errors, operation="op_1")

    with pytest.raises(SystemExit):
        fail(problem, as_json=as_json)

    printed = capsys.readouterr()
    assert _harmless(printed.out + printed.err)
    if as_json:
        assert json.loads(printed.out)["detail"] == NASTY
    else:
        assert len(printed.err.splitlines()) == 3


def test_what_is_wrong_with_a_configuration_is_told_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A file may hold anything, too."""
    with pytest.raises(SystemExit):
        fail_with([NASTY, NASTY], as_json=False)

    printed = capsys.readouterr()
    assert _harmless(printed.err)
    assert len(printed.err.splitlines()) == 2


def test_json_is_the_same_document(capsys: pytest.CaptureFixture[str]) -> None:
    """In JSON such characters are escaped, others stay as they are."""
    print_json(msgspec.json.encode({"text": NASTY, "name": "Müller 日本 😀"}))

    printed = capsys.readouterr().out
    assert json.loads(printed) == {"text": NASTY, "name": "Müller 日本 😀"}
    assert _harmless(printed)
    assert "Müller 日本 😀" in printed


def test_a_log_on_a_terminal_is_told_line_by_line() -> None:
    """A person who reads along sees what a provider wrote, and is told nothing by it."""
    stream = io.StringIO()
    before = structlog.get_config()
    try:
        configure_logging("console", "info", stream)
        log = structlog.get_logger("test")
        log.info("provider.attempt", error=NASTY, bare=NASTY.replace(" ", ""), listed=[NASTY])
        log.error("adapter.failed", exc_info=ValueError(NASTY))
    finally:
        structlog.configure(**before)

    written = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())  # the colours are ours
    assert "adapter.failed" in written
    assert _harmless(written)
    assert not [line for line in written.splitlines() if line.startswith("2026-01-01 forged")]


def test_commands_print_through_one_place() -> None:
    """No command writes to the terminal itself: what others wrote is made harmless in one place."""
    folder = Path(session.__file__).parent
    calls = {
        file.name: [
            line.strip()
            for line in file.read_text().splitlines()
            if re.search(r"\b(click\.echo|print)\(", line)
        ]
        for file in folder.glob("*.py")
        if file.name != "session.py"
    }
    printing = {name: lines for name, lines in calls.items() if lines}
    allowed = re.compile(
        r"(screen|console\(\))\.print\(|_print\(|def _print|click\.echo\((csv_|b\W|printable_json\()"
    )

    assert {
        name: [line for line in lines if not allowed.search(line)] for name, lines in printing.items()
    } == {name: [] for name in printing}


@pytest.mark.parametrize(("after", "said"), [(0.0, "copying: 3 of 4\n"), (60.0, "")])
def test_progress_in_a_pipe(after: float, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What takes long is said in lines on stderr where no terminal is; what does not is not."""
    with progress("copying", after=after) as advance:
        advance(3, 4)

    assert capsys.readouterr() == ("", said)
