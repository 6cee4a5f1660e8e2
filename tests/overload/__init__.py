"""What becomes of ten times too much: ``uv run python -m tests.overload``."""
