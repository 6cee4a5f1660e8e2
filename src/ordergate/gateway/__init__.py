"""The use cases: one verb per file. What they need from outside stands in ``ports``."""
