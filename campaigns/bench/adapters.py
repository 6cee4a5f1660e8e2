"""How long an adapter takes for one call: plan, sign, and read the answer that its emulator gave."""

from collections.abc import Callable, Iterator
from time import perf_counter_ns

import msgspec

from campaigns.bench.figures import Figure, percentile
from ordergate.domain.commands import Command, CreateOrder, RetrieveOrder
from ordergate.domain.draft import AddressBody, CustomerBody, Draft, DraftLine
from ordergate.domain.outcome import Applied
from ordergate.gateway.accounts.registry import installed_adapters
from ordergate.spi.adapter import Adapter, AdapterSettings
from ordergate.spi.emulator import EmulatedRequest, ProviderEmulator
from ordergate.spi.secret import Secret
from ordergate.spi.wire import WireRequest, WireResponse

ROUNDS = 20_000
WARM_UP = 2_000
NOW = 1_780_000_000
NONCE = "00112233445566ff"

CHAIR = Draft(
    reference="2025-11-18a",
    currency="USD",
    customer=CustomerBody(id="cust-42", email="johndoe@example.com"),
    line_items=[
        DraftLine(sku="CHAIR-1", description="Deluxe Gamer's Chair", quantity=2, unit_amount=20_000),
        DraftLine(type="shipping", description="Shipping", quantity=1, unit_amount=1_000),
    ],
    shipping_address=AddressBody(
        name="John Doe",
        line_1="123 First Street",
        city="Anytown",
        state="NY",
        postal_code="12345",
        country="US",
        phone="+12125559999",
    ),
)
"""Two chairs and their shipping."""


def measure(rounds: int) -> Iterator[Figure]:
    """Measure a create and a retrieve of every installed adapter."""
    for adapter in installed_adapters().values():
        emulator = adapter.emulator(0)
        settings = _settings(adapter, emulator)
        create = _create(emulator)
        created = _answer(adapter, settings, emulator, create)
        yield from _figures(adapter, "create", _call(adapter, settings, create, created), rounds)
        retrieve = RetrieveOrder(provider_order_id=_order_id(emulator))
        retrieved = _answer(adapter, settings, emulator, retrieve)
        yield from _figures(adapter, "retrieve", _call(adapter, settings, retrieve, retrieved), rounds)


def recorded_create(adapter: str) -> bytes:
    """Return the answer of a provider's emulator to the create of :data:`CHAIR`."""
    provider = installed_adapters()[adapter]
    emulator = provider.emulator(0)
    return _answer(provider, _settings(provider, emulator), emulator, _create(emulator)).body


def _settings(adapter: Adapter, emulator: ProviderEmulator) -> AdapterSettings:
    credentials = dict(emulator.describe().credentials)
    return msgspec.convert(credentials, adapter.settings_type, dec_hook=lambda _kind, value: Secret(value))


def _create(emulator: ProviderEmulator) -> CreateOrder:
    facts = emulator.describe()
    return CreateOrder(
        operation="op_0198f3c29a6b7000800000000000abcd",
        merchant="acme",
        draft=CHAIR,
        customer=facts.customer,
        products=(facts.products[0], None),
        extension={},
    )


def _order_id(emulator: ProviderEmulator) -> str:
    (order,) = emulator.state()["orders"]
    return str(order["id"])


def _answer(
    adapter: Adapter, settings: AdapterSettings, emulator: ProviderEmulator, command: Command
) -> WireResponse:
    """Let the emulator answer once; that answer is read again and again."""
    signed = adapter.sign(next(adapter.plan(command, settings)), settings, NOW, NONCE)
    response = emulator.handle(_arrived(signed, emulator.describe().base_path), float(NOW))
    headers = {name.lower(): value for name, value in response.headers.items()}
    return WireResponse(status=response.status, headers=headers, body=response.body)


def _arrived(signed: WireRequest, base_path: str) -> EmulatedRequest:
    path, _, query = (base_path + signed.path).partition("?")
    headers = {name.lower(): value for name, value in signed.headers}
    return EmulatedRequest(method=signed.method, path=path, query=query, headers=headers, body=signed.body)


def _call(
    adapter: Adapter, settings: AdapterSettings, command: Command, answer: WireResponse
) -> Callable[[], object]:
    def call() -> object:
        plan = adapter.plan(command, settings)
        adapter.sign(next(plan), settings, NOW, NONCE)
        try:
            plan.send(answer)
        except StopIteration as end:
            return end.value
        raise AssertionError("one request was expected")

    if not isinstance(call(), Applied):
        raise TypeError(f"{adapter.name}: the recorded answer is no order")
    return call


def _figures(adapter: Adapter, what: str, call: Callable[[], object], rounds: int) -> Iterator[Figure]:
    for _ in range(WARM_UP):
        call()
    taken = []
    for _ in range(rounds):
        started = perf_counter_ns()
        call()
        taken.append(perf_counter_ns() - started)
    for share in (50, 99):
        name = f"{adapter.name} {what}: plan, sign, read"
        yield Figure(name, f"p{share}", round(percentile(taken, share) / 1000, 1), "µs")
