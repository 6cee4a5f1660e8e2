"""What becomes of ten times too much: ``uv run python -m campaigns.overload``."""
