"""A short walk through the life of orders at each provider; ``python -m campaigns.walk`` takes the long one."""

from collections.abc import Mapping

from campaigns.walk.machine import Tally, Walk
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.scenarios.shop import Emulator

SHORT = settings(
    max_examples=4,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_gateway_and_provider_agree_on_every_step(emulators: Mapping[str, Emulator], provider: str) -> None:
    """Whatever merchant, shopper, bank and network do, both sides say the same of every order afterwards."""
    tally = Tally()
    walk = type("Walk", (Walk,), {"emulators": emulators, "provider": provider, "tally": tally})

    run_state_machine_as_test(walk, settings=SHORT)

    assert tally.steps >= 60
