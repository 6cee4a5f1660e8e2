"""Rapyd's keys do not say which world they belong to; its webhook URL is whole."""

import msgspec
import pytest

from ordergate.spi.adapter import Environment
from ordergate_rapyd import adapter

from .commands import SETTINGS


@pytest.mark.parametrize("environment", ["emulator", "sandbox", "production"])
def test_keys_belong_to_every_environment(environment: Environment) -> None:
    """None is refused for the environment that it is used in."""
    assert adapter.check_settings(SETTINGS, environment) == []


@pytest.mark.parametrize("url", ["/hooks/rapyd-eu", "pay.example.com/hooks/rapyd-eu", ""])
def test_part_of_a_webhook_url_is_refused(url: str) -> None:
    """Deliveries are signed over the whole URL, so a part of it would verify none."""
    (error,) = adapter.check_settings(msgspec.structs.replace(SETTINGS, webhook_url=url), "sandbox")

    assert (error.pointer, error.code) == ("/webhook_url", "invalid_value")


@pytest.mark.parametrize(
    "url", ["https://pay.example.com/hooks/rapyd-eu?x=1", "http://127.0.0.1:8080/hooks/rapyd"]
)
def test_whole_webhook_url_is_taken(url: str) -> None:
    """With its scheme it is."""
    assert adapter.check_settings(msgspec.structs.replace(SETTINGS, webhook_url=url), "emulator") == []
