"""A client that drives the emulator directly, as tests want to read it."""

from typing import Any

import msgspec

from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse
from ordergate_revkeen.emulator import RevKeenEmulator

NOW = 1_777_716_000.0  # 2026-05-02T10:00:00Z
LINE = {"description": "Blue mug", "unit_price": 1250, "quantity": 2}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Client:
    """Speaks to one emulator, at a time that only the test moves."""

    def __init__(self, seed: int = 0, **switches: Any) -> None:
        self.emulator = RevKeenEmulator(seed)
        self.now = NOW
        self.key = self.emulator.describe().credentials["api_key"]
        self.customer = self.emulator.describe().customer
        if switches:
            self.switch(**switches)

    def switch(self, **switches: Any) -> None:
        self.emulator.set_switches(switches)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        query: str = "",
        headers: dict[str, str] | None = None,
    ) -> EmulatedResponse:
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        own = {"x-api-key": self.key, "content-type": "application/json"}
        if key is not None:
            own["idempotency-key"] = key
        request = EmulatedRequest(
            method=method, path=f"/v2{path}", query=query, headers={**own, **(headers or {})}, body=raw
        )
        return self.emulator.handle(request, self.now)

    def get(self, path: str, query: str = "") -> Any:
        return json_of(self.send("GET", path, query=query))

    def post(self, path: str, body: Any = None, **rest: Any) -> Any:
        response = self.send("POST", path, {} if body is None else body, **rest)
        assert response.status < 300, response.body
        return json_of(response)

    def create(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        order: dict[str, Any] = self.post("/orders", self.new_order(*lines, **fields))
        return order

    def new_order(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {"customer_id": self.customer, "line_items": list(lines) or [LINE], **fields}

    def paid(self, **fields: Any) -> dict[str, Any]:
        order: dict[str, Any] = self.post(f"/orders/{self.create(**fields)['id']}/pay")
        return order

    def method(self, outcome: str) -> str:
        methods = self.emulator.catalog()["payment_methods"]
        return str(next(method["id"] for method in methods if method["outcome"] == outcome))

    def act(self, order: dict[str, Any], action: str, amount: int | None = None) -> dict[str, Any]:
        return self.emulator.act(order["id"], action, amount, self.now)

    def order_in(self, status: str) -> dict[str, Any]:
        """Bring an order into a status by what a client and the dashboard can do."""
        if status == "pending":
            self.switch(new_order_status="pending")
        order = self.create()
        self.switch(new_order_status="draft")
        path = f"/orders/{order['id']}"
        if status == "partially_paid":
            self.post(f"{path}/pay", {"amount": 1000})
        if status in {"paid", "fulfilled", "refunded"}:
            self.post(f"{path}/pay")
        if status == "fulfilled":
            self.post(f"{path}/fulfill")
        if status == "canceled":
            self.post(f"{path}/cancel")
        if status == "refunded":
            self.act(order, "refund")
        found: dict[str, Any] = self.get(path)
        assert found["status"] == status
        return found

    def event_types(self, query: str = "") -> list[str]:
        """Return the types of recorded events, oldest first."""
        return [event["type"] for event in self.get("/events", query or "limit=100")["data"]][::-1]

    def payments(self) -> list[dict[str, Any]]:
        payments: list[dict[str, Any]] = self.emulator.state()["payments"]
        return payments


def json_of(response: EmulatedResponse) -> Any:
    assert response.headers["Content-Type"] == "application/json"
    return msgspec.json.decode(response.body)


def error_of(response: EmulatedResponse) -> dict[str, Any]:
    error: dict[str, Any] = json_of(response)["error"]
    return error
