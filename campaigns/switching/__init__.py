"""Orders come in without a pause while accounts are switched, or fail: ``uv run python -m campaigns.switching``."""
