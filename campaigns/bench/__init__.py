"""Figures, not proofs: ``uv run python -m campaigns.bench``."""
