"""Reads the numbered schema files and the named statements beside them."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_SQL = files(__package__) / "sql"
_MARK = "-- name: "


@cache
def statements() -> Mapping[str, str]:
    """Return every named statement."""
    blocks = (_SQL / "statements.sql").read_text().split(_MARK)[1:]
    named = (block.partition("\n") for block in blocks)
    return MappingProxyType({name.strip(): body.strip() for name, _, body in named})


@cache
def migrations() -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the schema files in order: the number of each, and its statements."""
    numbered = sorted(file.name for file in _SQL.iterdir() if file.name[:4].isdigit())
    return tuple((int(name[:4]), _split((_SQL / name).read_text())) for name in numbered)


def _split(script: str) -> tuple[str, ...]:
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return tuple(statement.strip() for statement in code.split(";") if statement.strip())
