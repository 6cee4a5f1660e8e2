"""Observations of an emulator, each through requests that a client could send."""

from collections.abc import Callable
from typing import Any

import msgspec

from ordergate.spi.emulator import DeliveryAttempt, WebhookEvent

from .emulator_client import LINE, NOBODY, Client, error_of, json_of


def status_of(method: str, path: str, body: Any = None, **rest: Any) -> Callable[[Client], int]:
    """Build a probe that sends one request and sees the status."""
    return lambda client: client.send(method, path, body, **rest).status


def create_with(**fields: Any) -> Callable[[Client], int]:
    """Build a probe that creates an order with these fields and sees the status."""
    return status_of("POST", "/orders", {"line_items": [LINE], **fields})


def pay(client: Client, **body: Any) -> Any:
    """Pay a new order; return the response."""
    return client.send("POST", f"/orders/{client.create()['id']}/pay", body)


def pay_guest(client: Client, **body: Any) -> Any:
    """Pay a new guest order; return the response."""
    order = client.post("/orders", {"line_items": [LINE]})
    return client.send("POST", f"/orders/{order['id']}/pay", body)


def with_live_key(client: Client) -> Any:
    """See whether the live key works, and what livemode its events say."""
    live = {"x-api-key": client.key.replace("rk_sandbox_", "rk_live_")}
    if client.send("POST", "/orders", client.new_order(), headers=live).status == 401:
        return 401
    return json_of(client.send("GET", "/events", headers=live))["data"][0]["livemode"]


def refused_key(client: Client) -> Any:
    """See status, code and challenge with a wrong key."""
    response = client.send("GET", "/orders", headers={"x-api-key": "wrong"})
    return error_of(response)["code"], "WWW-Authenticate" in response.headers


def own_key(client: Client) -> Any:
    """See what the right key gives."""
    response = client.send("GET", "/orders")
    return response.status if response.status == 200 else error_of(response)["code"]


def lacking_scope(client: Client) -> Any:
    """See the type of a 403."""
    client.switch(key_scopes=[])
    return error_of(client.send("GET", "/orders"))["type"]


def pay_with_write_only(client: Client) -> int:
    """Update with a key that holds orders:write only."""
    client.switch(key_scopes=["orders:write"])
    return client.send("PATCH", f"/orders/{NOBODY}", {}).status


def version_for(asked: str | None) -> Callable[[Client], Any]:
    """Build a probe that sees status and effective version."""

    def probe(client: Client) -> Any:
        headers = {} if asked is None else {"revkeen-version": asked}
        response = client.send("GET", "/orders", headers=headers)
        return response.status, response.headers["RevKeen-Version"]

    return probe


def codes(client: Client) -> Any:
    """See the codes of a 400, a 404 and a 401."""
    responses = [
        client.send("POST", "/orders", {}),
        client.send("GET", f"/orders/{NOBODY}"),
        client.send("GET", "/orders", headers={"x-api-key": ""}),
    ]
    return [error_of(response)["code"] for response in responses]


def shape(client: Client) -> Any:
    """See the keys of an error, outer and inner."""
    error = json_of(client.send("POST", "/orders", {}))
    return sorted(error), sorted(error["error"]) if isinstance(error["error"], dict) else error["error"]


def array_path(client: Client) -> Any:
    """See the path of a field inside a line, in both places."""
    error = error_of(client.send("POST", "/orders", {"line_items": [{"description": "x"}]}))
    return error["param"], list(error["details"]["fields"])


def conflict_type(client: Client) -> str:
    """See the type of an idempotency conflict."""
    client.send("POST", "/orders", {}, key="k")
    return str(error_of(client.send("POST", "/orders", b"", key="k"))["type"])


def rejected(client: Client) -> Any:
    """See how canceling a paid order is refused."""
    response = client.send("POST", f"/orders/{client.paid()['id']}/cancel", {})
    return response.status, error_of(response)["code"]


def declined(client: Client) -> Any:
    """See how a decline is answered."""
    response = pay(client, payment_token="tok_declines")
    return response.status, error_of(response)["code"]


def without_body(client: Client) -> list[int]:
    """Send update, pay and fulfill without a body."""
    path = f"/orders/{client.create()['id']}"
    sent = [client.send("PATCH", path), client.send("POST", f"{path}/pay")]
    return [response.status for response in sent]


def new_field(name: str) -> Callable[[Client], Any]:
    """Build a probe that sees one field of a new order."""
    return lambda client: client.create(currency="EuR").get(name, "absent")


def key_counts(client: Client) -> Any:
    """See how many keys a new order and its line have."""
    order = client.create()
    return len(order), len(order.get("line_items", [{}])[0])


def lines_in(client: Client) -> Any:
    """See where line items appear: create, retrieve, list."""
    order = client.create()
    found = [order, client.get(f"/orders/{order['id']}"), client.get("/orders")["data"][0]]
    return ["line_items" in form for form in found]


def update(client: Client, **body: Any) -> Any:
    """Update an order that has customer, metadata and notes; return status and body."""
    order = client.create(metadata={"a": 1}, notes="old")
    response = client.send("PATCH", f"/orders/{order['id']}", body)
    return response.status, json_of(response)


def line_with_product(client: Client) -> Any:
    """See price and text of a line that names the first product."""
    product_id = client.emulator.describe().products[1]
    line = client.create(LINE | {"product_id": product_id})["line_items"][0]
    return line["unit_price"], line["description"]


def taxed(client: Client) -> Any:
    """See tax and totals of three cents times three."""
    order = client.create({"description": "x", "unit_price": 3, "quantity": 3})
    line = order["line_items"][0]
    return line["tax"], line["total"], order["tax"], order["total"], order["amount_due"]


def after_expiry(client: Client) -> Any:
    """See status, cancellation time and payability at the moment of expiry."""
    order = client.create(expires_at="2026-05-02T10:00:30Z")
    client.now += 30
    found = client.get(f"/orders/{order['id']}")
    paid = client.send("POST", f"/orders/{order['id']}/pay", {}).status
    return found["status"], found["canceled_at"], paid


def both_methods(client: Client) -> Any:
    """Pay by a good card and a declining token at once."""
    return pay(client, payment_method_id=client.method("succeeds"), payment_token="tok_declines").status


def both_methods_reversed(client: Client) -> Any:
    """Pay by a declining card and a good token at once."""
    return pay(client, payment_method_id=client.method("card_declined"), payment_token="tok_pays").status


def pay_free(client: Client) -> int:
    """Pay an order of nothing."""
    order = client.create({"description": "Gift", "unit_price": 0})
    return client.send("POST", f"/orders/{order['id']}/pay", {}).status


def invoices(client: Client) -> bool:
    """See whether the second payment changes the invoice."""
    path = f"/orders/{client.create()['id']}/pay"
    first = client.post(path, {"amount": 1})["invoice_id"]
    return bool(client.post(path)["invoice_id"] == first)


def default_pay(client: Client) -> Any:
    """See the status of an order after a plain pay, and what is due."""
    order = json_of(pay(client))
    return order["status"], order["amount_due"]


def pending_after_a_minute(client: Client) -> str:
    """See the status of an order a minute after an asynchronous payment began."""
    order = json_of(pay(client, payment_token="tok_pending"))
    client.now += 60
    return str(client.get(f"/orders/{order['id']}")["status"])


def paid_twice(client: Client) -> Any:
    """Pay while a payment is pending, then let that one close too."""
    order = json_of(pay(client, payment_token="tok_pending"))
    status = client.send("POST", f"/orders/{order['id']}/pay", {}).status
    closed = client.act(order, "payment_closed")
    return status, closed["amount_paid"], closed["amount_due"]


def after_failed_challenge(client: Client) -> str:
    """See the status after a failed challenge."""
    order = json_of(pay(client, payment_token="tok_challenge"))
    return str(client.act(order, "3ds_fail")["status"])


def outage(client: Client) -> Any:
    """See what pay answers, and what was charged."""
    return pay(client).status, len(client.payments())


def cancel_in_flight(client: Client) -> Any:
    """Cancel while a payment is pending, and look again after its time."""
    client.switch(pending_payment_seconds=10.0)
    order = json_of(pay(client, payment_token="tok_pending"))
    status = client.send("POST", f"/orders/{order['id']}/cancel", {}).status
    client.now += 10
    found = client.get(f"/orders/{order['id']}")
    return status, found["status"], found["amount_paid"]


def fulfill_lines(line_ids: Callable[[list[str]], list[str]]) -> Callable[[Client], Any]:
    """Build a probe that fulfills chosen lines of a paid order whose first line is fulfilled."""

    def probe(client: Client) -> Any:
        order = client.post(f"/orders/{client.create(LINE, LINE)['id']}/pay")
        ids = [line["id"] for line in order["line_items"]]
        path = f"/orders/{order['id']}/fulfill"
        client.switch(fulfill_fulfilled=True)
        client.post(path, {"line_item_ids": ids[:1]})
        response = client.send("POST", path, {"line_item_ids": line_ids(ids)})
        return response.status, client.get(f"/orders/{order['id']}")["fulfillment_status"]

    return probe


def partly_fulfilled(client: Client) -> str:
    """See the status after one of two lines."""
    order = client.post(f"/orders/{client.create(LINE, LINE)['id']}/pay")
    body = {"line_item_ids": [order["line_items"][0]["id"]]}
    return str(client.post(f"/orders/{order['id']}/fulfill", body)["status"])


def refunded(client: Client) -> Any:
    """See status and amount due after a full refund."""
    order = client.act(client.paid(), "refund")
    return order["status"], order["amount_due"]


def refund(client: Client) -> Any:
    """See the keys of a refund's answer."""
    client.paid()
    return len(client.post("/refunds", {"payment_id": client.payments()[0]["id"]}))


def without_key(client: Client) -> int:
    """Create without a key, while a GET and an update need none either way."""
    assert client.send("GET", "/orders").status == 200
    return client.send("POST", "/orders", client.new_order()).status


def other_whitespace(client: Client) -> int:
    """Repeat a key with the same JSON in other bytes."""
    path = f"/orders/{client.create()['id']}"
    client.send("PATCH", path, b'{"notes":"a"}', key="k")
    return client.send("PATCH", path, b'{ "notes": "a" }', key="k").status


def repeat_after(status: int, prepare: dict[str, Any], repair: dict[str, Any]) -> Callable[[Client], int]:
    """Build a probe that repeats a key after its refusal's cause is gone."""

    def probe(client: Client) -> int:
        client.switch(**prepare)
        client.send("GET", "/orders")
        assert client.send("POST", "/orders", client.new_order(), key="k").status == status
        client.switch(**repair)
        return client.send("POST", "/orders", client.new_order(), key="k").status

    return probe


def repeat_after_404(client: Client) -> int:
    """Repeat a key once the missing customer exists."""
    catalog = client.emulator.catalog()
    client.emulator.replace_catalog(b"{}")
    client.send("POST", "/orders", client.new_order(), key="k")
    client.emulator.replace_catalog(msgspec.json.encode(catalog))
    return client.send("POST", "/orders", client.new_order(), key="k").status


def immediate_repeat(client: Client) -> int:
    """Repeat a key at the same instant."""
    client.send("POST", "/orders", client.new_order(), key="k")
    return client.send("POST", "/orders", client.new_order(), key="k").status


def listed(query: str, count: int = 3) -> Callable[[Client], Any]:
    """Build a probe that sees the status and row count of a list of some orders."""

    def probe(client: Client) -> Any:
        for _ in range(count):
            client.create()
        response = client.send("GET", "/orders", query=query)
        return response.status if response.status != 200 else len(json_of(response)["data"])

    return probe


def both_cursors(client: Client) -> Any:
    """List between two cursors."""
    ids = [client.create()["id"] for _ in range(3)]
    query = f"starting_after={ids[1]}&ending_before={ids[1]}"
    response = client.send("GET", "/orders", query=query)
    return response.status if response.status != 200 else len(json_of(response)["data"])


def first_is_first(client: Client) -> bool:
    """See whether the oldest order comes first."""
    first = client.create()
    client.create()
    return bool(client.get("/orders")["data"][0]["id"] == first["id"])


def flood(count: int) -> Callable[[Client], Any]:
    """Build a probe that sends many requests at once and counts the refused ones."""
    return lambda client: sum(client.send("GET", "/orders").status == 429 for _ in range(count))


def limited_flood(count: int) -> Callable[[Client], Any]:
    """Build the same probe with limits enforced."""

    def probe(client: Client) -> Any:
        client.switch(rate_limits=True)
        return flood(count)(client)

    return probe


def recovered(client: Client) -> int:
    """Count what passes in the second after the burst is used up."""
    client.switch(rate_limits=True, burst=100)
    flood(100)(client)
    client.now += 1
    return 60 - int(flood(60)(client))


def retry_after(client: Client) -> Any:
    """See Retry-After of a forced 429."""
    return client.emulator.rate_limited(client.now).headers.get("Retry-After")


def rate_headers(client: Client) -> Any:
    """See X-RateLimit-Remaining on a 200 and on a 429."""
    client.switch(rate_limits=True, burst=2)
    sent = [client.send("GET", "/orders") for _ in range(3)]
    return [response.headers.get("X-RateLimit-Remaining") for response in sent]


def event_id(client: Client) -> bool:
    """See whether event ids start with evt_, and work as cursors."""
    client.paid()
    newest = client.get("/events", "limit=1")["data"][0]["id"]
    assert len(client.get("/events", f"starting_after={newest}")["data"]) == 2
    return bool(newest.startswith("evt_"))


def all_events(client: Client) -> list[str]:
    """See the types of a paid order's events."""
    client.paid()
    return client.event_types()


def delivered_members(client: Client) -> int:
    """Count the members of a delivery."""
    client.emulator.keep_events(wanted=True)
    client.create()
    (event,) = client.emulator.take_events()
    return len(msgspec.json.decode(event.body))


def retry_headers(client: Client) -> list[str]:
    """See the names of the headers of a retry that can tell its signature's age."""
    event = WebhookEvent(id="evt_1", type="order.paid", order_id="", body=b"{}")
    attempt = DeliveryAttempt(number=2, url="http://x/", signed_at=300, first_signed_at=0)
    headers = client.emulator.sign_delivery(event, attempt)
    return [f"{name} {value.split(',')[0]}" for name, value in headers.items() if "ignature" in name]


def attempts(client: Client) -> int:
    """Count how often a delivery is tried."""
    return 1 + len(client.emulator.delivery_rules().waits)
