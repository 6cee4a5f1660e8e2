"""ordergate's adapter for Rapyd Collect orders."""

from ordergate_rapyd.adapter import RapydAdapter

adapter = RapydAdapter()

__all__ = ["RapydAdapter", "adapter"]
