"""The configuration file: read, checked as a whole, and made into accounts and routes."""

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
