"""The smallest provider that shows what a server does to it; as a script, it is served until a signal.

``POST /v2/orders`` keeps an order and its payment, which closes by itself a fifth of a second later, and
``POST /v2/orders/{id}`` tells of it; any other path answers with the request as it was seen.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ordergate.spi.emulator import (
    DeliveryAttempt,
    DeliveryRules,
    EmulatedRequest,
    EmulatedResponse,
    EmulatorDescription,
    InvalidControlError,
    UnknownOrderError,
    WebhookEvent,
)

JSON = {"Content-Type": "application/json"}
PAYMENT_TAKES = 0.2


def _json(status: int, value: Any) -> EmulatedResponse:
    return EmulatedResponse(status=status, headers=JSON, body=msgspec.json.encode(value))


class FakeProvider:
    def __init__(self, webhook_secret: str | None = None) -> None:
        self.webhook_secret = webhook_secret
        self.resets = 0
        self._start_over()

    def _start_over(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.products = ["prod_1"]
        self.strict = True
        self.told: list[str] = []
        self.pending: list[WebhookEvent] = []
        self.wanted = False
        self.rules = DeliveryRules(timeout=5, waits=(300, 1800))

    def tell(self, order_id: str, kind: str) -> None:
        event_id = f"evt_{len(self.told) + 1}"
        self.told.append(event_id)
        body = json.dumps({"id": event_id, "type": kind}).encode()
        if self.wanted:
            self.pending.append(WebhookEvent(id=event_id, type=kind, order_id=order_id, body=body))

    def describe(self) -> EmulatorDescription:
        return EmulatorDescription(
            base_path="/v2",
            credentials={"api_key": "key_1"},
            webhook_secret=self.webhook_secret,
            customer="cus_1",
            products=["prod_1"],
            payment_methods=["pm_1"],
        )

    def handle(self, request: EmulatedRequest, now: float) -> EmulatedResponse:
        if request.path == "/v2/orders" and request.method == "POST":
            order = {"id": f"ord_{len(self.orders) + 1}", "status": "open", "created": now}
            self.orders.append(order)
            self.tell(order["id"], "created")
            return _json(201, order)
        if request.path.startswith("/v2/orders/") and request.method == "POST":
            self.tell(request.path.removeprefix("/v2/orders/"), request.query or "changed")
            return _json(200, {})
        if request.path == "/v2/nothing":
            return EmulatedResponse(status=204)
        if request.path == "/v2/defect":
            raise RuntimeError("a defect of the emulator")
        seen = msgspec.to_builtins(request) | {"body": request.body.decode("latin-1"), "now": now}
        return _json(200, seen)

    def advance(self, now: float) -> None:
        for order in self.orders:
            if order["status"] == "open" and now - order["created"] >= PAYMENT_TAKES:
                order["status"] = "paid"
                self.tell(order["id"], "paid")

    def rate_limited(self, now: float) -> EmulatedResponse:
        return EmulatedResponse(status=429, headers={"Retry-After": "7"}, body=b'{"fault":"slow down"}')

    def failure(self, status: int, now: float) -> EmulatedResponse:
        return _json(status, {"fault": f"failure {status}"})

    def state(self) -> dict[str, Any]:
        return {"orders": self.orders, "payments": [], "returns": []}

    def reset(self) -> None:
        self.resets += 1
        self._start_over()

    def act(self, order_id: str, action: str, amount: int | None, now: float) -> dict[str, Any]:
        order = next((order for order in self.orders if order["id"] == order_id), None)
        if order is None:
            raise UnknownOrderError(order_id)
        if order["status"] == "refunded":
            raise InvalidControlError("The order is refunded already.")
        order |= {"status": "refunded", "action": action, "amount": amount}
        self.tell(order["id"], action)
        return order

    def catalog(self) -> dict[str, Any]:
        return {"products": self.products}

    def replace_catalog(self, catalog: bytes) -> None:
        try:
            self.products = json.loads(catalog)["products"]
        except (ValueError, KeyError):
            raise InvalidControlError("A catalog has products.") from None

    def switches(self) -> dict[str, Any]:
        return {"strict": self.strict}

    def set_switches(self, switches: Mapping[str, Any]) -> None:
        if set(switches) - {"strict"}:
            raise InvalidControlError("There is one switch: strict.")
        self.strict = switches["strict"]

    def keep_events(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def take_events(self) -> Sequence[WebhookEvent]:
        pending, self.pending = self.pending, []
        return pending

    def delivery_rules(self) -> DeliveryRules:
        return self.rules

    def sign_delivery(self, event: WebhookEvent, attempt: DeliveryAttempt) -> Mapping[str, str]:
        signed = [attempt.url, f"{attempt.signed_at:.3f}", f"{attempt.first_signed_at:.3f}"]
        return {
            "Content-Type": "application/json",
            "attempt": str(attempt.number),
            "signed": " ".join(signed),
            "secrets": " ".join(attempt.secrets),
        }


def main() -> None:
    from ordergate.emulation.server import announcement, serve_emulator

    emulator = FakeProvider()

    def announce(base_url: str) -> None:
        sys.stdout.write(json.dumps(announcement("fake", emulator, base_url)) + "\n")
        sys.stdout.flush()

    stop_with_stdin = "--stop-with-stdin" in sys.argv
    asyncio.run(
        serve_emulator(
            emulator, host="127.0.0.1", port=0, seed=1, on_ready=announce, stop_with_stdin=stop_with_stdin
        )
    )


if __name__ == "__main__":
    main()
