"""The possible lives of an order, by the adapter's capabilities."""

from collections.abc import Callable, Iterator

from ordergate.conformance.case import Case
from ordergate.conformance.driver import Conversation, InProcess
from ordergate.domain.commands import Command
from ordergate.domain.draft import CustomerBody, Draft, DraftLine
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.provider_order import ProviderOrder

DONE_THERE = frozenset({"yes", "partly"})
"""Levels of support at which it is the provider that does it."""

CHAIRS = Draft(
    currency="USD",
    reference="1001",
    customer=CustomerBody(id="cust-42"),
    line_items=[
        DraftLine(sku="SKU-0", description="Chair", quantity=3, unit_amount=20_050),
        DraftLine(sku="SKU-1", description="Lamp", quantity=1, unit_amount=4_999),
        DraftLine(type="shipping", description="Post", quantity=1, unit_amount=1_000),
    ],
    metadata={"shelf": "B7", "gift": True, "floor": -3},
)
"""Two kinds of goods and their shipping: 661.49 USD."""

Step = Callable[[InProcess, ProviderOrder], Command]
Look = Callable[[InProcess, ProviderOrder], None]


def declares(case: Case, kind: OperationKind) -> bool:
    """Return whether the adapter declares the capability."""
    return case.adapter.capabilities.support(kind).level in DONE_THERE


def _pay_half(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.payment(order, order.total // 2)


def _pay_rest(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.payment(order, order.total - order.amount_paid)


def _return_one(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.giving_back(order, quantity=1)


def _return_more(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.giving_back(order, quantity=2, shipping=order.shipping)


def _change(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.change(order, {"shelf": "C1", "fragile": False})


def _fulfill_first(provider: InProcess, order: ProviderOrder) -> Command:
    return provider.fulfilment(order, 0)


_LIVES: tuple[tuple[tuple[OperationKind, Step], ...], ...] = (
    (
        (OperationKind.UPDATE, _change),
        (OperationKind.PAY, _pay_rest),
        (OperationKind.FULFILL, InProcess.fulfilment),
    ),
    ((OperationKind.CANCEL, InProcess.cancellation),),
    (
        (OperationKind.PAY, _pay_rest),
        (OperationKind.RETURN, _return_one),
        (OperationKind.RETURN, _return_more),
    ),
)


def lives(case: Case) -> Iterator[tuple[Step, ...]]:
    """Return the steps of every life after its creation, as far as the adapter declares them."""
    capabilities = case.adapter.capabilities
    for life in _LIVES:
        yield tuple(step for kind, step in life if declares(case, kind))
    if capabilities.partial_pay:
        yield _pay_half, _pay_rest
    if capabilities.fulfill_lines:
        yield _pay_rest, _fulfill_first


def live(case: Case, steps: tuple[Step, ...], look: Look | None = None) -> InProcess:
    """Run through one order's life, and call `look` after each step, and again after another read a second later."""
    provider = InProcess.of(case)
    order = _seen_twice(provider, provider.creation(CHAIRS), look)
    for step in steps:
        order = _seen_twice(provider, step(provider, order), look)
    return provider


def _seen_twice(provider: InProcess, command: Command, look: Look | None) -> ProviderOrder:
    order = provider.apply(command).order
    if look:
        look(provider, order)
    provider.now += 2
    order = provider.read(order)
    if look:
        look(provider, order)
    return order


def corpus(case: Case) -> list[Conversation]:
    """Return one conversation for everything that the adapter can be asked, lists included, in a fixed order."""
    said: list[Conversation] = []
    for steps in lives(case):
        provider = live(case, steps)
        if declares(case, OperationKind.LIST):
            provider.list(10)
        if case.adapter.capabilities.event_feed:
            provider.events(10)
        said += provider.said
    return said
