"""Adapters that are wrong on purpose: they change what another one has written, or what it has read."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from ordergate.domain.commands import CreateOrder
from ordergate.domain.outcome import Applied, Outcome
from ordergate.spi.adapter import Adapter, Plan

Change = Callable[[dict[str, Any]], None]


def double_tax(body: dict[str, Any]) -> None:
    """Ask for twice the tax."""
    body["tax_percent"] *= 2


def drop_line(body: dict[str, Any]) -> None:
    """Leave out the second line."""
    del body["items" if "items" in body else "line_items"][1]


def shift_zone(body: dict[str, Any]) -> None:
    """Take a time in UTC for one in another zone."""
    body["expires_at"] = body["expires_at"].replace("Z", "+05:00")


class WrongAdapter:
    """Another adapter, whose creates are changed on their way out, and whose answers are read in another zone."""

    def __init__(self, right: Adapter, change: Change | None = None, shift: timedelta = timedelta(0)) -> None:
        self._right = right
        self._change = change
        self._shift = shift

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    def plan(self, command: Any, settings: Any) -> Plan:
        plan = self._right.plan(command, settings)
        if not isinstance(command, CreateOrder):
            return (yield from plan)
        request = next(plan)
        if self._change is not None:
            body = msgspec.json.decode(request.body)
            self._change(body)
            request = msgspec.structs.replace(request, body=msgspec.json.encode(body))
        try:
            plan.send((yield request))
        except StopIteration as end:
            return self._shifted(end.value)
        raise TypeError("a create is one request")

    def _shifted(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Applied):
            return outcome
        order = outcome.order
        moved = msgspec.structs.replace(order, created_at=order.created_at + self._shift)
        return msgspec.structs.replace(outcome, order=moved)
