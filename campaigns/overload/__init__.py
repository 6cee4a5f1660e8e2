"""The gateway under ten times its capacity: ``uv run python -m campaigns.overload``."""
