"""Test and live: two modes that never meet."""

from typing import Literal

World = Literal["test", "live"]
"""Test keys and live keys see two separate worlds: orders, operations, references, links."""
