"""An adapter and its emulator in one process: the same bytes as over HTTP, without the sockets."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.conformance.case import Case, Facts, settings_from_credentials
from ordergate.conformance.world import closed_world
from ordergate.domain.commands import (
    CancelOrder,
    Command,
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListEvents,
    ListFilters,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    ReturnGoods,
    ReturnLine,
    UpdateOrder,
    WriteCommand,
)
from ordergate.domain.draft import Draft
from ordergate.domain.errors import Problem
from ordergate.domain.outcome import Applied, EventPage, OrderPage, Outcome
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.accounts.registry import installed_adapter
from ordergate.spi.adapter import Adapter, AdapterSettings, Baseline, Plan
from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse
from ordergate.spi.webhooks import FetchFirst, ReceivedWebhook
from ordergate.spi.wire import WireRequest, WireResponse

START = 1_780_000_000
MERCHANT = "acme"


class Exchange(msgspec.Struct, frozen=True):
    """One request as it was planned and as it was signed, and its answer."""

    planned: WireRequest
    signed: WireRequest
    answer: WireResponse


class Conversation(msgspec.Struct, frozen=True):
    """A command, its exchanges, and its outcome."""

    command: Command
    exchanges: tuple[Exchange, ...]
    outcome: Outcome

    @property
    def acts(self) -> bool:
        """Whether one of its requests may change something."""
        return any(exchange.planned.acts for exchange in self.exchanges)


class InProcess:
    """One account at one emulator. A request that the emulator does not let in fails the test.

    Attributes:
        requests: How many requests the emulator has been sent.
        now: Unix time in seconds; only a test moves it.
        said: Every finished plan, in order.
    """

    def __init__(
        self, adapter: Adapter | str, settings: AdapterSettings | None = None, **switches: Any
    ) -> None:
        """Start an emulator with these switches, for an adapter or for an installed one's name."""
        self.adapter = installed_adapter(adapter) if isinstance(adapter, str) else adapter
        self.emulator = self.adapter.emulator(0)
        self.emulator.set_switches(switches)
        self.description = self.emulator.describe()
        self.settings = settings or settings_from_credentials(self.adapter, self.description)
        self.requests = 0
        self.now = START
        self.said: list[Conversation] = []

    @classmethod
    def of(cls, case: Case, **switches: Any) -> "InProcess":
        """Start a case's emulator, with further switches of its own."""
        description = case.adapter.emulator(0).describe()
        settings = case.settings(case.adapter, description)
        return cls(case.adapter, settings, **{**case.switches, **switches})

    def reset(self, case: Case) -> None:
        """Forget every order, here and at the emulator."""
        self.emulator.reset()
        self.emulator.set_switches(case.switches)
        self.said.clear()

    def carry_out(self, command: Command) -> Outcome:
        """Run the complete plan of a command."""
        plan, request = self.begin(command)
        self.said.append(self._converse(command, plan, request))
        return self.said[-1].outcome

    def probe(self, command: WriteCommand, baseline: Baseline) -> Conversation:
        """Probe for a write; `said` contains only the plans of commands."""
        with closed_world():
            plan = self.adapter.probe(command, baseline, self.settings)
            request = next(plan)
        return self._converse(command, plan, request)

    def baseline(self, newest: ProviderOrder | None) -> Baseline:
        """Return the baseline of a write, with this order as the newest known one."""
        return Baseline(
            newest_order=newest.provider_order_id if newest is not None else None,
            newest_created_at=newest.created_at if newest is not None else None,
            recorded_at=datetime.fromtimestamp(self.now, UTC),
        )

    def _converse(self, command: Command, plan: Plan, request: WireRequest) -> Conversation:
        """Send a plan's requests, from the first one on, until it ends."""
        exchanges: list[Exchange] = []
        try:
            while True:
                exchanges.append(self._exchange(request))
                with closed_world():
                    request = plan.send(exchanges[-1].answer)
        except StopIteration as end:
            outcome: Outcome = end.value
        return Conversation(command, tuple(exchanges), outcome)

    def begin(self, command: Command) -> tuple[Plan, WireRequest]:
        """Begin a conversation: its plan, and the first request.

        Raises:
            Problem: The command is refused before any request.
        """
        with closed_world():
            plan = self.adapter.plan(command, self.settings)
            return plan, next(plan)

    def refusal(self, act: Callable[[], object]) -> Problem | None:
        """Return the problem that refuses the command before any request; None if it is not refused."""
        before, refused = self.requests, None
        try:
            act()
        except Problem as problem:
            refused = problem
        assert refused is None or self.requests == before, f"refused after a request: {refused}"
        return refused

    def apply(self, command: Command) -> Applied:
        """Carry out a command that has to be applied."""
        outcome = self.carry_out(command)
        assert isinstance(outcome, Applied), f"{type(command).__name__} returned {outcome}"
        return outcome

    def create(self, draft: Draft, *, extension: dict[str, Any] | None = None) -> Outcome:
        """Create the order that a draft means; the first product for ``SKU-0`` and so on."""
        return self.carry_out(self.creation(draft, extension=extension))

    def creation(self, draft: Draft, *, extension: dict[str, Any] | None = None) -> CreateOrder:
        """Return the command that creates the order."""
        return CreateOrder(
            operation=self.operation(),
            merchant=MERCHANT,
            draft=draft,
            customer=self.description.customer,
            products=tuple(line.sku and self.product(line.sku) for line in draft.line_items),
            extension=extension or {},
        )

    def product(self, sku: str) -> str:
        """Return the provider's id of a product."""
        return self.description.products[int(sku.removeprefix("SKU-"))]

    def read(self, order: ProviderOrder) -> ProviderOrder:
        """Read the order again."""
        return self.apply(RetrieveOrder(provider_order_id=order.provider_order_id)).order

    def list(self, limit: int, cursor: str | None = None, **filters: Any) -> OrderPage:
        """Read one page of the provider's list."""
        page = self.carry_out(ListOrders(limit=limit, cursor=cursor, filters=ListFilters(**filters)))
        assert isinstance(page, OrderPage), f"a list returned {page}"
        return page

    def events(self, limit: int, cursor: str | None = None, *, since: datetime | None = None) -> EventPage:
        """Read one page of the provider's feed of events."""
        page = self.carry_out(ListEvents(limit=limit, since=since, cursor=cursor))
        assert isinstance(page, EventPage), f"a page of events returned {page}"
        return page

    def pay(self, order: ProviderOrder, amount: int) -> ProviderOrder:
        """Pay with the customer's default card, and read the order when the payment has closed."""
        paid = self.apply(self.payment(order, amount)).order
        self.now += 1
        return self.read(paid)

    def payment(self, order: ProviderOrder, amount: int, method: str | None = None) -> PayOrder:
        """Return the command that pays."""
        return PayOrder(
            operation=self.operation(), order=order, amount=amount, payment_method=method, extension={}
        )

    def cancellation(self, order: ProviderOrder) -> CancelOrder:
        """Return the command that cancels."""
        return CancelOrder(operation=self.operation(), order=order, reason="Out of stock")

    def fulfilment(self, order: ProviderOrder, *lines: int) -> FulfillOrder:
        """Return the command that fulfills the lines at these positions; without any, all of them."""
        return FulfillOrder(
            operation=self.operation(),
            order=order,
            lines=lines or None,
            tracking_number="1Z999",
            carrier="UPS",
            notify_customer=False,
        )

    def change(self, order: ProviderOrder, metadata: dict[str, Any]) -> UpdateOrder:
        """Return the command that changes the metadata."""
        return UpdateOrder(
            operation=self.operation(),
            order=order,
            metadata=metadata,
            notes=msgspec.UNSET,
            customer=msgspec.UNSET,
            tax_percent=msgspec.UNSET,
            extension={},
        )

    def giving_back(self, order: ProviderOrder, *, quantity: int, shipping: int | None = None) -> ReturnGoods:
        """Return the command that takes back some of the first line."""
        first = order.line_items[0]
        line = ReturnLine(product=first.product, unit_amount=first.unit_amount, quantity=quantity)
        return ReturnGoods(operation=self.operation(), order=order, lines=(line,), shipping=shipping)

    def confirmation(self, order: ProviderOrder) -> ConfirmPayment:
        """Return the command that confirms a payment which has closed."""
        return ConfirmPayment(operation=self.operation(), order=order)

    def operation(self) -> str:
        """Return the id of a new operation."""
        return f"op_{self.requests:032x}"

    def state(self) -> Mapping[str, Any]:
        """Return the emulator's state."""
        self.emulator.advance(float(self.now))
        return self.emulator.state()

    def facts(self, case: Case, order: ProviderOrder) -> Facts:
        """Return the facts of an order at the provider, by the author's own reading."""
        return case.facts(self.state(), order.provider_order_id)

    def sign(self, request: WireRequest) -> WireRequest:
        """Sign a request as it would be signed now."""
        with closed_world():
            return self.adapter.sign(request, self.settings, self.now, f"{self.requests:016x}")

    def verify(self, delivery: ReceivedWebhook, settings: AdapterSettings, now: int) -> None:
        """Verify a webhook, after the fetches that it needs.

        Raises:
            Problem: It is refused.
        """
        try:
            with closed_world():
                self.adapter.verify(delivery, settings, now)
        except FetchFirst as first:
            request = first.request
        else:
            return
        assert not request.acts, f"{request.path} is to be read, and acts"
        assert request.path not in delivery.fetched, f"{request.path} was fetched, and is asked for again"
        fetched = {**delivery.fetched, request.path: self._exchange(request).answer}
        self.verify(msgspec.structs.replace(delivery, fetched=fetched), settings, now)

    def send(self, signed: WireRequest) -> EmulatedResponse:
        """Let the emulator act on a signed request."""
        self.requests += 1
        path, _, query = (self.description.base_path + signed.path).partition("?")
        arrived = EmulatedRequest(
            method=signed.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in signed.headers},
            body=signed.body,
        )
        return self.emulator.handle(arrived, float(self.now))

    def _exchange(self, request: WireRequest) -> Exchange:
        signed = self.sign(request)
        response = self.send(signed)
        assert response.status != 401, (
            f"the emulator refuses {signed.method} {signed.path}: {response.body!r}"
        )
        return Exchange(request, signed, heard(response))


def heard(response: EmulatedResponse) -> WireResponse:
    """Return an emulator's answer as the transport would hand it over."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return WireResponse(status=response.status, headers=headers, body=response.body)
