"""The interface for adapters: everything that the author of an adapter needs."""
