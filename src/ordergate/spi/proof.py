"""Proofs that a write changed an existing order: the requested change itself, against the order before."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ordergate.domain.outcome import Applied, NotApplied, NotFound, Unknown
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
        """Return whether the field has the requested value; an object also if the provider merges it."""
        if self.found == self.asked:
            return True
        if not isinstance(self.asked, dict) or not isinstance(self.before, dict):
            return False
        return bool(self.found != self.before and self.found == {**self.before, **self.asked})


def judge_changes(order: ProviderOrder, changes: Sequence[Change]) -> Applied | NotFound | Unknown:
    """Return the outcome of an update of several fields, from the order.

    Applied if all fields have the requested values, even if they had them before. NotFound if no field has changed.
    Otherwise somebody else has changed the order, and a person has to decide.
    """
    if all(change.holds for change in changes):
        return Applied(order=order)
    if all(change.found == change.before for change in changes):
        return NotFound(order=order)
    return Unknown(reason="The order has changed since, but not as requested.")


def unread(failure: NotApplied | Unknown) -> Unknown:
    """Return the outcome of a probe whose read failed: unknown."""
    reason = failure.reason if isinstance(failure, Unknown) else failure.detail
    return Unknown(reason=reason, provider=failure.provider)
