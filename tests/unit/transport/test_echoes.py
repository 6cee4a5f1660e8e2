"""What an account's requests are authenticated with does not come back from its provider."""

import json
from base64 import b64encode
from html import escape
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import respx
from tests.unit.transport.conftest import NOW, PlainAdapter, account

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.egress import Egress
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.secret import Secret
from ordergate.spi.wire import WireRequest
from ordergate.transport.engine import HttpxEngine
from ordergate.transport.http import HttpTransport

KEY = 'rk_live_planted/key+"0123'
HOOK = "whsec_planted_0123456789"
BASIC = b64encode(f"gate:{KEY}".encode()).decode()
PROXY = "proxypassword0123456789"


class Settings(AdapterSettings, frozen=True, kw_only=True):
    """Credentials of each kind."""

    api_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()
    pin: Secret = Secret("1234")


class BasicAdapter(PlainAdapter):
    """Signs with a header that holds the key in another form."""

    def sign(self, request: WireRequest, settings: Any, now: int, nonce: str) -> WireRequest:
        """Add it."""
        return msgspec.structs.replace(request, headers=(("Authorization", f"Basic {BASIC}"),))


def _account() -> Account:
    return account(
        adapter=BasicAdapter(),
        settings=Settings(api_key=Secret(KEY), webhook_secrets=(Secret("other"), Secret(HOOK))),
        egress=Egress(proxy=Secret(f"http://gate:{PROXY}@127.0.0.1:1")),
    )


ECHOES = {
    "as it is": f"no such key: {KEY}",
    "in JSON": json.dumps({"message": f"no such key: {KEY}"}),
    "in JSON with escaped slashes": json.dumps({"message": KEY}).replace("/", "\\/"),
    "in JSON in escapes alone": "".join(f"\\u{ord(letter):04X}" for letter in KEY),
    "in a URL": f"https://api.example.test/?key={quote(KEY, safe='')}",
    "in HTML": escape(KEY),
    "in HTML in numbers": "".join(f"&#{ord(letter)};" for letter in KEY),
    "twice": f"{KEY}{KEY}",
    "as it was sent": f"Authorization: Basic {BASIC} is wrong",
    "a webhook's secret": f"signed with {HOOK}",
    "a proxy's password": PROXY,
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("where", ["body", "header", "failure"])
async def test_no_credential_comes_back(echo: str, where: str) -> None:
    """In bodies, headers and the texts of failures stand stars, and what stands around them is left."""
    router = respx.Router()
    route = router.get("https://api.example.test/v2/orders")
    if where == "failure":
        route.mock(side_effect=httpx.RemoteProtocolError(f"Bad status line: {echo}"))
    else:
        headers = {"X-Message": echo} if where == "header" else {}
        route.respond(401, headers=headers, content=b"" if headers else echo.encode())
    transport = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(router.async_handler)))
    request = WireRequest(method="GET", path="/orders")

    if where == "failure":
        with pytest.raises(TransportError) as failed:
            await transport.send(_account(), request)
        seen = failed.value.reason
    else:
        answer = await transport.send(_account(), request)
        seen = answer.headers.get("x-message", "") + answer.body.decode()

    assert "***" in seen
    for form in (KEY, BASIC, HOOK, PROXY, quote(KEY, safe=""), escape(KEY), echo):
        assert form not in seen


async def test_what_is_no_credential_stays() -> None:
    """A short secret, which stands in many a text by chance, and escapes of anything else are left as they are."""
    body = b'{"amount": 1234, "url": "https:\\/\\/x.test\\/?a=%20&b=%41", "note": "\\u00e4 other"}'
    router = respx.Router()
    router.get("https://api.example.test/v2/orders").respond(200, content=body)
    transport = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(router.async_handler)))

    answer = await transport.send(_account(), WireRequest(method="GET", path="/orders"))

    assert answer.body == body


async def test_what_a_parser_says_of_an_answer_stays_on_one_line() -> None:
    """The reason of a failure is one line, whatever the provider sent."""
    router = respx.Router()
    router.get("https://api.example.test/v2/orders").mock(
        side_effect=httpx.RemoteProtocolError("Bad header:\n\n  X\r\nforged")
    )
    transport = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(router.async_handler)))

    with pytest.raises(TransportError) as failed:
        await transport.send(_account(), WireRequest(method="GET", path="/orders"))

    assert failed.value.reason == "Plain Pay did not answer: Bad header: X forged."
