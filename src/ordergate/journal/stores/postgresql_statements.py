"""The text of PostgreSQL's statements: numbered parameters, and several statements in one."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from ordergate.journal.transaction import Batch, Query, RolledBack, Steps

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""The server's clock: that of a process would make its leases longer or shorter than others think."""
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_READS = re.compile(r"^\s*SELECT\b")
_RETURNS_ROWS = re.compile(r"^\s*SELECT\b|\bRETURNING\b")


class UsualCourse(NamedTuple):
    """A transaction that gets the usual answer to each of its queries.

    Attributes:
        queries: In their order.
        result: What the transaction returns then.
    """

    queries: tuple[Query | Batch, ...]
    result: Any


class Part(NamedTuple):
    """One of the statements that are combined.

    Attributes:
        sql: With named parameters.
        usual: The number of columns of the usual row; 0 if there usually is none.
    """

    sql: str
    usual: int


def usual_course(steps: Steps[Any], query: Query | Batch) -> UsualCourse | None:
    """Answer each query as usual, without a database; None if one of them has no usual answer.

    Args:
        steps: Of the transaction, which have started.
        query: The first.
    """
    queries: list[Query | Batch] = []
    try:
        while isinstance(query, Batch) or query.usual is not None:
            queries.append(query)
            query = steps.send([] if isinstance(query, Batch) else query.usual or [])
    except StopIteration as end:
        return UsualCourse(tuple(queries), end.value)
    except RolledBack:
        return None
    return None


def columns_of_usual_row(query: Query | Batch) -> int:
    """Return the number of columns of the usual row; 0 if there usually is none."""
    return len(query.usual[0]) if isinstance(query, Query) and query.usual else 0


@cache
def numbered(sql: str, first: int = 1) -> tuple[str, tuple[str, ...]]:
    """Replace named parameters by PostgreSQL's numbers from `first` on; return the names in their order, too."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name == "now":
            return _NOW
        if name not in names:
            names.append(name)
        return f"${names.index(name) + first}"

    return _PARAMETER.sub(number, sql), tuple(names)


@cache
def combined(parts: tuple[Part, ...]) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Combine statements into one that fails, and so changes nothing, unless each answer is the usual one.

    All parts see the database as it was before the first of them, but a lock waits for the latest row. So no part may
    read what another part writes.

    Returns:
        The statement, and the values that it takes, each as the number of its part and the name of the parameter. The
        values of the usual row have the numbers of its columns. The statement returns a row if each answer is the
        usual one, and else divides by zero. If only the first part writes, and gives no row, so does the statement.
    """
    given: list[tuple[int, str]] = []
    texts: list[str] = []
    conditions: list[str] = []
    for place, part in enumerate(parts):
        sql, names = numbered(part.sql, len(given) + 1)
        given += [(place, name) for name in names]
        columns = [f"c{number}" for number in range(part.usual)]
        texts.append(f"part{place}{_in_brackets(columns)} AS ({sql})")
        if not _RETURNS_ROWS.search(sql):
            continue
        equal = [f"{column} IS NOT DISTINCT FROM ${len(given) + n}" for n, column in enumerate(columns, 1)]
        given += [(place, str(number)) for number in range(part.usual)]
        is_usual = f"count(*) = 1 AND bool_and({' AND '.join(equal)})" if columns else "count(*) = 0"
        conditions.append(f"(SELECT {is_usual} FROM part{place})")  # noqa: S608 - of our own files
    usual = " AND ".join(conditions) or "true"
    only_first = parts[0].usual > 0 and all(_READS.search(part.sql) for part in parts[1:])
    rows = " FROM part0" if only_first else ""
    return f"WITH {', '.join(texts)} SELECT 1 / CASE WHEN {usual} THEN 1 ELSE 0 END{rows}", tuple(given)


def values(queries: Sequence[Query | Batch], given: Sequence[tuple[int, str]]) -> list[Any]:
    """Return the values that a combined statement takes."""
    return [_value(queries[place], name) for place, name in given]


def _value(query: Query | Batch, name: str) -> Any:
    if isinstance(query, Batch):
        return [each[name] for each in query.parameters]
    if name.isdecimal():
        return (query.usual or [()])[0][int(name)]
    return query.parameters[name]


def _in_brackets(columns: Sequence[str]) -> str:
    return f" ({', '.join(columns)})" if columns else ""
