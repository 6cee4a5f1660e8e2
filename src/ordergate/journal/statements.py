"""Reads the numbered schema files and the named statements of each database."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Database = Literal["sqlite", "postgresql"]

_SQL = files(__package__) / "sql"
_MARK = "-- name: "


@cache
def statements(database: Database) -> Mapping[str, str]:
    """Return every named statement: those that both databases share, and this one's own."""
    named: dict[str, str] = {}
    for folder in (_SQL, _SQL / database):
        for file in folder.iterdir():
            if file.name.endswith(".sql") and not file.name[:4].isdigit():
                named |= _named(file.read_text())
    return MappingProxyType(named)


@cache
def migrations(database: Database) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the schema files in order: the number of each, and its statements."""
    folder = _SQL / database
    numbered = sorted(file.name for file in folder.iterdir() if file.name[:4].isdigit())
    return tuple((int(name[:4]), _split((folder / name).read_text())) for name in numbered)


def newer_schema(place: str, version: int, newest: int) -> str:
    """Return the refusal of a database that a later release has upgraded."""
    return (
        f"{place} has schema {version}, made by a later release; this one knows up to {newest}. "
        "Run the release that upgraded it."
    )


def _named(text: str) -> dict[str, str]:
    blocks = (block.partition("\n") for block in text.split(_MARK)[1:])
    return {name.strip(): _without_comments(body).strip().rstrip(";") for name, _, body in blocks}


def _split(script: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _without_comments(script).split(";") if part.strip())


def _without_comments(script: str) -> str:
    return "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("--"))
