"""The laws that every adapter obeys, as tests that its author runs offline against its own emulator.

An author writes one class; pytest makes a test of each law::

    class TestMine(Conformance):
        case = Case(adapter=adapter, facts=facts)

``pip install 'ordergate[kit]'`` installs the dependencies of the kit. Imports are lazy: pytest loads this package in
every run of an environment that has it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ordergate.conformance.case import Case, Facts, GenuineWebhook
    from ordergate.conformance.driver import MERCHANT, Conversation, Exchange, InProcess
    from ordergate.conformance.kit import LAWS, Conformance

__all__ = [
    "LAWS",
    "MERCHANT",
    "Case",
    "Conformance",
    "Conversation",
    "Exchange",
    "Facts",
    "GenuineWebhook",
    "InProcess",
]

_HOMES = {
    "Case": "case",
    "Conformance": "kit",
    "Conversation": "driver",
    "Exchange": "driver",
    "Facts": "case",
    "GenuineWebhook": "case",
    "InProcess": "driver",
    "LAWS": "kit",
    "MERCHANT": "driver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
