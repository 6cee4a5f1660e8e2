"""Finds the installed adapters by their entry points."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from ordergate.spi.adapter import Adapter

GROUP = "ordergate.adapters"


class AdapterClashError(Exception):
    """Two distributions register an adapter under one name."""


class AdapterMissingError(LookupError):
    """No installed distribution registers this adapter. The message names the package to install."""


@cache
def installed_adapters() -> Mapping[str, Adapter]:
    """Return every installed adapter by name, in alphabetical order.

    Raises:
        AdapterClashError: A name is registered twice.
    """
    found: dict[str, Adapter] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if entry.name in found:
            raise AdapterClashError(f"two installed distributions register the adapter {entry.name!r}")
        found[entry.name] = entry.load()
    return MappingProxyType(found)


def installed_adapter(name: str) -> Adapter:
    """Return one installed adapter.

    Raises:
        AdapterMissingError: It is not installed.
    """
    adapter = installed_adapters().get(name)
    if adapter is None:
        known = ", ".join(installed_adapters()) or "none"
        raise AdapterMissingError(
            f"There is no adapter {name!r}; installed: {known}. Install one with: pip install ordergate-{name}"
        )
    return adapter


@cache
def adapter_version(name: str) -> str:
    """Return the version of the distribution that registers an adapter; empty for one that none registers."""
    found = next((entry for entry in entry_points(group=GROUP) if entry.name == name), None)
    return found.dist.version if found is not None and found.dist is not None else ""
