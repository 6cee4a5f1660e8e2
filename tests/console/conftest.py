"""A shop with a console, and visitors of it: with a browser, and without."""

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from tests.conftest import OpenShop
from tests.console.visitor import Visitor
from tests.scenarios.shop import Shop

__all__ = ["OpenShop"]

Visit = Callable[[Shop], Visitor]


@pytest.fixture
def provider() -> str:
    """One provider is enough: the console knows orders only."""
    return "revkeen"


@pytest_asyncio.fixture
async def shop(open_another: OpenShop) -> Shop:
    """A gateway in which a lost answer is not looked for, so that a person has to."""
    return await open_another(server={"idempotency_wait": 0}, recovery={"closed_settling": 0.0})


@pytest_asyncio.fixture
async def visit() -> AsyncIterator[Visit]:
    """Makes visitors, who are not signed in yet."""
    async with AsyncExitStack() as visitors:

        def enter(shop: Shop) -> Visitor:
            visitor = Visitor(shop.url)
            visitors.push_async_callback(visitor.client.aclose)
            return visitor

        yield enter


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real browser, without a window."""
    names = (os.environ.get("ORDERGATE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no browser: apt-get install chromium, or name one in ORDERGATE_CHROMIUM")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=found, args=arguments)
        yield launched
        await launched.close()
