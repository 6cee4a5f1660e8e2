"""RevKeen's v2 Orders API as a state machine: no sockets, no clock, no chance beyond a seed."""

from .provider import RevKeenEmulator
from .switches import Switches

__all__ = ["RevKeenEmulator", "Switches"]
