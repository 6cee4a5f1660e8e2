"""One HTTP API for orders in front of several payment providers."""
