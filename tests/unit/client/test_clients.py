"""Both clients at the seam of httpx: what is really sent, and that they are the same client twice."""

import inspect
from typing import Any

import httpx
import msgspec
import pytest
import respx

from ordergate import client
from ordergate.client import (
    AsyncClient,
    Client,
    Draft,
    DraftLine,
    NoAnswerError,
    OutcomeUnknown,
    asynchronous,
    asynchronous_events,
    blocking,
    blocking_events,
    calls,
)
from ordergate.web.examples import CHAIR_ORDER

URL = "https://orders.example.com"
KEY = "og_test_1"
DRAFT = Draft(currency="USD", line_items=[DraftLine(description="Chair", quantity=1, unit_amount=20000)])


@pytest.fixture
def router() -> respx.Router:
    return respx.Router(base_url=URL, assert_all_called=False)


@pytest.fixture
def gateway(router: respx.Router) -> Client:
    return Client(URL, KEY, http=httpx.Client(transport=httpx.MockTransport(router.handler)))


@pytest.fixture
def async_gateway(router: respx.Router) -> AsyncClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler))
    return AsyncClient(URL, KEY, http=http)


def lost_twice() -> list[Any]:
    """An answer that was lost, one that came too late, and one that came."""
    return [httpx.ReadError, httpx.ReadTimeout, httpx.Response(201, json=CHAIR_ORDER)]


def headers_of(route: respx.Route, name: str) -> list[str]:
    return [call.request.headers[name] for call in route.calls]


def test_a_lost_answer_is_asked_for_under_the_same_key(gateway: Client, router: respx.Router) -> None:
    """Three attempts of one call are alike, byte for byte; the next call has a key of its own."""
    route = router.post("/v1/orders").mock(side_effect=[*lost_twice(), httpx.Response(201, json=CHAIR_ORDER)])

    order = gateway.orders.create(DRAFT)
    gateway.orders.create(DRAFT)

    keys = headers_of(route, "Idempotency-Key")
    assert order.total == CHAIR_ORDER["total"]
    assert (len(keys), len(set(keys[:3])), len(set(keys))) == (4, 1, 2)
    assert len({call.request.content for call in route.calls}) == 1
    assert set(headers_of(route, "Authorization")) == {f"Bearer {KEY}"}


async def test_the_async_client_does_the_same(async_gateway: AsyncClient, router: respx.Router) -> None:
    """The caller's own key is kept over lost answers."""
    route = router.post("/v1/orders/ord_1/pay").mock(side_effect=lost_twice())

    await async_gateway.orders.pay("ord_1", idempotency_key="pay-1")

    assert headers_of(route, "Idempotency-Key") == ["pay-1"] * 3


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_what_never_left_is_not_in_doubt(
    gateway: Client, router: respx.Router, error: type[httpx.TransportError]
) -> None:
    """A write whose connection was not made was not applied."""
    router.post("/v1/orders").mock(side_effect=error)

    with pytest.raises(NoAnswerError):
        gateway.orders.create(DRAFT, timeout=0.1)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadError, httpx.WriteError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ProxyError],
)
def test_what_may_have_left_is_in_doubt(
    gateway: Client, router: respx.Router, error: type[httpx.TransportError]
) -> None:
    """A write that may have arrived may have been applied, and its key is told."""
    router.post("/v1/orders").mock(side_effect=error)

    with pytest.raises(OutcomeUnknown) as raised:
        gateway.orders.create(DRAFT, idempotency_key="mine", timeout=0.1)

    assert raised.value.idempotency_key == "mine"
    assert KEY not in str(raised.value)
    assert KEY not in repr([vars(gateway), vars(gateway._connection)])


def test_what_is_sent(gateway: Client, router: respx.Router) -> None:
    """Filters, ids and options stand where the gateway reads them, whatever characters they have."""
    route = router.get("/v1/orders").respond(json={"data": [], "has_more": False})
    links = router.route(path__startswith="/v1/links").respond(json={"main": "sku_1"})

    gateway.orders.list(customer="a&b", limit=5, status=client.OrderStatus.PAID, timeout=3)
    gateway.links.put("products", "A/B 1%", {"main": "sku_1"}, merchant="acme")
    gateway.links.delete("products", "A/B 1%")
    listed = route.calls[0].request
    put, deleted = [call.request for call in links.calls]

    assert dict(listed.url.params) == {"customer": "a&b", "limit": "5", "status": "paid"}
    assert put.url.raw_path == b"/v1/links/products/A%2FB%201%25?merchant=acme"
    assert (put.method, deleted.method) == ("PUT", "DELETE")
    assert "Idempotency-Key" not in put.headers


def test_the_key_stands_whatever_the_given_client_would_send(router: respx.Router) -> None:
    """Neither its own authentication nor its readiness to follow redirects changes where the key goes."""
    route = router.get("/v1/orders/ord_1").respond(307, headers={"Location": "https://elsewhere.example.com"})
    transport = httpx.MockTransport(router.handler)
    with httpx.Client(transport=transport, auth=("a", "b"), follow_redirects=True) as http:
        gateway = Client(URL, KEY, http=http)
        with pytest.raises(client.UnreadableAnswerError) as redirected:
            gateway.orders.get("ord_1")

    assert redirected.value.status == 307
    assert headers_of(route, "Authorization") == [f"Bearer {KEY}"]


def test_lists_are_gone_through_page_by_page(gateway: Client, router: respx.Router) -> None:
    """Each page begins after the last row of the one before, with the same filters."""

    def answer(request: httpx.Request) -> httpx.Response:
        more = "starting_after" not in request.url.params
        rows = [{**CHAIR_ORDER, "id": f"ord_{number}"} for number in ((1, 2) if more else (3,))]
        return httpx.Response(200, json={"data": rows, "has_more": more})

    route = router.get("/v1/orders").mock(side_effect=answer)

    assert [order.id for order in gateway.orders.iterate(account="main")] == ["ord_1", "ord_2", "ord_3"]
    assert dict(route.calls[1].request.url.params) == {"account": "main", "starting_after": "ord_2"}


def test_lists_are_gone_through_to_newer_rows_too(gateway: Client, router: respx.Router) -> None:
    """Each page ends before the first row of the one before."""

    def answer(request: httpx.Request) -> httpx.Response:
        more = request.url.params["ending_before"] == "ord_1"
        rows = [{**CHAIR_ORDER, "id": f"ord_{number}"} for number in ((3, 2) if more else (4,))]
        return httpx.Response(200, json={"data": rows, "has_more": more})

    route = router.get("/v1/orders").mock(side_effect=answer)

    assert len(list(gateway.orders.iterate(ending_before="ord_1"))) == 3
    assert dict(route.calls[1].request.url.params) == {"ending_before": "ord_3"}


async def test_events_are_gone_through_in_their_order(
    async_gateway: AsyncClient, router: respx.Router
) -> None:
    """The feed goes on after the last event, and tells types that this release does not know."""

    def event(number: int) -> dict[str, Any]:
        moment = "2026-03-01T12:00:00Z"
        told = {"id": f"evt_{number}", "number": number, "type": "order.beamed", "timestamp": moment}
        return {**told, "order": "ord_1", "data": {}}

    def answer(request: httpx.Request) -> httpx.Response:
        more = request.url.params["after"] == "7"
        return httpx.Response(200, json={"data": [event(8 if more else 9)], "has_more": more})

    route = router.get("/v1/events").mock(side_effect=answer)

    assert [each.number async for each in async_gateway.events.iterate(after=7)] == [8, 9]
    assert [call.request.url.params["after"] for call in route.calls] == ["7", "evt_8"]


async def test_a_client_that_was_given_stays_open() -> None:
    """Only what the client has opened itself is closed with it."""
    async with httpx.AsyncClient() as given:
        async with AsyncClient(URL, KEY, http=given), AsyncClient(URL, KEY) as own:
            pass

        assert (given.is_closed, own._connection._http.is_closed) == (False, True)


def _surface(prefix: str, *modules: Any) -> dict[str, dict[str, list[str]]]:
    """By class and method, the parameters with their annotations."""
    classes = {
        name.removeprefix(prefix): found
        for module in modules
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__
    }
    return {
        name: {
            method: [str(each) for each in inspect.signature(function).parameters.values()]
            for method, function in inspect.getmembers(found, inspect.isfunction)
            if not method.startswith("_")
        }
        for name, found in classes.items()
    }


def test_both_clients_have_the_same_calls() -> None:
    """Whatever one can do the other can, by the same names and with the same arguments."""
    ordinary = _surface("", blocking, blocking_events)
    awaited = _surface("Async", asynchronous, asynchronous_events)
    awaited["Client"]["close"] = awaited["Client"].pop("aclose")

    assert ordinary == awaited
    assert sum(map(len, ordinary.values())) > 45


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("orders.example.com", KEY),
        ("ftp://orders.example.com", KEY),
        ("https://orders.example.com?a=b", KEY),
        ("https://user:secret@orders.example.com", KEY),
        ("https://orders.example.com:port", KEY),
        (URL, f"{KEY}\n"),
        (URL, ""),
    ],
)
def test_what_cannot_be_a_gateway_is_refused(url: str, key: str) -> None:
    """Before anything is sent, and without the key in the message."""
    with pytest.raises(ValueError, match=r"base_url|api_key") as raised:
        Client(url, key)

    assert KEY not in str(raised.value)


def test_what_would_go_astray_is_refused(gateway: Client) -> None:
    """An id that would lead to another address, and a key that no header can hold."""
    for order_id in ("", ".", ".."):
        with pytest.raises(ValueError, match="id"):
            gateway.orders.get(order_id)
    for key in ("", "a b", "é", "a\n", "k" * 256):
        with pytest.raises(ValueError, match="idempotency_key"):
            gateway.orders.create(DRAFT, idempotency_key=key)
    with pytest.raises(ValueError, match="timeout"):
        Client(URL, KEY, timeout=0)
    with pytest.raises(ValueError, match="timeout"):
        gateway.orders.get("ord_1", timeout=0)
    with pytest.raises(ValueError, match="a write of an order"):
        gateway.operations.begin(calls.get_order("ord_1"))
    for seconds in (-1, 10_000):
        with pytest.raises(ValueError, match="whole seconds"):
            gateway.operations.begin(calls.create_order(DRAFT), wait=seconds)


def test_an_order_that_is_the_providers_alone_has_no_address(gateway: Client) -> None:
    """What the provider lists and nobody adopted cannot be paid here."""
    stranger = msgspec.convert({**CHAIR_ORDER, "id": None}, client.Order)

    with pytest.raises(ValueError, match="import"):
        gateway.orders.pay(stranger)


def test_only_comparisons_that_execute_have_a_key() -> None:
    """To translate is a read, whatever its method."""
    read, written = (calls.create_comparison(DRAFT, ["main"], mode) for mode in ("translate", "execute"))

    assert (read.key, read.writes, read.repeatable) == (None, False, True)
    assert written.key
    assert written.writes


def test_everything_exported_is_there() -> None:
    """`__all__` is sorted, and true."""
    assert client.__all__ == sorted(client.__all__)
    assert all(hasattr(client, name) for name in client.__all__)


def test_a_draft_leaves_what_an_update_leaves_out(gateway: Client, router: respx.Router) -> None:
    """Of a change, what is not named is not sent, and None is."""
    route = router.patch("/v1/orders/ord_1").respond(json=CHAIR_ORDER)

    gateway.orders.update("ord_1", client.UpdateBody(notes=None))

    assert msgspec.json.decode(route.calls[0].request.content) == {"notes": None}
