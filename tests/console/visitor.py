"""A visitor of the console without a browser, who keeps cookies and sends forms; and what such a one may meet."""

import re
from html import unescape
from typing import Any

import httpx
from tests.scenarios.shop import Shop

LOST = {"match": {"method": "POST", "path": "*/orders"}, "at": "after", "do": "drop"}
SCRIPT = "<script>alert('owned')</script>\"'><img src=x onerror=alert(1)>"
TURNED = "invoice\u202efdp.exe"
MARKED = "\u05d0\u200f\u05d1"
"""Hebrew with a mark that belongs there."""


class Visitor:
    """Looks at pages, and submits their forms."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=30, verify=False)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"/console{path}", headers=headers)

    async def page(self, path: str, status: int = 200) -> str:
        """A page's source, if it is one and has this status."""
        answer = await self.get(path)
        assert answer.status_code == status, (answer.status_code, answer.headers, answer.text[:2000])
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return answer.text

    async def submit(
        self, path: str, on: str, headers: dict[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """Fill in a form that stands on a page, and send it."""
        token = token_on(await self.page(on))
        return await self.post(path, headers, form_token=token, **fields)

    async def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        return await self.client.post(f"/console{path}", data=fields, headers=headers)

    async def try_to_sign_in(self, key: str, **fields: str) -> httpx.Response:
        return await self.submit("/sign-in", "/sign-in", key=key, **fields)

    async def sign_in(self, key: str | None) -> "Visitor":
        """Sign in with a key that is good."""
        assert key is not None
        answer = await self.try_to_sign_in(key)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/orders"), answer.text
        return self


def token_on(page: str) -> str:
    """The token that a page's forms carry."""
    match = re.search(r'name="form_token" value="([0-9a-f]{64})"', page)
    assert match is not None, page[:2000]
    return match[1]


def text_of(page: str) -> str:
    """What a reader sees of a page, in one line."""
    body = re.sub(r"<(head|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


def hostile(length: int) -> str:
    """Text that tries everything, of a length."""
    return (SCRIPT + TURNED + MARKED + "👩\u200d👩\u200d👧" + "W" * length)[:length]


async def lose_a_create(shop: Shop, at: str = "after", **changes: Any) -> dict[str, Any]:
    """Create an order whose answer is lost, after the provider has made it or before; return the problem."""
    shop.emulator.faults({**LOST, "at": at})
    answer = await shop.create(shop.draft(**changes))
    shop.emulator.faults()
    assert answer.status_code == 504, answer.text
    return answer.json()
