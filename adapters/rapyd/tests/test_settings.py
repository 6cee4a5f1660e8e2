"""Rapyd's keys do not say which world they belong to; its webhooks are signed over a whole URL."""

import msgspec
import pytest

from ordergate.domain.account import Environment
from ordergate_rapyd import adapter

from .commands import SETTINGS


@pytest.mark.parametrize("environment", ["emulator", "sandbox", "production"])
def test_keys_belong_to_every_environment(environment: Environment) -> None:
    """None is refused for the environment that it is used in."""
    assert adapter.check_settings(SETTINGS, environment) == []


@pytest.mark.parametrize(
    ("url", "environments"),
    [
        ("https://pay.example.com/hooks/rapyd-eu", {"emulator", "sandbox", "production"}),
        ("http://127.0.0.1:8080/hooks/rapyd", {"emulator"}),
        ("/hooks/rapyd", set()),
        ("ftp://pay.example.com/hooks", set()),
        ("https:///hooks", set()),
        ("https://pay.example.com:99999/hooks", set()),
        ("https://[pay/hooks", set()),
        ("https://pay.example.com/hooks rapyd", set()),
    ],
)
@pytest.mark.parametrize("environment", ["emulator", "sandbox", "production"])
def test_a_webhooks_address_is_a_whole_url(
    url: str, environments: set[Environment], environment: Environment
) -> None:
    """It is the one in the portal, to which Rapyd delivers by HTTPS only."""
    errors = adapter.check_settings(msgspec.structs.replace(SETTINGS, webhook_url=url), environment)

    assert [error.pointer for error in errors] == ([] if environment in environments else ["/webhook_url"])


def test_the_two_keys_are_two() -> None:
    """The access key in the place of the secret key is a mistake, told without showing it."""
    mixed = msgspec.structs.replace(SETTINGS, secret_key=SETTINGS.access_key)

    (error,) = adapter.check_settings(mixed, "production")

    assert error.pointer == "/secret_key"
    assert SETTINGS.access_key.reveal() not in error.detail
