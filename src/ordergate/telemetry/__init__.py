"""Logs, metrics, traces, and what must not appear in them."""
