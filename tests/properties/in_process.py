"""An adapter and its emulator in one process: the same bytes as over HTTP, without the sockets."""

from typing import Any

import msgspec

from ordergate.domain.commands import Command, CreateOrder, PayOrder, RetrieveOrder
from ordergate.domain.draft import Draft
from ordergate.domain.outcome import Applied, Outcome
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.registry import installed_adapter
from ordergate.spi.emulator import EmulatedRequest
from ordergate.spi.secret import Secret
from ordergate.spi.wire import WireRequest, WireResponse

START = 1_780_000_000
MERCHANT = "acme"


class InProcess:
    """One account at one emulator. A request that the emulator does not let in fails the test.

    Attributes:
        requests: How many requests the emulator has been sent.
        now: Unix time in seconds; it stands still until it is moved.
    """

    def __init__(self, name: str, **switches: Any) -> None:
        """Start an emulator with these switches."""
        self.adapter = installed_adapter(name)
        self.emulator = self.adapter.emulator(0)
        self.emulator.set_switches(switches)
        self.description = self.emulator.describe()
        self.settings = msgspec.convert(
            dict(self.description.credentials),
            self.adapter.settings_type,
            dec_hook=lambda _kind, value: Secret(value),
        )
        self.requests = 0
        self.now = START

    def carry_out(self, command: Command) -> Outcome:
        """Hold the whole conversation that a command becomes."""
        plan = self.adapter.plan(command, self.settings)
        request = next(plan)
        try:
            while True:
                request = plan.send(self._answer(request))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def create(self, draft: Draft) -> Outcome:
        """Create the order that a draft means; the first product for ``SKU-0`` and so on."""
        products = tuple(line.sku and self.product(line.sku) for line in draft.line_items)
        return self.carry_out(
            CreateOrder(
                operation=f"op_{self.requests:032x}",
                merchant=MERCHANT,
                draft=draft,
                customer=self.description.customer,
                products=products,
                extension={},
            )
        )

    def product(self, sku: str) -> str:
        """Return the provider's id of a product."""
        return self.description.products[int(sku.removeprefix("SKU-"))]

    def read(self, order: ProviderOrder) -> ProviderOrder:
        """Read the order again."""
        outcome = self.carry_out(RetrieveOrder(provider_order_id=order.provider_order_id))
        assert isinstance(outcome, Applied), outcome
        return outcome.order

    def pay(self, order: ProviderOrder, amount: int) -> ProviderOrder:
        """Pay with the customer's default card, and read the order when the payment has closed."""
        outcome = self.carry_out(
            PayOrder(
                operation=f"op_{self.requests:032x}",
                order=order,
                amount=amount,
                payment_method=None,
                extension={},
            )
        )
        assert isinstance(outcome, Applied), outcome
        self.now += 1
        return self.read(outcome.order)

    def _answer(self, request: WireRequest) -> WireResponse:
        signed = self.adapter.sign(request, self.settings, self.now, f"{self.requests:016x}")
        self.requests += 1
        path, _, query = (self.description.base_path + signed.path).partition("?")
        arrived = EmulatedRequest(
            method=signed.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in signed.headers},
            body=signed.body,
        )
        response = self.emulator.handle(arrived, float(self.now))
        assert response.status != 401, (signed, response.body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return WireResponse(status=response.status, headers=headers, body=response.body)
