"""The settings of an account at RevKeen."""

from ordergate.domain.account import Environment
from ordergate.domain.errors import FieldError
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.secret import Secret

BASE_URLS: dict[Environment, str] = {
    "sandbox": "https://staging-api.revkeen.com/v2",
    "production": "https://api.revkeen.com/v2",
}
"""RevKeen docs, API overview; the version is part of the base."""

API_VERSION = "2026-05-01"
"""Sent with each request: without it, the version that the key was issued with applies (docs, Versioning)."""

_PREFIXES: dict[Environment, str] = {
    "emulator": "rk_sandbox_",
    "sandbox": "rk_sandbox_",
    "production": "rk_live_",
}


class RevKeenSettings(AdapterSettings, frozen=True, kw_only=True):
    """The keys of an account's table that only RevKeen knows.

    Attributes:
        api_key: Sent as ``x-api-key``; ``rk_sandbox_…`` or ``rk_live_…`` (docs, Authentication).
        webhook_secrets: The secrets of RevKeen's signatures; several during a rotation.
    """

    api_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()


def settings_errors(settings: RevKeenSettings, environment: Environment) -> list[FieldError]:
    """Return the errors of the secrets: a key of the other world, an empty webhook secret."""
    return [*_key_errors(settings.api_key, environment), *_webhook_errors(settings)]


def _key_errors(key: Secret, environment: Environment) -> list[FieldError]:
    """The world of RevKeen's keys, by their prefix."""
    prefix = _PREFIXES[environment]
    if key.reveal().startswith(prefix) and key.reveal() != prefix:
        return []
    detail = f"A key for {environment} begins with {prefix}; this one does not."
    if key.reveal() == prefix:
        detail = f"A key continues after {prefix}; this one does not."
    return [FieldError(pointer="/api_key", code="wrong_environment", detail=detail)]


def _webhook_errors(settings: RevKeenSettings) -> list[FieldError]:
    secrets = settings.webhook_secrets
    errors = []
    if len(set(secrets)) < len(secrets):
        errors.append(
            "Two of them are the same; list the old one and the new one, and later the new one alone."
        )
    if settings.api_key in secrets:
        errors.append("One of them is the API key; RevKeen shows a webhook's own secret beside the endpoint.")
    return [FieldError(pointer="/webhook_secrets", code="duplicate", detail=detail) for detail in errors]
