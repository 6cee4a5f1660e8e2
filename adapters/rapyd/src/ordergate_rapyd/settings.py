"""The settings of an account at Rapyd."""

from typing import Literal
from urllib.parse import urlsplit

from ordergate.domain.account import Environment
from ordergate.domain.errors import FieldError
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.secret import Secret

BASE_URLS: dict[Environment, str] = {
    "sandbox": "https://sandboxapi.rapyd.net",
    "production": "https://api.rapyd.net",
}
"""Rapyd docs, Create an Order; every path begins with /v1."""


class RapydSettings(AdapterSettings, frozen=True, kw_only=True):
    """The keys of an account's table that only Rapyd knows.

    Attributes:
        access_key: Names the account; sent with each request.
        secret_key: Signs; never sent (docs, Request Signatures).
        webhook_url: The whole URL configured in Rapyd's portal: deliveries are signed over it.
        idempotency: The idempotency that Rapyd's support has enabled for the account. By default it covers payments
            only, and orders are not protected (docs, Idempotency).
    """

    access_key: Secret
    secret_key: Secret
    webhook_url: str | None = None
    idempotency: Literal["payments_only", "all_post"] = "payments_only"


def settings_errors(settings: RapydSettings, environment: Environment) -> list[FieldError]:
    """Return the errors of the keys and of the webhook's URL; the keys do not name an environment."""
    errors = []
    if settings.access_key == settings.secret_key:
        detail = "It is the access key; Rapyd's portal shows the secret key beside it."
        errors.append(FieldError(pointer="/secret_key", code="duplicate", detail=detail))
    wrong = _webhook_url_error(settings.webhook_url, environment)
    if wrong is not None:
        errors.append(FieldError(pointer="/webhook_url", code="invalid_value", detail=wrong))
    return errors


def _webhook_url_error(url: str | None, environment: Environment) -> str | None:
    """Deliveries are signed over the whole URL, so it must be the very one in the portal."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"It is no URL: {error}."
    if parts.scheme not in {"http", "https"} or not host or any(letter.isspace() for letter in url):
        return (
            "It is the whole URL of the webhook, exactly as Rapyd's portal shows it: https://…/hooks/ACCOUNT."
        )
    if parts.scheme == "http" and environment != "emulator":
        return "It begins with https://: Rapyd delivers to nothing else."
    return None
