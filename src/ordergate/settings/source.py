"""Reads a configuration file, and finds places in it: bytes in, a document and its lines out."""

import io
import os
import re
import select
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ordergate.domain.errors import FieldError
from ordergate.gateway.accounts.configuration import ConfigurationError
from ordergate.host.blocking import run_within

MAX_BYTES = 2**20
"""Maximum size: a larger file is a mistake, or endless."""

FILES_TIMEOUT = 5.0
"""Seconds for all files of one configuration; a local disk takes milliseconds."""

_GRACE = 0.25
_NO_WAIT = os.O_NONBLOCK | os.O_NOCTTY

T = TypeVar("T")

_KEY_PART = re.compile(r"""\"([^"]*)\"|'([^']*)'|([^.\s"'\[\]]+)""")
_LINE_OF_ERROR = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The text of a file, for its lines, and its document."""

    file: Path
    text: str
    content: dict[str, Any]

    def sentence(self, error: FieldError, overrides: Mapping[str, str]) -> str:
        """Return an error with its place: the line in the file, or the overriding variable.

        Args:
            error: The error, with a pointer into the document.
            overrides: The environment variable of each overridden value, by pointer.
        """
        path = [part.replace("~1", "/").replace("~0", "~") for part in error.pointer.split("/")[1:]]
        variable = overrides.get(error.pointer)
        if variable is not None:
            place = f"the environment variable {variable}"
        else:
            place = f"{self.file}:{line_of(self.text, path)}"
        return f"{place}: {'.'.join(path) or 'the file'}: {error.detail}"


class Files:
    """Reads the files of one configuration: so much of each, and all of them in a limited time.

    A file may be a pipe without a writer, or be on a mount that hangs.
    """

    def __init__(self) -> None:
        """Begin to count the time."""
        self._ends_at = time.monotonic() + FILES_TIMEOUT

    def read(self, file: Path, size: int) -> bytes:
        """Read a file, but never much more of it than it may have.

        Raises:
            OSError: It cannot be read, or not in time.
            ValueError: It is larger.
        """
        ends_at = time.monotonic() + self._left()
        content = self.run(lambda: _read(file, size, ends_at))
        if len(content) > size:
            raise ValueError(f"it is larger than {size} bytes")
        return content

    def run(self, work: Callable[[], T]) -> T:
        """Do some work that reads files.

        Raises:
            TimeoutError: It did not end in time.
        """
        try:
            return run_within(self._left() + _GRACE, work)
        except TimeoutError as error:
            raise TimeoutError(f"nothing was read within {FILES_TIMEOUT:g} seconds") from error

    def _left(self) -> float:
        """The remaining time. A fast read is allowed even if slow ones have used up the time."""
        return max(self._ends_at - time.monotonic(), _GRACE)


def _read(file: Path, size: int, ends_at: float) -> bytes:
    """Read a file, and wait no longer in it than it may take: a pipe waits for its writer for ever."""
    content = bytearray()
    with io.FileIO(file, opener=lambda path, flags: os.open(path, flags | _NO_WAIT)) as stream:
        waiting = select.poll()
        waiting.register(stream, select.POLLIN)
        while len(content) <= size:
            if not waiting.poll(max(ends_at - time.monotonic(), 0) * 1000):
                raise TimeoutError
            chunk = stream.read(size + 1 - len(content))
            if chunk == b"":
                break
            content += chunk or b""
    return bytes(content)


def read_source(file: Path, files: Files) -> Source:
    """Read a TOML file.

    Raises:
        ConfigurationError: It cannot be read, is too large, is not UTF-8 or not TOML.
    """
    try:
        content = files.read(file, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"{file}: cannot be read: {error}"]) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            [f"{file}:{line}: not UTF-8: {error.reason} ({content[error.start]:#04x})"]
        ) from error
    try:
        return Source(file=file, text=text, content=tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_not_toml(file, text, str(error))]) from error
    except RecursionError as error:
        raise ConfigurationError([f"{file}:1: not valid TOML: it is nested too deeply"]) from error


def _not_toml(file: Path, text: str, reason: str) -> str:
    match = _LINE_OF_ERROR.search(reason)
    if match is None:
        last = text.rstrip("\n").count("\n") + 1
        return f"{file}:{last}: not valid TOML: {reason}"
    return f"{file}:{match[1]}: not valid TOML: {reason[: match.start()]} (column {match[2]})"


def line_of(text: str, path: list[str]) -> int:
    """Return the line of a key, or of the table that lacks it; 1 if neither is found."""
    best: tuple[int, int] = (0, 1)
    table: list[str] = []
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = here = _table(_header(stripped), seen, another=stripped.startswith("[["))
        elif "=" in stripped and not stripped.startswith("#"):
            here = [*table, *_header(stripped.partition("=")[0].strip())]
        else:
            continue
        shared = min(len(here), len(path))
        depth = shared if path[:shared] == here[:shared] else 0
        if depth > best[0]:
            best = (depth, number)
    return best[1]


def _table(header: list[str], seen: Counter[str], *, another: bool) -> list[str]:
    """The path of a table: below an array of tables it belongs to the array's last one."""
    path: list[str] = []
    for depth, part in enumerate(header, start=1):
        path.append(part)
        name = ".".join(path)
        if depth == len(header) and another:
            seen[name] += 1
        if seen[name]:
            path.append(str(seen[name] - 1))
    return path


def _header(text: str) -> list[str]:
    """The parts of a table's header or a key: ``[accounts.main]`` is ``accounts``, ``main``."""
    return ["".join(part) for part in _KEY_PART.findall(text.split("#", maxsplit=1)[0])]
