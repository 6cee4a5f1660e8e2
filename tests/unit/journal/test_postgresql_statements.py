"""Several statements in one, and the course that a transaction usually takes."""

from typing import Any

import pytest

from ordergate.journal.stores.postgresql_statements import (
    Part,
    combined,
    numbered,
    usual_course,
    values,
)
from ordergate.journal.transaction import Batch, Query, RolledBack, Steps

UPDATE = "UPDATE orders SET record = :record WHERE id = :id RETURNING revision"
INSERT = "INSERT INTO events (id, record) VALUES (:id, :record)"
SELECT = "SELECT revision FROM orders WHERE id = :id"


def _course(steps: Steps[Any]) -> Any:
    return usual_course(steps, next(steps))


def test_parameters_are_numbered_by_their_first_place() -> None:
    """A name has one number, from any first number on; a cast is no name."""
    assert numbered("SELECT :a, :b, :a, :a::text") == ("SELECT $1, $2, $1, $1::text", ("a", "b"))
    assert numbered("SELECT :a, :b", 4) == ("SELECT $4, $5", ("a", "b"))


def test_a_transaction_with_usual_answers_has_a_usual_course() -> None:
    """Each query is answered as usual, a batch with no rows, and the result is the one of these answers."""
    update, insert = Query("update", {"id": 1}, usual=[(7,)]), Batch("insert", [{"id": 1}])

    def steps() -> Steps[object]:
        rows = yield update
        nothing = yield insert
        return rows, nothing

    assert _course(steps()) == ((update, insert), ([(7,)], []))


def test_one_query_without_a_usual_answer_leaves_no_course() -> None:
    """Nor does a transaction that is rolled back in its usual course."""

    def asks() -> Steps[None]:
        yield Query("update", {}, usual=[(7,)])
        yield Query("select", {})

    def gives_up() -> Steps[None]:
        yield Query("update", {}, usual=[])
        raise RolledBack(None)

    assert _course(asks()) is None
    assert _course(gives_up()) is None


def test_combined_statements_compare_each_answer() -> None:
    """Each statement has numbers of its own; one that returns no rows is not compared."""
    sql, given = combined((Part(UPDATE, 1), Part(INSERT, 0), Part(SELECT, 0)))

    assert sql == (
        "WITH part0 (c0) AS (UPDATE orders SET record = $1 WHERE id = $2 RETURNING revision), "
        "part1 AS (INSERT INTO events (id, record) VALUES ($4, $5)), "
        "part2 AS (SELECT revision FROM orders WHERE id = $6) "
        "SELECT 1 / CASE WHEN (SELECT count(*) = 1 AND bool_and(c0 IS NOT DISTINCT FROM $3) FROM part0) "
        "AND (SELECT count(*) = 0 FROM part2) THEN 1 ELSE 0 END"
    )
    queries = (
        Query("update", {"record": "r", "id": 1}, usual=[(7,)]),
        Batch("insert", [{"id": 2, "record": "s"}, {"id": 3, "record": "t"}]),
        Query("select", {"id": 4}, usual=[]),
    )
    assert values(queries, given) == ["r", 1, 7, [2, 3], ["s", "t"], 4]


@pytest.mark.parametrize(
    ("parts", "quiet"),
    [
        ((Part(UPDATE, 1),), True),
        ((Part(UPDATE, 1), Part(SELECT, 1)), True),
        ((Part(UPDATE, 1), Part(INSERT, 0)), False),
        ((Part(INSERT, 0), Part(SELECT, 0)), False),
    ],
)
def test_a_first_write_that_finds_no_row_fails_only_beside_other_writes(
    parts: tuple[Part, ...], quiet: bool
) -> None:
    """Alone it has changed nothing, so the statement returns no row, and is no error in the server's log."""
    assert combined(parts)[0].endswith(" END FROM part0") is quiet
