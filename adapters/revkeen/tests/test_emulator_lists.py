"""The lists: orders, events and a customer's orders."""

import pytest

from .emulator_client import LINE, NOBODY, NOW, Client, error_of


def orders_of(client, count):
    """Create orders one second apart; return their ids, oldest first."""
    ids = []
    for _ in range(count):
        ids.append(client.create()["id"])
        client.now += 1
    return ids


def ids_of(page):
    return [row["id"] for row in page["data"]]


def test_an_empty_list():
    """No orders is a page of none."""
    assert Client().get("/orders") == {"object": "list", "data": [], "has_more": False, "total_count": 0}


def test_the_newest_order_comes_first():
    """Rows are newest first, also within one second, and are whole Orders."""
    client = Client()
    ids = [client.create()["id"] for _ in range(3)]
    page = client.get("/orders")

    assert ids_of(page) == ids[::-1]
    assert page["data"][0] == client.get(f"/orders/{ids[-1]}")


def test_twenty_by_default_and_a_hundred_at_most():
    """Without limit a page has 20 rows; 100 is taken, 101 refused."""
    client = Client()
    orders_of(client, 21)

    page = client.get("/orders")
    assert (len(page["data"]), page["has_more"], page["total_count"]) == (20, True, 21)
    assert len(client.get("/orders", "limit=100")["data"]) == 21
    assert client.send("GET", "/orders", query="limit=101").status == 400


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10])
def test_walking_down_meets_every_order_once(size):
    """starting_after with the last row's id walks from the newest to the oldest."""
    client = Client()
    ids = orders_of(client, 7)
    seen: list[str] = []
    more = True
    while more:
        page = client.get("/orders", f"limit={size}" + (f"&starting_after={seen[-1]}" if seen else ""))
        seen += ids_of(page)
        more = page["has_more"]

    assert seen == ids[::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_walking_up_meets_every_order_once(size):
    """ending_before with the first row's id walks back up, each page in list order."""
    client = Client()
    ids = orders_of(client, 7)
    seen = [ids[0]]
    more = True
    while more:
        page = client.get("/orders", f"limit={size}&ending_before={seen[0]}")
        seen = ids_of(page) + seen
        more = page["has_more"]

    assert seen == ids[::-1]


def test_a_page_that_ends_exactly_has_no_more():
    """has_more is about further rows, not about a full page, in both directions."""
    client = Client()
    ids = orders_of(client, 3)

    assert client.get("/orders", f"limit=2&ending_before={ids[0]}")["has_more"] is False
    assert client.get("/orders", f"limit=2&starting_after={ids[2]}")["has_more"] is False
    assert client.get("/orders", f"limit=1&ending_before={ids[0]}")["has_more"] is True


def test_pages_do_not_shift_when_orders_arrive():
    """A new order does not change what comes after a cursor."""
    client = Client()
    ids = orders_of(client, 4)
    client.create()

    assert ids_of(client.get("/orders", f"starting_after={ids[2]}")) == [ids[1], ids[0]]


def test_filters_select():
    """customer_id, status, billing_type and creation time each select, and count."""
    client = Client()
    other = client.emulator.catalog()["customers"][1]["id"]
    first = client.create(billing_type="recurring")["id"]
    client.now += 10.7
    second = client.create(customer_id=other)["id"]
    client.post(f"/orders/{second}/pay", {"payment_token": "tok_pays"})
    created = int(NOW) + 10

    for query, expected in {
        f"customer_id={client.customer}": [first],
        f"customer_id={other.upper()}": [second],
        f"customer_id={NOBODY}": [],
        "status=paid": [second],
        "status=draft": [first],
        "billing_type=recurring": [first],
        f"created_gte={created}": [second],
        f"created_gte={created + 1}": [],
        f"created_lte={created}": [second, first],
        f"created_lte={created - 0.5}": [first],
        "created_gte=null&created_lte=": [second, first],
        f"status=paid&customer_id={client.customer}": [],
    }.items():
        page = client.get("/orders", query)
        assert (query, ids_of(page), page["total_count"]) == (query, expected, len(expected))


def test_a_cursor_may_be_filtered_out():
    """The cursor's place counts, not whether it passes the filters."""
    client = Client()
    ids = orders_of(client, 4)
    client.post(f"/orders/{ids[2]}/cancel")

    assert ids_of(client.get("/orders", f"status=draft&starting_after={ids[2]}")) == [ids[1], ids[0]]
    assert ids_of(client.get("/orders", f"status=draft&ending_before={ids[2]}")) == [ids[3]]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=5.0", "limit"),
        ("limit=%D9%A5", "limit"),
        ("status=partially_fulfilled", "status"),
        ("status=paid,draft", "status"),
        ("status=paid&status=draft", "status"),
        ("billing_type=x", "billing_type"),
        ("customer_id=cus_1", "customer_id"),
        ("created_gte=2026-05-02", "created_gte"),
        ("created_lte=1e9", "created_lte"),
        ("created_lte=inf", "created_lte"),
        ("starting_after=ord_1", "starting_after"),
        (f"starting_after={NOBODY}", "starting_after"),
        (f"ending_before={NOBODY}", "ending_before"),
        (f"starting_after={NOBODY}&ending_before={NOBODY}", "ending_before"),
        ("offset=20", "offset"),
        ("sort=asc", "sort"),
    ],
)
def test_bad_queries_are_refused(query, param):
    """Unknown, repeated and malformed parameters are a 400 that names them."""
    response = Client().send("GET", "/orders", query=query)

    assert (response.status, error_of(response)["param"]) == (400, param)


def test_events_of_one_order():
    """order_id finds an order's own events and those of its payments and refunds."""
    client = Client()
    client.paid()
    order = client.paid()
    client.act(order, "refund")

    types = client.event_types(f"order_id={order['id']}&limit=100")
    assert types == [
        "order.created",
        "payment.succeeded",
        "order.paid",
        "refund.created",
        "refund.succeeded",
        "payment.refunded",
        "order.updated",
    ]


def test_events_filter_and_page():
    """type, types, created bounds and cursors work on events as on orders; there is no total."""
    client = Client()
    client.paid()
    client.now += 10
    client.paid()
    moment = int(client.now)

    assert client.event_types("type=order.paid") == ["order.paid"] * 2
    assert client.event_types("types=order.paid,%20order.created") == ["order.created", "order.paid"] * 2
    assert client.event_types(f"created_gte={moment}&types=order.paid") == ["order.paid"]
    assert client.event_types(f"created_lte={moment - 1}") == client.event_types(f"created_gte={moment}")
    page = client.get("/events", "limit=4")
    assert page["has_more"] is True
    assert "total_count" not in page
    rest = client.get("/events", f"starting_after={page['data'][-1]['id']}")
    assert (len(rest["data"]), rest["has_more"]) == (2, False)
    assert client.get("/events", f"ending_before={rest['data'][0]['id']}")["data"] == page["data"]


@pytest.mark.parametrize("query", ["order_id=x", "status=paid", f"starting_after={NOBODY}", "limit=101"])
def test_bad_event_queries_are_refused(query):
    """Events check their parameters as strictly as orders."""
    assert Client().send("GET", "/events", query=query).status == 400


def test_events_do_not_change_afterwards():
    """An event shows the order as it was."""
    client = Client()
    order = client.create()
    client.post(f"/orders/{order['id']}/pay")

    assert client.get("/events", "type=order.created")["data"][0]["data"]["object"] == order


def test_a_customers_orders_are_slim_rows():
    """The customer's list has rows of its own form: total_minor, no object, no lines, no total_count."""
    client = Client()
    client.post("/orders", {"line_items": [LINE]})
    order = client.paid()
    page = client.get(f"/customers/{client.customer}/orders")

    names = (
        "id", "public_id", "customer_id", "status", "currency",
        "fulfilled_at", "canceled_at", "created_at", "updated_at",
    )  # fmt: skip
    row = {name: order[name] for name in names} | {"total_minor": 2500}
    assert page == {"object": "list", "data": [row], "has_more": False}
    assert client.get(f"/customers/{client.customer}/orders", "status=canceled")["data"] == []


@pytest.mark.parametrize(
    ("customer", "query", "status"), [(NOBODY, "", 404), (None, "status=draft", 400), (None, "limit=0", 400)]
)
def test_errors_of_a_customers_orders_have_no_type(customer, query, status):
    """This family answers code and message only; it filters by four statuses."""
    client = Client()
    response = client.send("GET", f"/customers/{customer or client.customer}/orders", query=query)

    assert response.status == status
    assert set(error_of(response)) == {"code", "message"}
