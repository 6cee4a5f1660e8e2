"""Records of the events of providers, resync jobs and polls."""

from datetime import datetime

import msgspec

from ordergate.domain.provider_event import ProviderEvent

_ORDER = "order "
_OPERATION = "operation "


class ReceivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a provider: from a webhook with its exact bytes, or from the provider's feed without bytes."""

    event: ProviderEvent
    body: bytes | None = None


class RecordedEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The result of recording events.

    Attributes:
        new: Those that were not known before.
        named: Operations with an unknown outcome that the events name. Recovery probes them now.
    """

    new: tuple[ProviderEvent, ...]
    named: tuple[str, ...]


class Debounce(msgspec.Struct, frozen=True, kw_only=True):
    """How soon an order is read again, in seconds.

    Attributes:
        settle: From the event to the read, so that further events share the read.
        every: From the last read to the next, at least.
    """

    settle: float
    every: float


class ResyncJob(msgspec.Struct, frozen=True, kw_only=True):
    """An order to read again because of events; this process has acquired the job.

    Attributes:
        name: The result of :func:`order_job_name` or :func:`operation_job_name`.
        notified: How many events had queued the job when it was acquired.
        tries: Reads since then that have failed.
        parked: At the last read, no merchant had the order.
        age: Seconds since the oldest event that is not processed; 0 without any.
        events: Those that are not processed, oldest first; of very many the oldest.
    """

    account: str
    name: str
    notified: int
    tries: int
    parked: bool
    age: float
    events: tuple[ProviderEvent, ...]

    @property
    def provider_order_id(self) -> str | None:
        """The provider's id of the order; None if the events name only an operation."""
        return self.name.removeprefix(_ORDER) if self.name.startswith(_ORDER) else None

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that are named, each once."""
        named = [self.name.removeprefix(_OPERATION)] if self.name.startswith(_OPERATION) else []
        return tuple(dict.fromkeys([*named, *(each for event in self.events for each in event.operations)]))

    @property
    def merchant(self) -> str | None:
        """The merchant in the mark of the first event that has one."""
        return next((event.merchant for event in self.events if event.merchant is not None), None)


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """The right to poll an account; `walked_at` is the start of the last complete poll, `now` the time."""

    walked_at: datetime
    now: datetime


class InboundCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the events of an account's provider.

    Attributes:
        last_webhook_at: Time of the last verified webhook in the journal.
        waiting: Events whose order will be read again.
        parked: Events of orders that no merchant has (dead letters).
    """

    last_webhook_at: datetime | None = None
    waiting: int = 0
    parked: int = 0


def order_job_name(provider_order_id: str) -> str:
    """Return how an order is called among subjects."""
    return _ORDER + provider_order_id


def operation_job_name(operation_id: str) -> str:
    """Return how the order of an operation is called while the provider's id of it is not known."""
    return _OPERATION + operation_id
