"""Answers that no documentation promises, made of nothing or of a good one."""

import json
from collections.abc import Iterator
from typing import Any

WHOLE: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'"text"',
    b"[]",
    b"{}",
    b"NaN",
    b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbf{}",
    b'{"id": "\xc3\x28"}',
    b'{"id": "\\ud800"}',
    b'{"error": "something went wrong"}',
    b'{"error": null, "message": null, "code": null, "status": null, "data": null}',
    b'{"error": [], "message": [], "code": {}, "status": [], "data": []}',
    b'{"error": {"code": 7, "message": {}, "param": [], "request_id": 1}, "status": {"error_code": 7}}',
    b'{"error": {"code": null, "message": "x", "param": "a[[0].b..c"}, "status": 5}',
    b'{"status": {}, "data": {}}',
)
"""Bodies without a readable order or refusal."""

DEEP: tuple[bytes, ...] = (
    b"[" * 100_000,
    b'{"data":' * 100_000,
    b'{"error":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"id":' + b"9" * 5_000 + b"}",
)
"""Bodies that exhaust a careless reader."""

ODD_HEADERS: tuple[dict[str, str], ...] = (
    {},
    *({"retry-after": value} for value in ("", "0", "-5", "1.5", "soon", "²", "٣", "9" * 20, "9" * 5_000)),
)
"""Headers that any response may have."""

STRANGER = "a_value_of_2031"
"""A word that no documentation of today knows."""

_WRONG: tuple[Any, ...] = (
    None, "", STRANGER, -1, 0, 1.5, True, [], {}, [None], {"nested": {"deeper": [1]}},
    10**18, 10**30, "\U0001f600" * 50, "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
)  # fmt: skip


def truncated(good: bytes) -> Iterator[bytes]:
    """Return beginnings of a good answer."""
    for part in range(1, 8):
        yield good[: len(good) * part // 8]
    yield good[:-1]


def spoiled(good: bytes) -> Iterator[bytes]:
    """Return the answer with each of its values in turn replaced or left out."""
    document = json.loads(good)
    for path in list(_paths(document)):
        for wrong in _WRONG:
            yield _encoded(_with(document, path, wrong))
        yield _encoded(_without(document, path))


def strange(good: bytes) -> Iterator[bytes]:
    """Return the answer with each of its texts in turn replaced by a word that is not known yet."""
    document = json.loads(good)
    for path in list(_paths(document)):
        if isinstance(_at(document, path), str):
            yield _encoded(_with(document, path, STRANGER))


def extended(good: bytes) -> bytes:
    """Return the answer with new members in every object that the provider defines."""
    return _encoded(_extended(json.loads(good)))


Path = tuple[str | int, ...]


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield (*path, key)
        yield from _paths(member, (*path, key))


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def _with(document: Any, path: Path, value: Any) -> Any:
    head, *rest = path
    copy: Any = document.copy()
    copy[head] = _with(document[head], tuple(rest), value) if rest else value
    return copy


def _without(document: Any, path: Path) -> Any:
    head, *rest = path
    copy: Any = document.copy()
    if rest:
        copy[head] = _without(document[head], tuple(rest))
    else:
        del copy[head]
    return copy


def _extended(value: Any, name: str = "") -> Any:
    """Metadata is the merchant's. If all members are numbers they are data, and a new one is a number."""
    if isinstance(value, list):
        return [_extended(member) for member in value]
    if not isinstance(value, dict) or name == "metadata":
        return value
    if value and all(type(member) is int for member in value.values()):
        return {**value, "new_member": 2031}
    members = {key: _extended(member, key) for key, member in value.items()}
    return {**members, "new_member": "2031", "new_object": {"nested": [1, None, {}]}}


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()
