"""RevKeen's keys say which world they belong to; webhook secrets may be several."""

import msgspec
import pytest

from ordergate.domain.account import Environment
from ordergate.spi.secret import Secret
from ordergate_revkeen import adapter
from ordergate_revkeen.settings import RevKeenSettings

KEYS = [
    "rk_sandbox_abc",
    "rk_live_abc",
    "rk_test_abc",
    "rk_oauth_abc",
    "RK_LIVE_abc",
    " rk_live_abc",
    "abc",
    "",
]
FITTING = [
    ("emulator", {"rk_sandbox_abc"}),
    ("sandbox", {"rk_sandbox_abc"}),
    ("production", {"rk_live_abc"}),
]


@pytest.mark.parametrize(("environment", "fitting"), FITTING)
@pytest.mark.parametrize("key", KEYS)
def test_key_must_be_of_the_environment(environment: Environment, fitting: set[str], key: str) -> None:
    """A key passes only with the prefix of its world; what is wrong points at the key without showing it."""
    errors = adapter.check_settings(RevKeenSettings(api_key=Secret(key)), environment)

    assert [(error.pointer, error.code) for error in errors] == (
        [] if key in fitting else [("/api_key", "wrong_environment")]
    )
    assert not any(key in error.detail for error in errors if len(key) > len("rk_live_"))


@pytest.mark.parametrize(
    ("secrets", "right"),
    [
        ((), True),
        (("one",), True),
        (("old", "new"), True),
        (("one", "one"), False),
        (("rk_live_abc",), False),
    ],
)
def test_webhook_secrets_are_several_different_ones(secrets: tuple[str, ...], right: bool) -> None:
    """During a rotation the old and the new one hold; one twice, or the API key, is a mistake."""
    settings = RevKeenSettings(
        api_key=Secret("rk_live_abc"), webhook_secrets=tuple(Secret(text) for text in secrets)
    )

    errors = adapter.check_settings(settings, "production")

    assert [error.pointer for error in errors] == ([] if right else ["/webhook_secrets"])


@pytest.mark.parametrize("environment", ["emulator", "sandbox", "production"])
def test_a_prefix_alone_is_no_key(environment: Environment) -> None:
    """A key that ends where its prefix does was cut off."""
    prefix = "rk_live_" if environment == "production" else "rk_sandbox_"

    (error,) = adapter.check_settings(RevKeenSettings(api_key=Secret(prefix)), environment)

    assert error.pointer == "/api_key"


def test_base_urls_hold_the_version() -> None:
    """Paths carry no version, so the base does; the emulator's address is configured."""
    assert dict(adapter.base_urls) == {
        "sandbox": "https://staging-api.revkeen.com/v2",
        "production": "https://api.revkeen.com/v2",
    }


@pytest.mark.parametrize("document", [{}, {"api_key": "x", "access_key": "y"}, {"webhook_secrets": []}])
def test_settings_are_strict(document: dict[str, object]) -> None:
    """The key is required, and an unknown one is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, RevKeenSettings, dec_hook=lambda _kind, value: Secret(value))


def test_secrets_do_not_print() -> None:
    """Settings that are printed or logged show stars."""
    settings = RevKeenSettings(api_key=Secret("rk_live_abc"), webhook_secrets=(Secret("whsec_abc"),))

    assert "abc" not in repr(settings)
