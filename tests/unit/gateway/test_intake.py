"""What is taken in as a provider's webhook, where verifying it takes more than a secret, or the journal is gone."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.unit.conftest import account
from tests.unit.gateway.conftest import gateway_of

from ordergate.domain.errors import Problem
from ordergate.domain.provider_event import ProviderEvent
from ordergate.gateway.inbound.receive import receive
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal
from ordergate.journal.stores.sqlite import SqliteJournal
from ordergate.spi.webhooks import FetchFirst, ReceivedWebhook, bad_signature
from ordergate.spi.wire import WireRequest, WireResponse

ACCOUNT = "careful"


class Provider:
    """Answers with a certificate, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    async def send(self, _: Any, request: WireRequest) -> WireResponse:
        self.asked.append(request.path)
        if self.fails:
            raise TransportError("maybe", "It does not answer.")
        return WireResponse(status=200, body=b"certificate")


def _verifier(path: Callable[[ReceivedWebhook], str], *, acts: bool = False) -> Any:
    """An adapter that reads a certificate before it believes a delivery."""

    def verify(delivery: ReceivedWebhook, _: Any, now: int) -> None:
        wanted = path(delivery)
        if wanted not in delivery.fetched:
            raise FetchFirst(WireRequest(method="GET", path=wanted, acts=acts))
        if delivery.body == b"forged":
            raise bad_signature("It is forged.")

    def read_event(body: bytes) -> ProviderEvent:
        return ProviderEvent(
            id=body.decode(), type="paid", known=True, provider_order_id="order_1", occurred_at=None
        )

    return SimpleNamespace(verify=verify, read_event=read_event)


def _gateway(journal: Journal, verifier: Any) -> tuple[Runtime, Provider]:
    gateway, provider = gateway_of(journal), Provider()
    careful = account(ACCOUNT, adapter="revkeen")
    accounts = {ACCOUNT: msgspec.structs.replace(careful, adapter=verifier)}
    gateway.configuration = msgspec.structs.replace(gateway.configuration, accounts=accounts)
    gateway.transport = provider  # type: ignore[assignment]
    return gateway, provider


def _delivery(body: bytes) -> ReceivedWebhook:
    return ReceivedWebhook(headers={}, body=body)


async def test_what_verifying_takes_is_read_once(journal: Journal) -> None:
    """A certificate is read at the provider for the first delivery, and kept for all that follow."""
    gateway, provider = _gateway(journal, _verifier(lambda _: "/certificate"))

    assert await receive(gateway, ACCOUNT, _delivery(b"one"))
    assert await receive(gateway, ACCOUNT, _delivery(b"two"))
    with pytest.raises(Problem, match="bad_signature"):
        await receive(gateway, ACCOUNT, _delivery(b"forged"))

    assert provider.asked == ["/certificate"]


async def test_strangers_cannot_make_us_read_and_read(journal: Journal) -> None:
    """Deliveries that each name another certificate are soon refused, and nothing is read for them."""
    gateway, provider = _gateway(journal, _verifier(lambda delivery: f"/{delivery.body.decode()}"))
    provider.fails = True

    refusals = []
    for number in range(30):
        with pytest.raises(Problem) as refused:
            await receive(gateway, ACCOUNT, _delivery(str(number).encode()))
        refusals.append(refused.value.code)

    assert len(provider.asked) == refusals.count("provider_unavailable") == 10
    assert refusals.count("rate_limited") == 20


async def test_a_chain_without_end_is_no_proof(journal: Journal) -> None:
    """One that asks for more after each answer is refused."""
    gateway, provider = _gateway(journal, _verifier(lambda delivery: f"/{len(delivery.fetched)}"))

    with pytest.raises(Problem, match="bad_signature"):
        await receive(gateway, ACCOUNT, _delivery(b"one"))

    assert len(provider.asked) == 3


async def test_verifying_never_acts(journal: Journal) -> None:
    """A request that would change something at the provider is not sent."""
    gateway, provider = _gateway(journal, _verifier(lambda _: "/orders", acts=True))

    with pytest.raises(TypeError, match="only reads"):
        await receive(gateway, ACCOUNT, _delivery(b"one"))

    assert provider.asked == []


async def test_what_cannot_be_recorded_is_not_taken(journal: SqliteJournal) -> None:
    """The provider hears that it was not, and sends it again."""
    gateway, _ = _gateway(journal, _verifier(lambda _: "/certificate"))
    await journal.close()

    with pytest.raises(JournalUnavailableError):
        await receive(gateway, ACCOUNT, _delivery(b"one"))

    assert (
        b'ordergate_webhooks_total{account="careful",result="unavailable"} 1.0'
        in gateway.metrics.exposition()
    )


@pytest.mark.parametrize("body", [b"evt_\x00", b"\x00"])
async def test_an_event_that_no_store_can_hold_is_refused(journal: Journal, body: bytes) -> None:
    """As the caller's mistake: an answer that blames the journal would have it repeated for days."""
    gateway, _ = _gateway(journal, _verifier(lambda _: "/certificate"))

    with pytest.raises(Problem, match="invalid_request"):
        await receive(gateway, ACCOUNT, _delivery(body))

    assert await receive(gateway, ACCOUNT, _delivery(b"evt_1"))
