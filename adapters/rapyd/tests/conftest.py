"""What the adapter's tests share."""

import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise AssertionError("an adapter opens no socket")


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every attempt to open a socket, or to look a name up, fail the test."""
    with monkeypatch.context() as patched:
        for name in ("socket", "create_connection", "socketpair", "getaddrinfo", "gethostbyname"):
            patched.setattr(socket, name, _refuse)
        yield
