"""The laws, a chapter a file."""
