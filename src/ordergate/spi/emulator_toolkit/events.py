"""Events that wait for their delivery."""

from typing import Generic, TypeVar

Event = TypeVar("Event")


class PendingEvents(Generic[Event]):
    """The events that are not yet taken for delivery, oldest first.

    Attributes:
        wanted: True if events are delivered at all. An emulator adds no event while it is false.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Add the newest event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """Remove and return all events, oldest first."""
        events, self._events = self._events, []
        return events
