"""What people see in a terminal: what others wrote stands there as they wrote it, and does nothing."""

import pytest
from tests.unit.conftest import order_record, ordered_line

from ordergate.domain.assembly import order_from_record
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


@pytest.mark.parametrize(("after", "said"), [(0.0, "copying: 3 of 4\n"), (60.0, "")])
def test_progress_in_a_pipe(after: float, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What takes long is said in lines on stderr where no terminal is; what does not is not."""
    with progress("copying", after=after) as advance:
        advance(3, 4)

    assert capsys.readouterr() == ("", said)
