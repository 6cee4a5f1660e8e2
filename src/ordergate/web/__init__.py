"""The HTTP API: the only code that chooses HTTP statuses."""
