"""Orders arrive continuously while accounts are switched, or fail: ``uv run python -m campaigns.switching``."""
