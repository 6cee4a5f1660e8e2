"""What proves a write to an order that is there: the very change that was asked for, against what was before."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ordergate.domain.outcome import Absent, Applied, NotApplied, Unknown
from ordergate.domain.provider_order import ProviderOrder


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an order: as it was asked for, as it was before, and as the provider has it."""

    asked: Any
    before: Any
    found: Any

    @property
    def asks(self) -> bool:
        """Whether it asks for anything that was not so before."""
        return bool(self.asked != self.before)

    @property
    def holds(self) -> bool:
        """Whether the field is as asked; an object also where its provider merges what it is sent."""
        if self.found == self.asked:
            return True
        if not isinstance(self.asked, dict) or not isinstance(self.before, dict):
            return False
        return bool(self.found != self.before and self.found == {**self.before, **self.asked})


def judge_changes(order: ProviderOrder, changes: Sequence[Change]) -> Applied | Absent | Unknown:
    """Return what an order says of an update that asked for all of these at once.

    Applied where all hold, even where they held before: that is the state which was asked for. Absent where
    nothing has moved. In between somebody else has changed the order, and a person has to look.
    """
    if all(change.holds for change in changes):
        return Applied(order=order)
    if all(change.found == change.before for change in changes):
        return Absent(order=order)
    return Unknown(reason="The order was changed since, but not to what was asked for.")


def unread(failure: NotApplied | Unknown) -> Unknown:
    """Return what a read that failed tells of the write that it was to find: nothing."""
    reason = failure.reason if isinstance(failure, Unknown) else failure.detail
    return Unknown(reason=reason, provider=failure.provider)
