"""The parts of plans that every adapter needs."""

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from ordergate.domain.commands import Command
from ordergate.domain.errors import ProviderError
from ordergate.domain.outcome import NotApplied, Outcome, Unknown
from ordergate.spi.adapter import Plan
from ordergate.spi.wire import WireRequest, WireResponse

C = TypeVar("C", bound=Command)


def start(plans: Mapping[type[C], Callable[..., Plan]], command: C, *arguments: Any) -> Plan:
    """Start the plan, or the probe, of a command.

    Args:
        plans: The adapter's plan for each type of command.
        command: The command.
        *arguments: Further arguments of the plan, such as the baseline of a probe.

    Raises:
        TypeError: The adapter has no plan for this type of command.
    """
    plan = plans.get(type(command))
    if plan is None:
        raise TypeError(f"the adapter has no plan for {type(command).__name__}")
    return plan(command, *arguments)


def one_call(
    request: WireRequest, read: Callable[[WireResponse], Outcome]
) -> Generator[WireRequest, WireResponse, Outcome]:
    """Send one request, and return the outcome that `read` finds in its response."""
    return read((yield request))


def unreadable(reason: str, response: WireResponse, *, acts: bool) -> NotApplied | Unknown:
    """Return the outcome of a response that cannot be read: unknown for a write, an error for a read.

    Args:
        reason: A sentence for people.
        response: The response.
        acts: The request was a write.
    """
    provider = ProviderError(http_status=response.status)
    if acts:
        return Unknown(reason=reason, provider=provider)
    return NotApplied(code="provider_protocol_error", detail=reason, provider=provider)
