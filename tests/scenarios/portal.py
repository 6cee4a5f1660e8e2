"""What somebody does at Rapyd itself, beside the gateway: in its portal, or with the same keys from elsewhere."""

import json
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.scenarios.shop import Emulator

from ordergate_rapyd.signing import authentication_headers


def change(emulator: Emulator, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change an order; the answer is the order as Rapyd has it."""
    return _post(emulator, f"/v1/orders/{order['provider_order_id']}", changes)


def take_back(emulator: Emulator, order: dict[str, Any], *items: dict[str, Any]) -> dict[str, Any]:
    """Return goods of an order; the answer is the return."""
    return _post(emulator, f"/v1/orders/{order['provider_order_id']}/returns", {"items": list(items)})


def goods(emulator: Emulator, sku: int = 0, **changes: Any) -> dict[str, Any]:
    """One piece of a product, for 10."""
    item = {"type": "sku", "parent": emulator.products[sku], "amount": 10, "quantity": 1}
    return {**item, "currency": "USD", **changes}


def _post(emulator: Emulator, path: str, body: dict[str, Any]) -> dict[str, Any]:
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = authentication_headers(
        method="POST",
        path=path,
        body=content,
        access_key=emulator.credentials["access_key"],
        secret_key=emulator.credentials["secret_key"],
        now=int(time.time()),
        salt="0123456789abcdef",
    )
    url = urlsplit(emulator.base_url)._replace(path=path).geturl()
    answer = httpx.post(
        url, content=content, headers=[("content-type", "application/json"), *headers], verify=False
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]
