"""What an account at Rapyd is configured with."""

from typing import Literal

from ordergate.domain.errors import FieldError
from ordergate.spi.adapter import AdapterSettings, Environment
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
        idempotency: What Rapyd's support enabled for the account. By default its idempotency covers payments
            only, and orders are not protected (docs, Idempotency).
    """

    access_key: Secret
    secret_key: Secret
    webhook_url: str | None = None
    idempotency: Literal["payments_only", "all_post"] = "payments_only"


def url_errors(settings: RapydSettings) -> list[FieldError]:
    """Return what is wrong with the webhook URL: a path alone would verify no delivery."""
    if settings.webhook_url is None or settings.webhook_url.startswith(("https://", "http://")):
        return []
    return [
        FieldError(
            pointer="/webhook_url",
            code="invalid_value",
            detail="The whole URL as it stands in Rapyd's portal, from https:// on: deliveries are signed over it.",
        )
    ]
