"""What the provider sees of a request, and the client of an answer, when nothing goes wrong."""

import asyncio
import logging

import httpx
import pytest
from tests.emulation.conftest import Running, until

from ordergate.emulation.exchange import MAX_BODY_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%2Fb/../c?x=%41", "/a%2Fb/../c", "x=%41"),
        (b"/v2//orders/?a=1&a=2&b", "/v2//orders/", "a=1&a=2&b"),
        (b"/%7Euser/%c3%a9?q=a+b%20c", "/%7Euser/%c3%a9", "q=a+b%20c"),
        (b"//_emulator/state", "//_emulator/state", ""),
        (b"/%5Femulator/state", "/%5Femulator/state", ""),
        (b"/_emulators", "/_emulators", ""),
        (b"/schema/openapi.json?", "/schema/openapi.json", ""),
    ],
)
async def test_the_target_arrives_byte_for_byte(
    server: Running, target: bytes, path: str, query: str
) -> None:
    """Nothing is decoded, tidied or taken for a call of the control plane."""
    answer = await server.raw(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert f'"path":"{path}","query":"{query}"'.encode() in answer


async def test_method_headers_and_body_arrive(server: Running) -> None:
    """Header names come in lower case and the last of repeated ones counts; the body is as it was sent."""
    seen = await server.client.request(
        "PATCH", "/v2/x", headers=[("X-One", "1"), ("X-Two", "a"), ("x-two", "b")], content=b"\x00\xff{"
    )

    assert seen.json()["method"] == "PATCH"
    assert seen.json()["headers"]["x-one"] == "1"
    assert seen.json()["headers"]["x-two"] == "b"
    assert seen.json()["body"] == "\x00\xff{"


async def test_a_chunked_body_arrives_whole(server: Running) -> None:
    """A body in pieces is put together before the provider sees it."""
    answer = await server.raw(
        b"POST /v2/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    assert b'"body":"abcde"' in answer


async def test_the_answer_is_the_providers_with_its_length(server: Running) -> None:
    """The server adds the length and the date, and no name of its own."""
    answer = await server.order()

    assert set(answer.headers) == {"content-type", "content-length", "date"}
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_an_answer_without_content_has_no_length(server: Running) -> None:
    """A 204 ends with its head, and the connection serves on."""
    nothing = await server.client.get("/v2/nothing")

    assert nothing.status_code == 204
    assert "content-length" not in nothing.headers
    assert (await server.order()).status_code == 201


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "PROPFIND", "TRACE"])
async def test_every_method_reaches_the_provider(server: Running, method: str) -> None:
    """No method is refused on the provider's behalf."""
    assert (await server.client.request(method, "/v2/orders")).json()["method"] == method


async def test_a_strange_host_reaches_the_provider(server: Running) -> None:
    """Which host a client names is for the provider to judge."""
    answer = await server.raw(b"GET /v2/x HTTP/1.1\r\nHost: b@d host\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_refused(server: Running) -> None:
    """The refusal is the provider's own, and leaves a connection that works."""
    fits = await server.client.post("/v2/x", content=b"a" * MAX_BODY_BYTES)
    larger = await server.client.post("/v2/x", content=b"a" * (MAX_BODY_BYTES + 1))

    assert len(fits.json()["body"]) == MAX_BODY_BYTES
    assert (larger.status_code, larger.json()) == (413, {"fault": "failure 413"})
    assert (await server.order()).status_code == 201
    assert (await server.client.get("/_emulator/state")).json()["requests"] == 3


async def test_a_request_that_never_came_whole_is_not_handled(server: Running) -> None:
    """A client that leaves inside its body has not asked for anything."""
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"POST /v2/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()

    state = (await server.client.get("/_emulator/state")).json()

    assert (state["orders"], state["requests"]) == ([], 0)


async def test_a_client_that_leaves_during_a_delay_has_still_ordered(server: Running) -> None:
    """A request that came whole is handled, whether or not anybody waits."""
    await server.faults({"do": "delay", "seconds": 0.2})

    with pytest.raises(httpx.ReadTimeout):
        await server.client.post("/v2/orders", json={}, timeout=httpx.Timeout(60, read=0.05))

    await until(lambda: len(server.provider.orders) == 1)


async def test_a_defect_is_logged_and_not_dressed_up(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """An emulator that raises gives a plain 500 and a traceback, and the server lives on."""
    with caplog.at_level(logging.ERROR):
        answer = await server.client.get("/v2/defect")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "a defect of the emulator" in caplog.text
    assert (await server.order()).status_code == 201
