"""How a write acts at most once: claim, attempt, outcome, recovery."""
