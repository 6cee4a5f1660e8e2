"""What leaves for the provider, and what comes back: seen at the seam to httpx."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
import respx
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.transport.conftest import NOW, account

from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.refusals import path_segment
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.log import CallFacts, current_call
from ordergate.transport.engine import HttpxEngine
from ordergate.transport.http import HttpTransport

GET = WireRequest(method="GET", path="/orders/o_1")
POST = WireRequest(
    method="POST",
    path="/orders",
    body=b'{"total":1.50,"note":"\xc3\xa4 \\u00e4"}\n',
    headers=(("content-type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")),
    acts=True,
)
URL = "https://api.example.test/v2"


@pytest.fixture
def router() -> respx.Router:
    """What the provider answers."""
    return respx.Router(assert_all_called=False)


@pytest_asyncio.fixture
async def transport(router: respx.Router) -> AsyncIterator[HttpTransport]:
    """A transport whose engine is the router."""
    made = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(router.async_handler)))
    yield made
    await made.close()


def _sent(route: respx.Route) -> httpx.Request:
    request: httpx.Request = route.calls.last.request
    return request


async def test_the_bytes_are_sent_as_they_are(router: respx.Router, transport: HttpTransport) -> None:
    """The body leaves byte for byte as it was signed, with its own length."""
    route = router.post(f"{URL}/orders").respond(200)

    await transport.send(account(), POST)

    assert _sent(route).content == POST.body
    assert _sent(route).headers["content-length"] == str(len(POST.body))


async def test_nothing_is_added_but_what_http_needs(router: respx.Router, transport: HttpTransport) -> None:
    """Besides the request's and the signature's headers only Host, Content-Length and User-Agent go out."""
    route = router.post(f"{URL}/orders").respond(200)

    await transport.send(account(), POST)

    headers = [(name.decode(), value.decode()) for name, value in _sent(route).headers.raw]
    names = [name.lower() for name, _ in headers]
    assert sorted(names) == sorted(
        ["content-type", "x-twice", "x-twice", "x-signed", "user-agent", "host", "content-length"]
    )
    assert ("Host", "api.example.test") in headers
    assert re.fullmatch(r"ordergate/[0-9.]+", dict(headers)["user-agent"])


async def test_a_read_has_no_body(router: respx.Router, transport: HttpTransport) -> None:
    """A request without bytes is sent without bytes, and claims none."""
    route = router.get(f"{URL}/orders/o_1").respond(200)

    await transport.send(account(), GET)

    assert _sent(route).content == b""
    assert _sent(route).headers.get("content-length", "0") == "0"
    assert "content-type" not in _sent(route).headers


@pytest.mark.parametrize(
    "path",
    [
        "/orders",
        "/orders?limit=5&starting_after=a%2Fb",
        "/orders/a%2Fb%3Fc%23d",
        "/orders/a%20b?x=a+b&y=%C3%A4&z=%2b",
        "/orders/%2e%2E/x",
        "/orders?created_gte=2026-01-01T00%3A00%3A00Z&empty=",
        "/orders/~a!$&'()*+,;=:@",
        "/orders//x",
        "/orders?",
    ],
)
async def test_path_and_query_are_sent_unchanged(
    router: respx.Router, transport: HttpTransport, path: str
) -> None:
    """What stands behind the base URL is sent as it was signed: nothing is decoded, encoded or tidied up."""
    route = router.route().respond(200)

    await transport.send(account(), WireRequest(method="GET", path=path))

    assert _sent(route).url.raw_path.decode() == f"/v2{path}"


@given(
    identifier=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda identifier: identifier not in {".", ".."}  # those are refused: they would lead elsewhere
    ),
    value=st.text(st.characters(exclude_categories=["Cs"])),
)
async def test_any_id_and_any_filter_are_sent_unchanged(identifier: str, value: str) -> None:
    """Whatever an id or a filter holds, its encoded form reaches the wire as the adapter wrote it."""
    router = respx.Router(assert_all_called=False)
    route = router.route().respond(200)
    transport = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(router.async_handler)))
    path = f"/orders/x{path_segment(identifier)}?{urlencode({'customer': value})}"

    await transport.send(account(), WireRequest(method="GET", path=path))

    assert _sent(route).url.raw_path.decode() == f"/v2{path}"


async def test_each_send_is_signed_anew(router: respx.Router) -> None:
    """Every send is signed over its own time and a nonce that was never used before."""
    route = router.post(f"{URL}/orders").respond(200)
    times = iter(NOW + timedelta(seconds=n) for n in range(20))
    transport = HttpTransport(lambda: next(times), HttpxEngine(httpx.MockTransport(router.async_handler)))

    for _ in range(20):
        await transport.send(account(), POST)

    signed = [call.request.headers["x-signed"].split() for call in route.calls]
    assert [int(now) for now, _, _ in signed] == [int(NOW.timestamp()) + n for n in range(20)]
    assert len({nonce for _, nonce, _ in signed}) == 20
    assert {length for _, _, length in signed} == {str(len(POST.body))}


async def test_the_answer_comes_as_it_is(router: respx.Router, transport: HttpTransport) -> None:
    """Status, headers in lower case, of repeated ones the last, and the body's bytes come back."""
    router.get(f"{URL}/orders/o_1").respond(
        418,
        headers=[("X-Request-ID", "r_1"), ("X-Twice", "1"), ("x-twice", "2")],
        content=b"\x00\xff not json",
    )

    answer = await transport.send(account(), GET)

    assert (answer.status, answer.body) == (418, b"\x00\xff not json")
    assert (answer.headers["x-request-id"], answer.headers["x-twice"]) == ("r_1", "2")


async def test_cookies_are_not_sent_back(router: respx.Router, transport: HttpTransport) -> None:
    """A cookie that the provider sets is forgotten."""
    route = router.get(f"{URL}/orders/o_1").respond(200, headers={"Set-Cookie": "session=1; Path=/"})

    await transport.send(account(), GET)
    await transport.send(account(), GET)

    assert "cookie" not in _sent(route).headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_", [GET, POST], ids=["read", "write"])
async def test_redirects_are_answers(
    router: respx.Router, transport: HttpTransport, status: int, request_: WireRequest
) -> None:
    """A redirect is handed back, not followed."""
    route = router.route().respond(status, headers={"Location": f"{URL}/elsewhere"})

    answer = await transport.send(account(), request_)

    assert (answer.status, answer.headers["location"]) == (status, f"{URL}/elsewhere")
    assert route.call_count == 1


@pytest.mark.parametrize("status", [401, 408, 409, 425, 429, 500, 502, 503, 504])
async def test_no_answer_is_tried_again(router: respx.Router, transport: HttpTransport, status: int) -> None:
    """Whatever the provider answers, it was asked once."""
    route = router.route().respond(status, headers={"Retry-After": "0"})

    answer = await transport.send(account(), POST)

    assert answer.status == status
    assert route.call_count == 1


def _all_kinds(kind: type[Exception]) -> set[type[Exception]]:
    return {kind, *(sub for child in kind.__subclasses__() for sub in _all_kinds(child))}


NEVER_LEFT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol}
FAILURES = sorted(_all_kinds(httpx.RequestError) | {OSError, TimeoutError}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", FAILURES)
async def test_every_failure_says_whether_it_may_have_arrived(
    router: respx.Router, transport: HttpTransport, kind: type[Exception]
) -> None:
    """A request surely never left only where no connection was made; each failure was tried once."""
    route = router.route().mock(side_effect=kind("broken"))

    with pytest.raises(TransportError) as failed:
        await transport.send(account(), POST)

    assert failed.value.sent == ("no" if kind in NEVER_LEFT else "maybe")
    assert failed.value.reason == "Plain Pay did not answer: broken."
    assert route.call_count == 1


async def test_the_time_is_noted_for_the_caller(router: respx.Router, transport: HttpTransport) -> None:
    """The time that the provider took is added to the call's, failures included."""
    router.get(f"{URL}/orders/o_1").respond(200)
    router.post(f"{URL}/orders").mock(side_effect=httpx.ReadTimeout("slow"))
    facts = CallFacts(request_id="req_1", configuration="0" * 12)
    token = current_call.set(facts)

    try:
        await transport.send(account(), GET)
        first = facts.provider_seconds
        with pytest.raises(TransportError):
            await transport.send(account(), POST)
    finally:
        current_call.reset(token)

    assert 0 < first < facts.provider_seconds


async def test_what_cannot_be_written_is_not_the_providers_fault(transport: HttpTransport) -> None:
    """A request that cannot be put into bytes was not sent, and the failure is the gateway's."""
    with pytest.raises(TransportError) as failed:
        await transport.send(account(), WireRequest(method="GET", path="/orders", headers=(("X", "\ud800"),)))

    assert (failed.value.sent, failed.value.code) == ("no", "internal_error")


async def test_closing_closes_the_connections(router: respx.Router) -> None:
    """The end of a transport is the end of its engine."""
    closed = []

    class Engine(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append(self)

    transport = HttpTransport(lambda: NOW, HttpxEngine(engine := Engine(router.async_handler)))
    await transport.close()

    assert closed == [engine]
