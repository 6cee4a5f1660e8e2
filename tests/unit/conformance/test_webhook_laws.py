"""The laws about webhooks catch what careless verifiers do; and a delivery may need something fetched first."""

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, ClassVar

import msgspec
import pytest

from ordergate.conformance import Case, Conformance, Facts, GenuineWebhook, InProcess
from ordergate.domain.commands import ListFilters, ListOrders
from ordergate.domain.errors import Problem
from ordergate.domain.provider_event import ProviderEvent
from ordergate.gateway.accounts.registry import installed_adapters
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import FetchFirst, ReceivedWebhook, bad_signature, read_document

SIGNED_AT = 1_780_000_000
ADAPTER = next(iter(installed_adapters().values()))
HEADERS = ("salt", "time", "proof")

Verify = Callable[[ReceivedWebhook, "Settings", int], bool]


class Settings(AdapterSettings, frozen=True, kw_only=True):
    """One secret."""

    secret: Secret | None = None


def made(body: bytes, salt: str, time: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"{salt}{time}.".encode() + body, sha256).hexdigest()


def careful(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Whether the delivery is genuine, by a verifier that is as careful as it has to be."""
    values = [delivery.headers.get(name, ()) for name in HEADERS]
    if settings.secret is None or not settings.secret.reveal() or any(len(value) != 1 for value in values):
        return False
    salt, time, proof = (value[0] for value in values)
    if not (all(text.isascii() for text in (salt, time, proof)) and time.isdecimal() and time[0] != "0"):
        return False
    right = made(delivery.body, salt, time, settings.secret.reveal())
    return hmac.compare_digest(right, proof) and abs(now - int(time)) < 1000


def first_value(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Takes the first of several values."""
    headers = {name: values[:1] for name, values in delivery.headers.items()}
    return careful(ReceivedWebhook(headers=headers, body=delivery.body), settings, now)


def trimmed_body(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Takes a body with another end."""
    return careful(msgspec.structs.replace(delivery, body=delivery.body.strip()), settings, now)


def any_case(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Takes hexadecimal in either case."""
    headers = {name: tuple(value.lower() for value in values) for name, values in delivery.headers.items()}
    return careful(ReceivedWebhook(headers=headers, body=delivery.body), settings, now)


def any_time(delivery: ReceivedWebhook, settings: Settings, _now: int) -> bool:
    """Takes a delivery of any time."""
    time = delivery.headers.get("time", ("",))[:1]
    return careful(delivery, settings, int(time[0]) if time and time[0].isdecimal() else 0)


def any_secret(delivery: ReceivedWebhook, _settings: Settings, now: int) -> bool:
    """Has the secret in its code."""
    return careful(delivery, Settings(secret=Secret("s3cr3t-of-the-account")), now)


def open_without_a_secret(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Lets everything in where there is nothing to verify with."""
    return settings.secret is None or careful(delivery, settings, now)


def crashing(delivery: ReceivedWebhook, settings: Settings, now: int) -> bool:
    """Takes headers for granted."""
    return bool(delivery.headers["proof"][0]) and careful(delivery, settings, now)


def proven(verify: Verify) -> Any:
    """Return an instance of the laws about an adapter that verifies like this."""

    class Verifying(type(ADAPTER)):  # type: ignore[misc]
        settings_type: ClassVar[type[AdapterSettings]] = Settings

        def verify(self, delivery: ReceivedWebhook, settings: Settings, now: int) -> None:
            if not verify(delivery, settings, now):
                raise bad_signature("It is not genuine.")

        def read_event(self, body: bytes) -> ProviderEvent:
            return event(read_document(body)["id"])

    salt, body, secret = "1f", b'{"id":"evt_1"}', "s3cr3t-of-the-account"
    proof = made(body, salt, str(SIGNED_AT), secret)
    headers = {"salt": (salt,), "time": (str(SIGNED_AT),), "proof": (proof,)}
    webhook = GenuineWebhook(
        settings=Settings(secret=Secret(secret)),
        delivery=ReceivedWebhook(headers=headers, body=body),
        now=SIGNED_AT,
        event=event("evt_1"),
    )

    class Some(Conformance):
        case: ClassVar[Case] = Case(
            adapter=Verifying(), facts=no_facts, settings=lambda *_: webhook.settings, webhooks=(webhook,)
        )

    return Some()


def event(name: str) -> ProviderEvent:
    return ProviderEvent(id=name, type="a", known=True, provider_order_id=None, occurred_at=None)


def no_facts(_state: Mapping[str, Any], _order: str) -> Facts:
    raise AssertionError("no law here looks at an order")


def obey(laws: Any) -> None:
    laws.test_a_genuine_webhook_is_verified_and_read()
    laws.test_a_webhook_is_proven_once()
    laws.test_only_the_configured_account_verifies()
    laws.test_a_webhook_is_of_now()
    laws.test_no_bit_of_a_webhook_can_change()


def test_a_careful_verifier_obeys() -> None:
    """One that checks all there is to check passes every law, the ten thousand mutations included."""
    laws = proven(careful)

    obey(laws)
    laws.test_no_mutated_webhook_is_let_in()


@pytest.mark.parametrize(
    "careless", [first_value, trimmed_body, any_case, any_time, any_secret, open_without_a_secret]
)
def test_a_careless_verifier_is_caught(careless: Verify) -> None:
    """Each way of letting in what is not genuine breaks a law that says so."""
    with pytest.raises(AssertionError, match="was accepted"):
        obey(proven(careless))


@pytest.mark.parametrize("careless", [first_value, trimmed_body, any_case, any_time])
def test_chance_catches_a_careless_verifier(careless: Verify) -> None:
    """So do the ten thousand mutations alone."""
    with pytest.raises(AssertionError, match="was accepted"):
        proven(careless).test_no_mutated_webhook_is_let_in()


def test_a_crash_is_no_refusal() -> None:
    """A verifier that stumbles is told apart from one that refuses."""
    with pytest.raises(AssertionError, match="IndexError"):
        obey(proven(crashing))


def test_a_case_without_webhooks_proves_nothing() -> None:
    """An adapter whose author names no genuine delivery has not obeyed these laws."""

    class Some(Conformance):
        case: ClassVar[Case] = Case(adapter=ADAPTER, facts=no_facts)

    with pytest.raises(AssertionError, match="no genuine webhook"):
        Some().test_a_webhook_is_of_now()


def test_what_has_to_be_fetched_is_fetched_once() -> None:
    """An adapter that asks for something first is given it, and gets no further with what it was given already."""
    asked: list[ReceivedWebhook] = []
    listing = ListOrders(limit=1, cursor=None, filters=ListFilters())
    request = next(ADAPTER.plan(listing, None))

    class Fetching(type(ADAPTER)):  # type: ignore[misc]
        enough = True

        def verify(self, delivery: ReceivedWebhook, _settings: Any, _now: int) -> None:
            asked.append(delivery)
            if request.path not in delivery.fetched or not self.enough:
                raise FetchFirst(request)
            if delivery.body != b"genuine":
                raise bad_signature("The certificate is another's.")

    adapter = Fetching()
    provider = InProcess(adapter)
    genuine, forged = (ReceivedWebhook(headers={}, body=body) for body in (b"genuine", b"forged"))

    provider.verify(genuine, provider.settings, SIGNED_AT)
    assert [len(delivery.fetched) for delivery in asked] == [0, 1]
    assert provider.requests == 1
    with pytest.raises(Problem, match="bad_signature"):
        provider.verify(forged, provider.settings, SIGNED_AT)
    with pytest.raises(FetchFirst, match="GET /"):
        adapter.verify(genuine, provider.settings, SIGNED_AT)
    adapter.enough = False
    with pytest.raises(AssertionError, match="asked for again"):
        provider.verify(genuine, provider.settings, SIGNED_AT)
