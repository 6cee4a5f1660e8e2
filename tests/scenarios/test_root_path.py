"""Behind a proxy that serves the gateway under a path of its own, every address that is told leads somewhere."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
from tests.console.visitor import token_on
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, free_port

from ordergate.client import AsyncClient

ROOT = "/shop/pay"
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off; absolute_redirect off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {root}/ {{ proxy_pass {upstream}; proxy_set_header Host $http_host; }}
  }}
}}
"""


@pytest.fixture
def provider() -> str:
    """One provider is enough: addresses are the gateway's."""
    return "revkeen"


@pytest_asyncio.fixture
async def shop(open_another: OpenShop) -> Shop:
    """A gateway that is served under a path."""
    return await open_another(server={"root_path": ROOT})


@asynccontextmanager
async def nginx(folder: Path, gateway: str, *, strips: bool) -> AsyncIterator[str]:
    """Run nginx in front of the gateway, and take the path off or not; yield its URL with the path."""
    tool = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if tool is None:
        pytest.skip("nginx is not installed; install it (apt-get install nginx) to test behind a real proxy")
    port = free_port()
    text = NGINX.format(folder=folder, port=port, root=ROOT, upstream=f"{gateway}/" if strips else gateway)
    (folder / "nginx.conf").write_text(text)
    process = await asyncio.create_subprocess_exec(
        tool, "-c", str(folder / "nginx.conf"), "-p", str(folder), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, (folder / "nginx.log").read_text()
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield f"http://127.0.0.1:{port}{ROOT}"
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(params=["kept", "taken off", "nginx keeps it", "nginx takes it off"])
async def proxied(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path
) -> AsyncIterator[tuple[Shop, bool]]:
    """The gateway as callers see it, under the path; and whether their addresses lead there by themselves."""
    if request.param == "kept":
        yield replace(shop, url=shop.url + ROOT), True
    elif request.param == "taken off":
        yield shop, False
    else:
        async with nginx(tmp_path, shop.url, strips="takes" in request.param) as url:
            yield replace(shop, url=url), True


async def follow(proxied: tuple[Shop, bool], at: httpx.Response, address: str) -> httpx.Response:
    """Go where an address leads that stands in an answer; a proxy that takes the path off is played here."""
    shop, whole = proxied
    there = urljoin(str(at.url), address)
    path = httpx.URL(there).raw_path.decode()
    assert path.startswith(f"{ROOT}/"), address
    return await shop.client.get(there if whole else shop.url + path.removeprefix(ROOT), cookies=None)


async def test_problems_lead_to_their_pages(proxied: tuple[Shop, bool]) -> None:
    """The type and the instance of a problem are addresses as the caller sees them, wherever the problem arises."""
    shop, _ = proxied
    order = await shop.order()
    shop.emulator.faults({"match": {"path": "*/cancel"}, "at": "before", "do": "status", "status": 422})
    answers = [
        await shop.get("/v1/orders/nothing"),
        await shop.get("/nothing"),
        await shop.get("/v1/orders?reference=%00"),
        await shop.using(None).get("/v1/orders"),
        await shop.create({}),
        await shop.cancel(order),
    ]

    for answer in answers:
        problem = answer.json()
        assert problem["type"] == f"{ROOT}/problems/{problem['code']}"
        assert problem["instance"].startswith(f"{ROOT}/")
        page = await follow(proxied, answer, problem["type"])
        assert (page.status_code, problem["code"] in page.text) == (200, True)
        for address in re.findall("href='([^']+)'", page.text):
            assert (await follow(proxied, page, address)).status_code == 200


async def test_the_documentation_loads(proxied: tuple[Shop, bool]) -> None:
    """Its scripts and styles are found, and it sends requests to where the gateway is."""
    shop, _ = proxied
    page = await shop.get("/schema")

    described: dict[str, Any] = (await shop.get("/schema/openapi.json")).json()
    assert described["servers"] == [{"url": ROOT}]
    assert f'"servers":[{{"url":"{ROOT}"}}]' in page.text
    sources = [
        found for found in re.findall(r"(?:src|href)=[\"']([^\"']+)", page.text) if "data:" not in found
    ]
    assert len(sources) == 3
    for source in sources:
        assert (await follow(proxied, page, source)).status_code == 200, source


async def test_the_console_works(proxied: tuple[Shop, bool]) -> None:
    """Signing in, every link, form, redirect and asset of the pages, and the path of the cookies."""
    shop, _ = proxied
    order = await shop.order(reference="INV-1")
    client = shop.client

    async def see(at: httpx.Response, address: str, **fields: str) -> httpx.Response:
        shop, whole = proxied
        path = httpx.URL(urljoin(str(at.url), address)).raw_path.decode()
        assert path.startswith(f"{ROOT}/"), address
        there = str(at.url.copy_with(raw_path=path.encode())) if whole else shop.url + path.removeprefix(ROOT)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        answer = await client.request(
            "POST" if fields else "GET", there, data=fields or None, headers=headers
        )
        for cookie in answer.headers.get_list("set-cookie"):
            assert f"Path={ROOT}/console" in cookie
            name, _, value = cookie.partition(";")[0].partition("=")
            cookies[name] = value.strip('"')
        return answer

    cookies: dict[str, str] = {}
    first = await shop.client.get(f"{shop.url}/console/orders?status=open")
    assert first.status_code == 303
    form = await see(first, first.headers["location"])
    signed = await see(
        form,
        re.findall(r'action="([^"]+)"', form.text)[0],
        form_token=token_on(form.text),
        key=shop.key or "",
        next=f"{ROOT}/console/orders?status=open",
    )
    assert (signed.status_code, signed.headers["location"]) == (303, f"{ROOT}/console/orders?status=open")

    waiting, seen = [signed.headers["location"]], set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address.partition("#")[0])
        page = await see(signed, address)
        assert page.status_code in {200, 303}, (address, page.text[:500])
        found = re.findall(r'(?:href|src|action)="([^"]+)"', page.text)
        found += [page.headers["location"]] if "location" in page.headers else []
        if "/console/static/" in address or "/schema" in address:
            continue
        pages = {each.replace("&amp;", "&").partition("#")[0] for each in found} - seen - {""}
        waiting += [each for each in pages if "sign-out" not in each and "/read-again" not in each]
    assert f"{ROOT}/console/orders/{order['id']}" in seen
    assert f"{ROOT}/console/orders/{order['id']}/receipt" in seen
    assert any("/console/static/console.js" in address for address in seen)

    page = await see(signed, f"{ROOT}/console/orders/{order['id']}")
    again = await see(page, f"{ROOT}/console/orders/{order['id']}/read-again", form_token=token_on(page.text))
    assert again.headers["location"] == f"{ROOT}/console/orders/{order['id']}"
    out = await see(page, f"{ROOT}/console/sign-out", form_token=token_on(page.text))
    assert out.headers["location"] == f"{ROOT}/console/sign-in"


async def test_nobody_is_sent_elsewhere(shop: Shop) -> None:
    """After signing in only the console's own pages are gone to, under the path."""
    for wanted in (
        "/console/orders",
        "//evil.example/console",
        f"{ROOT}/v1/orders",
        f"{ROOT}/console\\@evil",
    ):
        page = await shop.client.get(f"{shop.url}/console/sign-in", params={"next": wanted})
        assert f'value="{ROOT}/console/orders"' in page.text


async def test_links_and_ids_with_slashes(proxied: tuple[Shop, bool]) -> None:
    """An id in an address is the one that was sent, with the path before it and without."""
    shop, _ = proxied
    for identifier in ("A", "a/b"):
        answer = await shop.call("PUT", f"/v1/links/products/{identifier}", json={shop.account: "x"})
        assert answer.json() == {shop.account: "x"}
        assert (await shop.get(f"/v1/links/products/{identifier}")).json() == {shop.account: "x"}
    assert (await shop.get("/v1/links/products/b")).status_code == 404
    assert (await shop.get("/health/ready")).status_code == 200


async def test_our_client_takes_an_address_with_a_path(proxied: tuple[Shop, bool]) -> None:
    """The client keeps the path that stands in its base URL."""
    shop, _ = proxied
    order = await shop.order()
    async with AsyncClient(shop.url, shop.key or "") as client:
        assert (await client.orders.get(order["id"])).id == order["id"]
