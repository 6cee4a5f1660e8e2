"""Reads the configuration file, checks it as a whole, and builds accounts and routes from it."""

from ordergate.settings.document import (
    DEFAULT_FILE,
    Settings,
    environment_warnings,
    find_file,
    load_settings,
    networks_of,
    rules_of,
    shipped_file,
)

__all__ = [
    "DEFAULT_FILE",
    "Settings",
    "environment_warnings",
    "find_file",
    "load_settings",
    "networks_of",
    "rules_of",
    "shipped_file",
]
