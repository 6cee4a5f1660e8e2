"""The HTTP facade: the only code that knows what an HTTP status is to a caller."""
