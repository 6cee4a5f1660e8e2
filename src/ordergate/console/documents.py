"""Requests and responses for display: laid out, digit by digit, up to a size. Pure."""

import re
from bisect import bisect_right
from collections.abc import Mapping

import msgspec
from markupsafe import escape

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.console.formats import shown

_BYTE = re.compile(r"\(byte ([0-9]+)\)")


class Fitted(msgspec.Struct, frozen=True):
    """A text, and how many of its characters had no room."""

    text: str
    left_out: int = 0


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A request or an answer; `line` is its first line, such as ``POST /v1/orders`` or ``201``."""

    line: str
    headers: Fitted
    body: Fitted


def request_shown(request: RequestDocument, room: int) -> Spoken:
    """Return a request for a page; see :func:`fitted`."""
    return _spoken(shown(f"{request.method} {request.path}", 300), request.headers, request.body, room)


def answer_shown(answer: AnswerDocument, room: int) -> Spoken:
    """Return an answer for a page; see :func:`fitted`."""
    return _spoken(str(answer.status), answer.headers, answer.body, room)


def laid_out(body: str) -> str:
    """Return JSON with one value on a line, each number and text as it was written; anything else as it is."""
    try:
        return msgspec.json.format(body.encode(), indent=2).decode()
    except (msgspec.DecodeError, RecursionError):
        return body


def fitted(text: str, room: int) -> Fitted:
    """Return as much of a text as has room on a page, with nothing in it that works unseen.

    Args:
        text: Foreign text.
        room: Bytes of the page's source; a quotation mark takes five.
    """
    seen = shown(text[:room], room)
    length = bisect_right(range(1, len(seen) + 1), room, key=lambda end: weight(seen[:end]))
    return Fitted(seen[:length], len(text) - length)


def weight(text: str) -> int:
    """Return how many bytes a text takes in a page's source."""
    return len(escape(text).encode())


def position(document: bytes, complaint: str) -> str:
    """Return the line and the column of a decoder's error; empty if it has none."""
    named = _BYTE.search(complaint)
    if named is None:
        return ""
    before = document[: int(named[1])].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return f" That is line {line}, column {column}."


def _spoken(line: str, headers: Mapping[str, str], body: str, room: int) -> Spoken:
    listed = "\n".join(f"{name}: {value}" for name, value in headers.items())
    return Spoken(line=line, headers=fitted(listed, room // 3), body=fitted(laid_out(body), room))
