"""The figures in the README, from the last run of the benchmark that was kept.

``uv run python -m tests.docs.benchmark`` writes them; a test holds them equal.
"""

from pathlib import Path

from campaigns.bench.report import markdown, read

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def benchmark() -> str:
    """Return the tables of the last run."""
    return markdown(read())


def in_readme() -> str:
    """Return the tables that stand in the README."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the tables into the README."""
    head, _, rest = README.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    README.write_text(f"{head}{BEGIN}\n{benchmark()}\n{END}{tail}")


if __name__ == "__main__":
    main()
