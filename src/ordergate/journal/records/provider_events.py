"""What the journal keeps of what providers tell, and what is looked at because of it."""

from datetime import datetime

import msgspec

from ordergate.domain.provider_event import ProviderEvent

_ORDER = "order "
_OPERATION = "operation "


class ReceivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it came: by a webhook with its exact bytes, or in the provider's feed without."""

    event: ProviderEvent
    body: bytes | None = None


class RecordedEvents(msgspec.Struct, frozen=True, kw_only=True):
    """What became of events that were recorded.

    Attributes:
        new: Those that were not known before.
        named: Operations of unknown outcome that they name, which are due for a look now.
    """

    new: tuple[ProviderEvent, ...]
    named: tuple[str, ...]


class Debounce(msgspec.Struct, frozen=True, kw_only=True):
    """How soon an order is looked at, in seconds.

    Attributes:
        settle: After it was told of, so that more events can come.
        every: After it was looked at last.
    """

    settle: float
    every: float


class ResyncJob(msgspec.Struct, frozen=True, kw_only=True):
    """What events concern, which this process alone looks at now.

    Attributes:
        name: What :func:`order_job_name` or :func:`operation_job_name` returns.
        notified: How many events had queued the job when it was acquired.
        tries: Looks since then that came to nothing.
        parked: Nobody knew it when it was looked at last.
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
        """The provider's id of the order; None where only an operation is known."""
        return self.name.removeprefix(_ORDER) if self.name.startswith(_ORDER) else None

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that are named, each once."""
        named = [self.name.removeprefix(_OPERATION)] if self.name.startswith(_OPERATION) else []
        return tuple(dict.fromkeys([*named, *(each for event in self.events for each in event.operations)]))

    @property
    def merchant(self) -> str | None:
        """Whose it is by the mark that the first event tells which tells one."""
        return next((event.merchant for event in self.events if event.merchant is not None), None)


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """This process's turn to look through an account: `walked_at` is when the last whole walk began, `now` now."""

    walked_at: datetime
    now: datetime


class InboundCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's provider tells unasked.

    Attributes:
        last_webhook_at: When the last verified webhook came that is kept.
        waiting: Events whose order is to be read again.
        parked: Events of orders that nobody here knows.
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
