"""How transactions speak to a store: they yield queries and are sent their rows."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Row = Sequence[Any]
Rows = Sequence[Row]


class Query(NamedTuple):
    """One statement, by its name in statements.sql or as text, and its named parameters.

    Attributes:
        enough: Where it is the first of its transaction and returns rows, it is the only one.
    """

    statement: str
    parameters: dict[str, Any]
    enough: bool = False


class Batch(NamedTuple):
    """One statement for each of many sets of parameters; it is answered with no rows.

    PostgreSQL takes them as arrays, one for each parameter, by a statement whose name ends with ``_batch``.
    """

    statement: str
    parameters: list[dict[str, Any]]


Transaction = Generator[Query | Batch, Rows, T]


class RolledBack(Exception):  # noqa: N818 - it is how a transaction ends, and no error
    """Ends a transaction with nothing changed; `result` is what it returns all the same."""

    def __init__(self, result: Any) -> None:
        """Keep the result."""
        super().__init__()
        self.result = result
