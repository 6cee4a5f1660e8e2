"""Lists of orders, payments and returns, and their cursors."""

from typing import Any

import pytest

from .emulator_client import Client, shipping_item


def _orders(client: Client, count: int) -> list[str]:
    ids = []
    for _ in range(count):
        ids.append(client.created()["id"])
        client.wait(1)
    return ids


def _listed(client: Client, query: str) -> list[str]:
    return [order["id"] for order in client.get(f"/v1/orders{query}").data]


def _walked(client: Client, resource: str, limit: int) -> list[str]:
    """Page by the last id until a page is short."""
    ids: list[str] = []
    query = f"?limit={limit}"
    while True:
        page = [entry["id"] for entry in client.get(f"/v1/{resource}{query}").data]
        ids.extend(page)
        if len(page) < limit:
            return ids
        query = f"?limit={limit}&starting_after={page[-1]}"


def test_empty_list() -> None:
    """No orders are an empty array, without any other member."""
    envelope = Client().get("/v1/orders").envelope

    assert list(envelope) == ["status", "data"]
    assert envelope["data"] == []


@pytest.mark.parametrize("direction", ["oldest_first", "newest_first"])
@pytest.mark.parametrize("limit", [1, 4, 5, 23, 100])
def test_paging_by_the_last_id_sees_every_order_once(direction: str, limit: int) -> None:
    """Whatever the direction, paging terminates and nothing is missed or repeated."""
    client = Client(list_direction=direction)
    ids = _orders(client, 23)

    assert (ids if direction == "oldest_first" else ids[::-1]) == _walked(client, "orders", limit)


PAGES = [
    ("", slice(0, 10), slice(23, 13, -1)),
    ("?limit=2", slice(0, 2), slice(23, 21, -1)),
    ("?limit=3&starting_after={5}", slice(6, 9), slice(4, 1, -1)),
    ("?limit=3&ending_before={5}", slice(2, 5), slice(8, 5, -1)),
    ("?limit=100&starting_after={5}&ending_before={9}", slice(6, 9), slice(0, 0)),
    ("?limit=100&starting_after={9}&ending_before={5}", slice(0, 0), slice(8, 5, -1)),
    ("?limit=2&starting_after={5}&ending_before={9}", slice(6, 8), slice(0, 0)),
    ("?starting_after={23}", slice(0, 0), slice(22, 12, -1)),
    ("?ending_before={0}", slice(0, 0), slice(10, 0, -1)),
    ("?starting_after=&limit=1&unknown=1", slice(0, 1), slice(23, 22, -1)),
]


@pytest.mark.parametrize(("query", "oldest_first", "newest_first"), PAGES)
def test_cursors(query: str, oldest_first: slice, newest_first: slice) -> None:
    """Oldest first, ``starting_after`` leads to newer and ``ending_before`` to older orders; else reversed."""
    client = Client()
    ids = _orders(client, 24)
    query = query.format(*ids)

    assert ids[oldest_first] == _listed(client, query)
    client.emulator.set_switches({"list_direction": "newest_first"})
    assert ids[newest_first] == _listed(client, query)


@pytest.mark.parametrize("resource", ["orders", "order_returns", "payments"])
@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "1.5", "", "%31%30%30%30", "9" * 50])
def test_limit_out_of_range(resource: str, limit: str) -> None:
    """The limit is a whole number from 1 to 100."""
    answer = Client().get(f"/v1/{resource}?limit={limit}")

    assert (answer.status, answer.code) == (400, "INVALID_LIMIT")


@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
def test_unknown_cursor(cursor: str) -> None:
    """A cursor that does not exist is refused, or leads nowhere."""
    client = Client()
    _orders(client, 3)
    target = f"/v1/orders?{cursor}=order_0"

    assert client.get(target).code == "ERROR_GET_LIST_ORDER"
    client.emulator.set_switches({"unknown_cursor": "empty"})
    assert client.get(target).data == []


def _returned(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    order = client.in_status("paid")
    return order, client.give_back(order, shipping_item(amount=1)).data


def test_list_of_returns() -> None:
    """Returns of all orders are listed; ``tokens`` is ignored unless switched on."""
    client = Client()
    orders, returns = zip(*(_returned(client) for _ in range(3)), strict=True)
    ids = [entry["id"] for entry in returns]
    assert ids == _walked(client, "order_returns", 2)

    target = f"/v1/order_returns?tokens={orders[0]['id']},{orders[2]['id']}"
    assert len(client.get(target).data) == 3
    client.emulator.set_switches({"returns_tokens_filter": True})
    assert client.get(target).data == [returns[0], returns[2]]


def test_list_of_payments() -> None:
    """Payments are found by their order, although they do not name it."""
    client = Client()
    paid, other = client.created(), client.created()
    payment = client.pay(paid).data["payment"]
    client.pay(other)

    assert client.get(f"/v1/payments?order={paid['id']}").data == [payment]
    assert client.get("/v1/payments?order=order_0").data == []
    assert len(_walked(client, "payments", 1)) == 2
    client.emulator.set_switches({"payment_order": "id"})
    assert client.get(f"/v1/payments?order={paid['id']}").data == [{**payment, "order": paid["id"]}]
