"""The way to the providers: the only code that imports an HTTP client."""
