"""The outcomes of a command: applied, not applied, or unknown; a page, for a list or a feed; absent, for a probe.

An accepted but unfinished payment is *applied*: the order shows that it is pending.
"""

import msgspec

from ordergate.domain.errors import FieldError, ProviderError
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.order import Notice
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.provider_order import ProviderOrder, ProviderReturn


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The provider applied the command, or answered the read; `order` is its snapshot.

    Attributes:
        returned: The return that was made, for a return.
        concerns: Review reasons that the order itself does not show.
        notices: Notices for the caller, if nothing had to be sent; otherwise the request has them.
    """

    order: ProviderOrder
    returned: ProviderReturn | None = None
    concerns: tuple[ReviewReason, ...] = ()
    notices: tuple[Notice, ...] = ()


class NotApplied(msgspec.Struct, frozen=True, kw_only=True):
    """The provider did nothing.

    Attributes:
        code: The problem's code, a key of :data:`ordergate.domain.errors.PROBLEMS`.
        detail: A sentence for a human.
        provider: The provider's own words.
        errors: The fields of the caller's body that caused the refusal, if they are known.
        retry_after: Seconds that the provider asked to wait.
        mapped: False if the adapter does not map the provider's code explicitly.
    """

    code: str
    detail: str
    provider: ProviderError
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None
    mapped: bool = True


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """The response does not show whether the provider acted; `reason` explains it, for people."""

    reason: str
    provider: ProviderError | None = None


class NotFound(msgspec.Struct, frozen=True, kw_only=True):
    """A probe found no trace of a write: it was not applied, unless a sent request can still arrive.

    Attributes:
        order: The provider's snapshot of the order; None for a create.
    """

    order: ProviderOrder | None = None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the provider's list; cursors are the adapter's own text, None at an end."""

    orders: tuple[ProviderOrder, ...]
    has_more: bool
    next_cursor: str | None
    previous_cursor: str | None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a provider's event feed, in its order; `next_cursor` is None at the end.

    An event that happens during the read may be on none of the pages, and an event may be on two. So each read of the
    feed starts a little before the last one, and skips known ids.
    """

    events: tuple[ProviderEvent, ...]
    next_cursor: str | None


Outcome = Applied | NotApplied | Unknown | OrderPage | EventPage | NotFound
