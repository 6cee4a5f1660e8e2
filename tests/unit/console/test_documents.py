"""Documents on pages: exact, short enough, and with nothing in them that works unseen."""

import pytest

from ordergate.console.documents import fitted, laid_out, position, weight


@pytest.mark.parametrize(
    "literal", ["1e2", "200.50", "1.0", "41000", "0.1000000000000000055511151231257827", "-0"]
)
def test_numbers_stay_as_they_were_written(literal: str) -> None:
    """No digit is added, lost or rounded, and a name that stands twice stays twice."""
    assert laid_out(f'{{"a":{literal},"a":1}}') == f'{{\n  "a": {literal},\n  "a": 1\n}}'


@pytest.mark.parametrize("body", ["", "***", "<html>", '{"cut":', "[" * 100_000])
def test_what_is_no_json_stays_as_it_is(body: str) -> None:
    """A page of HTML, stars and a document that was cut off are shown as they came."""
    assert laid_out(body) == body


@pytest.mark.parametrize("text", ["", "x" * 50, '"' * 50, "é" * 50, '<"é👩' * 20])
@pytest.mark.parametrize("room", [0, 1, 7, 50, 100, 5000])
def test_a_text_takes_no_more_than_its_room(text: str, room: int) -> None:
    """As much of it as the page's source has room for, and what is left is counted."""
    shown = fitted(text, room)

    assert weight(shown.text) <= room
    assert text.startswith(shown.text)
    assert len(shown.text) + shown.left_out == len(text)
    assert not shown.left_out or weight(text[: len(shown.text) + 1]) > room


def test_what_turns_the_direction_is_replaced() -> None:
    """A mark that would turn what stands around it is seen as one."""
    assert fitted("a\u202eb", 100).text == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("document", "complaint", "place"),
    [
        (b'{\n "a": x}', "invalid character (byte 8)", " That is line 2, column 7."),
        ('{"é": x}'.encode(), "invalid character (byte 7)", " That is line 1, column 7."),
        (b"", "Input data was truncated", ""),
    ],
)
def test_a_complaint_has_its_place(document: bytes, complaint: str, place: str) -> None:
    """A byte is where a person finds it: in a line and a column."""
    assert position(document, complaint) == place
