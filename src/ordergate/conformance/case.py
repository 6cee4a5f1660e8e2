"""The facts that an adapter's author gives the kit."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.money import MAX_AMOUNT
from ordergate.domain.provider_event import ProviderEvent
from ordergate.spi.adapter import Adapter, AdapterSettings
from ordergate.spi.emulator import EmulatorDescription
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the emulator's state, read without the adapter.

    Attributes:
        total: In minor units, as are `paid` and `refunded`: gross of each other.
    """

    status: OrderStatus
    currency: str
    total: int
    paid: int
    refunded: int


def settings_from_credentials(adapter: Adapter, description: EmulatorDescription) -> AdapterSettings:
    """Return an account's settings as configuration would make them of the emulator's credentials."""
    return msgspec.convert(
        dict(description.credentials), adapter.settings_type, dec_hook=lambda _kind, value: Secret(value)
    )


class GenuineWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that the provider's documentation, or an independent client of it, regards as genuine.

    Attributes:
        settings: Of the account that it was sent to.
        delivery: As it arrived, with no header but those that prove it, each once.
        now: When, in Unix seconds.
        event: The event in it.
        refused_with: Further settings that must refuse the webhook, by their error: another URL, if the URL is signed.
            Other secrets, and none, are tried in any case.
    """

    settings: AdapterSettings
    delivery: ReceivedWebhook
    now: int
    event: ProviderEvent
    refused_with: Mapping[str, AdapterSettings] = {}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter before the laws.

    Attributes:
        adapter: The adapter.
        facts: Reads one order, by the provider's id, from the result of ``emulator.state()``.
        settings: Makes an account's settings from the emulator's description.
        switches: How the emulator is set for all laws.
        list_readings: Further switches, one set for each possible sort order of the provider's list, if its
            documentation does not name it.
        currencies: The ISO 4217 currencies with a minor unit that the provider accepts; None for all.
        max_amount: The largest amount that the provider takes, in minor units.
        declining_method: Finds a payment method in the emulator's catalog that declines.
        waiting_method: Returns a payment method whose payment stays open until ``payment_closed`` happens at the
            provider.
        webhooks: Deliveries that are genuine, one for each way in which they are signed.
        skips: Laws that are left out, each with the reason why.
    """

    adapter: Adapter
    facts: Callable[[Mapping[str, Any], str], Facts]
    settings: Callable[[Adapter, EmulatorDescription], AdapterSettings] = settings_from_credentials
    switches: Mapping[str, Any] = {}
    list_readings: Collection[Mapping[str, Any]] = ({},)
    currencies: Collection[str] | None = None
    max_amount: int = MAX_AMOUNT
    declining_method: Callable[[Mapping[str, Any]], str] | None = None
    waiting_method: Callable[[Mapping[str, Any]], str] | None = None
    webhooks: tuple[GenuineWebhook, ...] = ()
    skips: Mapping[str, str] = {}
