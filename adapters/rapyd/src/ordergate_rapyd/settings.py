"""What an account at Rapyd is configured with."""

from typing import Literal

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
