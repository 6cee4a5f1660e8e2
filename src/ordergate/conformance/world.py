"""Shuts the world out while an adapter runs: sockets, files, processes, and on request clocks and chance."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork",
              "http.", "urllib.", "sqlite3.", "tempfile.", "shutil.", "time.sleep")  # fmt: skip
"""Beginnings of audit events that an adapter has no business with."""
_CODE = (".py", ".so", ".pyd")
"""Opened by an import, which is no business of an adapter's either, but happens once."""
_CLOCKS_AND_CHANCE = frozenset({"time", "posix", "nt", "_random", "_socket", "_ssl", "select", "_sqlite3"})
"""Modules in C with functions for time, random numbers or the system."""
_NOW = frozenset({"now", "utcnow", "today"})


class WorldlyError(AssertionError):
    """The adapter reached for the world: it opened a socket, asked the time or drew a number."""


class _Watch(local):
    """Forbidden calls of the adapter's thread, and the calls that it made."""

    shut = False
    seen: list[str] = []  # noqa: RUF012 - replaced for each closing


_watch = _Watch()
_hooked: list[bool] = []


@contextmanager
def closed_world() -> Iterator[None]:
    """Forbid sockets, files and processes to this thread.

    Raises:
        WorldlyError: There was such a call, even if the adapter caught its failure.
    """
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_forbid)
    before = (_watch.shut, _watch.seen)
    _watch.shut, _watch.seen = True, []
    try:
        yield
    finally:
        seen = _watch.seen
        _watch.shut, _watch.seen = before
    if seen:
        raise WorldlyError(f"an adapter does no I/O; this one reached for {', '.join(sorted(set(seen)))}")


def _forbid(event: str, args: tuple[Any, ...]) -> None:
    if not _watch.shut or not (event == "open" or event.startswith(_FORBIDDEN)):
        return
    if event == "open" and any(suffix in str(args[0]) for suffix in _CODE):
        return
    _watch.seen.append(f"{event} {args[0]!r}"[:100] if args else event)
    raise WorldlyError(f"an adapter does no I/O; this one reached for {event}")


@contextmanager
def timeless_world() -> Iterator[None]:
    """Forbid clocks and randomness too. It is slow, because it checks every call of a C function.

    Raises:
        WorldlyError: Such a function was called.
    """
    seen: list[str] = []

    def look(_frame: object, event: str, function: Any) -> None:
        if event == "c_call" and _tells(function):
            seen.append(f"{_home(function)}.{function.__name__}")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        with closed_world():
            yield
    finally:
        sys.setprofile(before)
    if seen:
        calls = ", ".join(sorted(set(seen)))
        raise WorldlyError(f"an adapter receives the time and the nonce; this one called {calls}")


def _tells(function: Any) -> bool:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and owner.__module__ == "datetime":
        return function.__name__ in _NOW
    return _home(function) in _CLOCKS_AND_CHANCE


def _home(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    base = next((kind for kind in type(owner).__mro__ if kind.__module__ == "_random"), None)
    return "_random" if base is not None else str(getattr(function, "__module__", "") or "")
