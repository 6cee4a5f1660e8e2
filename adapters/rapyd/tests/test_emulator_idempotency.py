"""The ``idempotency`` header in every set-up of an account."""

import pytest

from .emulator_client import Client


def test_header_is_ignored_on_orders_by_default() -> None:
    """Create, pay, update and return are all unprotected."""
    client = Client()
    first = client.post("/v1/orders", client.order_body(), idempotency="key")
    second = client.post("/v1/orders", client.order_body(), idempotency="key")
    order = first.data

    assert order["id"] != second.data["id"]
    path = f"/v1/orders/{order['id']}"
    assert client.post(f"{path}/pay", idempotency="key").data["status"] == "pending"
    assert client.post(f"{path}/pay", idempotency="key").code == "ERROR_PAY_ORDER"


def test_all_post_repeats_the_first_answer() -> None:
    """The same value brings back the same bytes for a day, operation id included."""
    client = Client(idempotency="all_post")
    first = client.post("/v1/orders", client.order_body(), idempotency="key")
    client.wait(86_399)
    second = client.post("/v1/orders", client.order_body(), idempotency="key")
    assert second.response == first.response
    assert len(client.emulator.state()["orders"]) == 1

    client.wait(1)
    third = client.post("/v1/orders", client.order_body(), idempotency="key")
    assert third.data["id"] != first.data["id"]


def test_all_post_heeds_neither_path_nor_body() -> None:
    """A value used again for something else repeats an unrelated answer, and does nothing."""
    client = Client(idempotency="all_post")
    first = client.post("/v1/orders", client.order_body(), idempotency="key")
    order = first.data
    crossed = client.post(f"/v1/orders/{order['id']}/pay", idempotency="key")

    assert crossed.response == first.response
    assert client.retrieve(order)["status"] == "created"


def test_all_post_leaves_get_and_missing_headers_alone() -> None:
    """Reads and requests without a value are never repeated."""
    client = Client(idempotency="all_post")
    order = client.created()
    path = f"/v1/orders/{order['id']}"
    client.get(path, idempotency="key")
    client.update(order, metadata={"a": 1})

    assert client.get(path, idempotency="key").data["metadata"] == {"a": 1}
    assert client.created()["id"] != client.created()["id"]
    blank = [client.post("/v1/orders", client.order_body(), idempotency="").data["id"] for _ in range(2)]
    assert blank[0] != blank[1]


@pytest.mark.parametrize(
    ("remembers", "codes"), [(True, ["ERROR_MISSING_CUSTOMER"] * 2), (False, ["ERROR_MISSING_CUSTOMER", ""])]
)
def test_errors_are_repeated_by_switch(remembers: bool, codes: list[str]) -> None:
    """Whether a failure is remembered is not documented."""
    client = Client(idempotency="all_post", idempotency_remembers_errors=remembers)
    bodies = [client.order_body(customer="cus_0"), client.order_body()]

    assert codes == [client.post("/v1/orders", body, idempotency="key").code for body in bodies]


def test_unauthenticated_requests_do_not_count() -> None:
    """A request that was turned away is not the first request of its value."""
    client = Client(idempotency="all_post")
    body = client.order_body()

    assert client.post("/v1/orders", body, idempotency="key", signature="x").status == 401
    assert client.post("/v1/orders", body, idempotency="key").status == 200
    assert client.post("/v1/orders", body, idempotency="key", signature="x").status == 401


def test_reject_refuses_the_repetition() -> None:
    """In the older set-up the second request fails for a day."""
    client = Client(idempotency="reject", idempotency_seconds=100)
    assert client.post("/v1/orders", client.order_body(), idempotency="key").status == 200
    client.wait(99)
    answer = client.post("/v1/orders", client.order_body(), idempotency="key")
    assert (answer.status, answer.code) == (400, "IDEMPOTENCY_ERROR")

    client.wait(1)
    assert client.post("/v1/orders", client.order_body(), idempotency="key").status == 200
