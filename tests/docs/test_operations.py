"""OPERATIONS.md tells what the gateway tells."""

from pathlib import Path

from ordergate.domain.lifecycle import WAYS_OUT

OPERATIONS = Path(__file__).parents[2] / "config" / "OPERATIONS.md"


def test_the_ways_out_of_a_review_are_those_that_refusals_name() -> None:
    """Each reason has its row, word for word."""
    rows = [line for line in OPERATIONS.read_text().splitlines() if line.startswith("| `")]

    assert [f"| `{reason}` | {text} |" for reason, text in WAYS_OUT.items()] == [
        row for row in rows if row.split("`")[1] in set(WAYS_OUT)
    ]
