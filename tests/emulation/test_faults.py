"""What each fault looks like to a client, and what it leaves at the provider."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from tests.emulation.conftest import Running, first_request, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATE = b"POST /v2/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(("at", "orders"), [("before", 0), ("after", 1)])
async def test_a_drop_closes_the_connection_without_a_byte(server: Running, at: str, orders: int) -> None:
    """The client of a dropped request sees the connection end; after the commit the order exists."""
    await server.faults({"at": at, "do": "drop"})

    assert await server.raw(CREATE) == b""
    assert len(server.provider.orders) == orders


async def test_a_drop_is_a_broken_protocol_to_an_http_client(server: Running) -> None:
    """An HTTP client raises rather than finding an answer, and the next connection works."""
    await server.faults({"at": "after", "do": "drop", "times": 1})

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await server.order()
    assert (await server.order()).json()["id"] == "ord_2"


@pytest.mark.parametrize(("at", "orders"), [("before", 0), ("after", 1)])
async def test_a_truncated_answer_announces_more_than_it_sends(server: Running, at: str, orders: int) -> None:
    """Half the body arrives under the full Content-Length, and then the connection ends."""
    await server.faults({"at": at, "do": "truncate"})

    head, _, body = (await server.raw(CREATE)).partition(b"\r\n\r\n")

    announced = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert len(body) == announced // 2 > 0
    assert head.startswith(b"HTTP/1.1 201 " if orders else b"HTTP/1.1 500 ")
    assert len(server.provider.orders) == orders


async def test_a_long_answer_is_cut_at_half_however_slowly_it_is_read(server: Running) -> None:
    """All of the half is written out before the connection closes."""
    await server.faults({"at": "after", "do": "truncate"})
    body = b"a" * 4_000_000

    answer = await server.raw(b"POST /v2/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n" + body)

    assert 2_000_000 < len(answer) < 2_001_000


async def test_a_truncated_answer_is_an_error_to_an_http_client(server: Running) -> None:
    """An HTTP client notices that the body is short."""
    await server.faults({"at": "after", "do": "truncate"})

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await server.order()


@pytest.mark.parametrize("request_line", [b"GET /v2/nothing", b"HEAD /v2/orders"])
async def test_an_answer_without_a_body_cannot_be_cut_and_is_dropped(
    server: Running, request_line: bytes
) -> None:
    """Where there is nothing to halve, the client gets nothing at all."""
    await server.faults({"at": "after", "do": "truncate"})

    assert await server.raw(request_line + b" HTTP/1.1\r\nHost: a\r\n\r\n") == b""


@pytest.mark.parametrize(("at", "during"), [("before", 0), ("after", 1)])
async def test_a_delay_holds_up_the_provider_or_its_answer(server: Running, at: str, during: int) -> None:
    """Both delays answer normally in the end; only after the commit does the order exist meanwhile."""
    await server.faults({"at": at, "do": "delay", "seconds": 1})
    started = time.monotonic()
    answer = asyncio.create_task(server.order())
    meanwhile = await first_request(server.client)

    assert len(meanwhile["orders"]) == during
    assert (await answer).status_code == 201
    assert time.monotonic() - started >= 1
    assert len(server.provider.orders) == 1


@pytest.mark.parametrize(("at", "orders"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"do": "status", "status": 503}, 503, '"failure 503"'),
        ({"do": "status", "status": 401}, 401, '"failure 401"'),
        ({"do": "html"}, 502, "<h1>502 Bad Gateway</h1>"),
        ({"do": "html", "status": 504}, 504, "<h1>504 Gateway Timeout</h1>"),
        ({"do": "html", "status": 599}, 599, "<h1>599 Error</h1>"),
        ({"do": "rate_limit"}, 429, '"slow down"'),
    ],
)
async def test_an_answer_is_replaced(
    server: Running, at: str, orders: int, fault: dict[str, Any], status: int, words: str
) -> None:
    """The client sees another answer; whether the provider acted depends on the moment alone."""
    await server.faults({"at": at, **fault})

    answer = await server.order()

    assert answer.status_code == status
    assert words in answer.text
    assert len(server.provider.orders) == orders


async def test_the_replaced_answers_keep_their_headers(server: Running) -> None:
    """The provider's 429 says when to come back, and the proxy's page is HTML."""
    await server.faults({"do": "rate_limit", "times": 1}, {"do": "html"})

    assert (await server.order()).headers["retry-after"] == "7"
    assert (await server.order()).headers["content-type"].startswith("text/html")


async def test_a_rule_hits_as_often_as_it_says_and_only_what_it_matches(server: Running) -> None:
    """Times counts over requests, and the control plane shows the count."""
    await server.faults(
        {"match": {"method": "post", "path": "/orders"}, "do": "status", "status": 500, "times": 2}
    )
    other = await server.client.get("/v2/orders")

    statuses = [(await server.order()).status_code for _ in range(3)]

    assert other.status_code == 200
    assert statuses == [500, 500, 201]
    assert (await server.client.get("/_emulator/faults")).json()["hits"] == [2]


async def test_a_rule_without_the_query_matches_a_path_with_one(server: Running) -> None:
    """The query is no part of what a rule is compared with."""
    await server.faults({"match": {"path": "/orders"}, "do": "status", "status": 500})

    assert (await server.client.get("/v2/orders?limit=1")).status_code == 500


async def test_probability_follows_the_seed_and_starts_again_at_a_reset(server: Running) -> None:
    """A seed decides which requests fail, the same again after a reset."""

    async def statuses(served: Running) -> list[int]:
        await served.faults({"do": "status", "status": 500, "probability": 0.5})
        return [(await served.client.get("/v2/x")).status_code for _ in range(24)]

    first = await statuses(server)
    await server.client.post("/_emulator/reset")
    again = await statuses(server)
    async with running(seed=2) as other:
        different = await statuses(other)

    assert set(first) == {200, 500}
    assert again == first
    assert different != first


async def test_faults_never_touch_the_control_plane(server: Running) -> None:
    """A rule for everything leaves the calls under /_emulator alone, and those are not counted."""
    await server.faults({"do": "drop"}, {"match": {"path": "*"}, "do": "drop"})

    state = await server.client.get("/_emulator/state")

    assert state.json()["requests"] == 0


async def test_an_empty_list_ends_all_faults(server: Running) -> None:
    """The rules are replaced as a whole."""
    await server.faults({"do": "drop"})
    await server.faults()

    assert (await server.order()).status_code == 201
