"""What came of a command: applied, not applied, or unknown; a page, for a list or a feed; absent, for a probe.

A payment that the provider accepted and has not finished is *applied*: the order says that it is pending.
"""

import msgspec

from ordergate.domain.errors import FieldError, ProviderError
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.order import Notice
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.provider_order import ProviderOrder, ProviderReturn


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The provider did it, or answered the read; `order` is what it says now.

    Attributes:
        returned: The return that was made, for a return.
        concerns: Why a person must look at the order, where the order itself does not show it.
        notices: What the caller is to know, where nothing had to be sent; else the request has them.
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
        errors: Which fields of the caller's body are to blame, where that is known.
        retry_after: Seconds that the provider asked to wait.
        mapped: False when nobody has mapped the provider's code on purpose.
    """

    code: str
    detail: str
    provider: ProviderError
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None
    mapped: bool = True


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the provider acted cannot be told from what it answered; `reason` says why, for a human."""

    reason: str
    provider: ProviderError | None = None


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """A probe found no trace of a write: it was not applied, unless what was sent can still arrive.

    Attributes:
        order: What the provider says of the order now; None for a create.
    """

    order: ProviderOrder | None = None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the provider's list; cursors are the adapter's own text, None at an end."""

    orders: tuple[ProviderOrder, ...]
    has_more: bool
    next_cursor: str | None
    previous_cursor: str | None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what happened at the provider, in the order in which it tells it; `next_cursor` None at the end.

    What happens while the pages are read may come on none of them, and what was read before may come again: whoever
    follows the feed begins each time a little earlier than where the last reading began, and leaves out known ids.
    """

    events: tuple[ProviderEvent, ...]
    next_cursor: str | None


Outcome = Applied | NotApplied | Unknown | OrderPage | EventPage | Absent
