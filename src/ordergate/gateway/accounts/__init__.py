"""Accounts at providers: configuration, adapters, routing."""
