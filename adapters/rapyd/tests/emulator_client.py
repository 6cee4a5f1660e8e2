"""A small signing client, and the requests that the emulator's tests send."""

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any

import msgspec

from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse
from ordergate_rapyd.emulator import RapydEmulator

START = 1_763_477_605.0


class Answer(msgspec.Struct):
    """A response, read."""

    response: EmulatedResponse

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def envelope(self) -> dict[str, Any]:
        envelope: dict[str, Any] = json.loads(self.response.body)
        return envelope

    @property
    def code(self) -> str:
        return self.envelope["status"]["error_code"]

    @property
    def data(self) -> Any:
        assert self.status == 200, self.response.body
        return self.envelope["data"]


class Client:
    """Signs requests to one emulator; its clock stands still until it is moved."""

    def __init__(self, seed: int = 0, **switches: Any) -> None:
        self.emulator = RapydEmulator(seed)
        self.emulator.set_switches(switches)
        self.now = START
        self._salts = itertools.count()
        self.description = self.emulator.describe()

    def signed(
        self, method: str, target: str, body: bytes = b"", signed_as: str | None = None, **headers: str
    ) -> EmulatedRequest:
        """Return a request signed over `signed_as`, by default over the body; headers given win."""
        keys = self.description.credentials
        salt, timestamp = f"salt{next(self._salts):08}", str(int(self.now))
        salt, timestamp = headers.get("salt", salt), headers.get("timestamp", timestamp)
        text = body.decode() if signed_as is None else signed_as
        message = method.lower() + target + salt + timestamp + keys["access_key"] + keys["secret_key"] + text
        digest = hmac.new(keys["secret_key"].encode(), message.encode(), hashlib.sha256).hexdigest()
        signature = base64.b64encode(digest.encode()).decode()
        path, _, query = target.partition("?")
        given = {
            "access_key": keys["access_key"],
            "salt": salt,
            "timestamp": timestamp,
            "signature": signature,
        }
        return EmulatedRequest(method=method, path=path, query=query, headers={**given, **headers}, body=body)

    def send(self, request: EmulatedRequest) -> Answer:
        return Answer(self.emulator.handle(request, self.now))

    def get(self, target: str, **headers: str) -> Answer:
        return self.send(self.signed("GET", target, **headers))

    def post(self, target: str, body: Any = None, **headers: str) -> Answer:
        text = "" if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return self.send(self.signed("POST", target, text.encode(), "" if text == "{}" else None, **headers))

    def entry(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """Return the first entry of the catalog with these members."""
        entries = self.emulator.catalog()[kind]
        return next(entry for entry in entries if wanted.items() <= entry.items())

    def order_body(self, **changes: Any) -> dict[str, Any]:
        """Return a body that makes an order of 410 USD; a member set to None is left out."""
        sku = self.description.products[0]
        body = {
            "customer": self.description.customer,
            "currency": "USD",
            "items": [sku_item(sku), shipping_item()],
            "upstream_id": "2025-11-18a",
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def created(self, **changes: Any) -> dict[str, Any]:
        return self.post("/v1/orders", self.order_body(**changes)).data

    def pay(self, order: dict[str, Any], body: Any = None) -> Answer:
        return self.post(f"/v1/orders/{order['id']}/pay", body)

    def pay_with(self, order: dict[str, Any], **wanted: Any) -> Answer:
        """Pay with the first payment method that has these members."""
        return self.pay(order, {"payment_method": self.entry("payment_methods", **wanted)["id"]})

    def update(self, order: dict[str, Any], **changes: Any) -> Answer:
        return self.post(f"/v1/orders/{order['id']}", changes)

    def retrieve(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"/v1/orders/{order['id']}").data

    def give_back(self, order: dict[str, Any], *items: dict[str, Any]) -> Answer:
        return self.post(f"/v1/orders/{order['id']}/returns", {"items": list(items)})

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def in_status(self, status: str, **changes: Any) -> dict[str, Any]:
        """Return an order that has come to this status by documented steps."""
        order = self.created(**changes)
        steps = {
            "created": [],
            "pending": ["pay"],
            "paid": ["pay", "wait"],
            "fulfilled": ["pay", "wait", "fulfilled"],
            "returned": ["pay", "wait", "return"],
            "canceled": ["pay", "wait", "canceled"],
        }[status]
        for step in steps:
            self._step(order, step)
        order = self.retrieve(order)
        assert order["status"] == status
        return order

    def _step(self, order: dict[str, Any], step: str) -> None:
        match step:
            case "pay":
                assert self.pay(order).status == 200
            case "wait":
                self.wait(1)
            case "return":
                assert self.give_back(order, shipping_item()).status == 200
            case _:
                assert self.update(order, status=step).status == 200


def sku_item(sku: str, **changes: Any) -> dict[str, Any]:
    """Return a line of two at 200 USD."""
    item = {
        "type": "sku",
        "currency": "USD",
        "amount": 200,
        "quantity": 2,
        "parent": sku,
        "description": "Deluxe Gamer's Chair",
        **changes,
    }
    return {name: value for name, value in item.items() if value is not None}


def shipping_item(**changes: Any) -> dict[str, Any]:
    """Return a shipping line of 10 USD, fit for orders and for returns."""
    item = {
        "type": "shipping",
        "amount": 10,
        "quantity": 1,
        "currency": "USD",
        "description": "Shipping",
        **changes,
    }
    return {name: value for name, value in item.items() if value is not None}
