"""Rapyd's keys do not say which world they belong to."""

import pytest

from ordergate.spi.adapter import Environment
from ordergate_rapyd import adapter

from .commands import SETTINGS


@pytest.mark.parametrize("environment", ["emulator", "sandbox", "production"])
def test_keys_belong_to_every_environment(environment: Environment) -> None:
    """None is refused for the environment that it is used in."""
    assert adapter.check_settings(SETTINGS, environment) == []
