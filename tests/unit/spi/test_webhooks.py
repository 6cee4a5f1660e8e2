"""What is read of strangers: one header, one time, one document, and nothing that a journal could not keep."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ordergate.domain.errors import Problem
from ordergate.spi.webhooks import (
    ReceivedWebhook,
    instant,
    named_operations,
    plain_text,
    read_document,
    refuse_untimely,
    required_text,
    single_header,
    unix_seconds,
)

OPERATION = "op_0198f3c29a6b7000800000000000abcd"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "missing"),
        ((), "missing"),
        (("",), "missing"),
        (("a", "a"), "more than once"),
        (("", "a"), "more than once"),
        (("caf\xe9",), "characters"),
        (("\u0661",), "characters"),
        (("\udcff",), "characters"),
        (("a\tb",), "characters"),
        (("a\x7f",), "characters"),
    ],
)
def test_header_is_there_once(values: tuple[str, ...] | None, said: str) -> None:
    """A header that proves something is one value of printable ASCII, or the delivery is refused."""
    with pytest.raises(Problem, match=said):
        single_header(ReceivedWebhook(headers={} if values is None else {"x": values}, body=b""), "x")


def test_header_is_kept_as_it_is() -> None:
    """Blanks around it belong to it."""
    assert single_header(ReceivedWebhook(headers={"x": (" a b ",)}, body=b""), "x") == " a b "


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1763478200", 1_763_478_200),
        ("0", 0),
        ("999999999999", 999_999_999_999),
        *(
            (text, None)
            for text in ("", "01", "00", "-1", "+1", "1.0", "1e9", "1_0", " 1", "\u0661", "\u00b2", "9" * 13)
        ),
    ],
)
def test_seconds_are_plain(text: str, seconds: int | None) -> None:
    """One number has one notation."""
    assert unix_seconds(text) == seconds


@pytest.mark.parametrize(("signed_at", "said"), [(899, "101 seconds ago"), (1011, "11 seconds ahead")])
def test_what_is_untimely_is_refused(signed_at: int, said: str) -> None:
    """The limits themselves pass."""
    refuse_untimely(900, 1000, past=100, ahead=10)
    refuse_untimely(1010, 1000, past=100, ahead=10)
    with pytest.raises(Problem, match=said):
        refuse_untimely(signed_at, 1000, past=100, ahead=10)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"id": "\xc3\x28"}', "invalid_json"),
        (b'{"id": "\\ud800"}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_request"),
        (b"null", "invalid_request"),
    ],
)
def test_only_an_object_is_read(body: bytes, code: str) -> None:
    """Everything else is a problem, and none an exception of the reader's."""
    with pytest.raises(Problem) as raised:
        read_document(body)
    assert raised.value.code == code


@pytest.mark.parametrize("value", [None, 7, "", "a\0b", "a\nb", "a" * 256, [], {}])
def test_id_is_what_the_journal_can_keep(value: Any) -> None:
    """An id is printable text of a bounded length; the problem points at it."""
    assert plain_text(value) is None
    with pytest.raises(Problem) as raised:
        required_text({"id": value}, "id")
    assert [error.pointer for error in raised.value.errors] == ["/id"]
    assert required_text({"id": "a" * 255}, "id") == "a" * 255


def test_instant_is_a_time_or_none() -> None:
    """Whole seconds within the calendar are a time, and nothing else is."""
    assert instant(1_763_478_200) == datetime(2025, 11, 18, 15, 3, 20, tzinfo=UTC)
    assert [instant(value) for value in (None, True, 1.5, "1763478200", 10**18, -(10**18))] == [None] * 6


def test_operations_are_ours() -> None:
    """Marks and provider keys name an operation once each; what has another form names none."""
    texts = (f"{OPERATION}-2", OPERATION, None, 7, "", "op_1", "order-1", OPERATION.upper(), f"x{OPERATION}")
    assert named_operations(*texts) == (OPERATION,)
