"""ordergate's adapter for RevKeen v2 orders."""

from ordergate_revkeen.adapter import RevKeenAdapter

adapter = RevKeenAdapter()

__all__ = ["RevKeenAdapter", "adapter"]
