"""Figures, not proofs: ``uv run python -m tests.bench``."""
