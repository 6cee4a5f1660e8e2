"""Cursors that callers pass back unread."""

import re
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import provider_order

from ordergate.domain.errors import Problem
from ordergate.spi.paging import Cursor, page, read_cursor, write_cursor

directions = st.sampled_from(["after", "before"])
ORDERS = [provider_order(provider_order_id=f"order_{n}") for n in range(3)]


@given(direction=directions, identifier=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cursor_comes_back_as_it_was(direction: str, identifier: str) -> None:
    """Any id survives the way through a cursor, which is safe in a URL."""
    cursor = Cursor(direction, identifier)  # type: ignore[arg-type]

    text = write_cursor(cursor)

    assert cursor == read_cursor(text)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)


def test_no_cursor_is_the_first_page() -> None:
    """Without a cursor the list begins at its beginning."""
    assert read_cursor(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "order_1",
        "ord_0190",
        "====",
        "ä",
        "\ud800",
        "a" * 10_000,
        *(
            urlsafe_b64encode(document).decode().rstrip("=")
            for document in (
                b"null",
                b"[]",
                b'["after"]',
                b'["sideways","order_1"]',
                b'["after",1]',
                b'["after","order_1","more"]',
                b'{"direction":"after","id":"order_1"}',
                b'["after","\xff"]',
                b'["after","order_1"',
                b"[" * 5000,
            )
        ),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_no_page_answered_is_refused(text: str) -> None:
    """Anything that is no cursor of ours is the caller's error, with the parameter's name."""
    with pytest.raises(Problem) as refused:
        read_cursor(text)

    assert (refused.value.code, refused.value.errors[0].pointer) == ("invalid_request", "/cursor")


@given(text=st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text is a cursor or is refused as none."""
    try:
        told = read_cursor(text)
    except Problem as problem:
        told = problem.errors[0].code

    assert told == "invalid_cursor" or isinstance(told, Cursor)


@pytest.mark.parametrize(
    ("cursor", "has_more", "onwards", "back"),
    [
        (None, False, None, None),
        (None, True, Cursor("after", "order_2"), None),
        (Cursor("after", "order_9"), True, Cursor("after", "order_2"), Cursor("before", "order_0")),
        (Cursor("after", "order_9"), False, None, Cursor("before", "order_0")),
        (Cursor("before", "order_9"), True, Cursor("after", "order_2"), Cursor("before", "order_0")),
        (Cursor("before", "order_9"), False, Cursor("after", "order_2"), None),
    ],
)
def test_a_page_points_both_ways(
    cursor: Cursor | None, has_more: bool, onwards: Cursor | None, back: Cursor | None
) -> None:
    """A page names its last row to go on and its first to go back, where there is something to find."""
    made = page(ORDERS, cursor, has_more=has_more)

    assert (onwards, back) == (read_cursor(made.next_cursor), read_cursor(made.previous_cursor))
    assert (tuple(ORDERS), has_more) == (made.orders, made.has_more)


def test_an_empty_page_points_nowhere() -> None:
    """Where no row came there is none to go on from."""
    made = page([], Cursor("after", "order_9"), has_more=False)

    assert (made.next_cursor, made.previous_cursor, made.orders) == (None, None, ())
