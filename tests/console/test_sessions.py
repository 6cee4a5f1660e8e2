"""Signing in and out: what the browser holds, what is kept, who gets in, and for how long."""

import hmac
from datetime import UTC, datetime
from http.cookies import SimpleCookie

import pytest
import structlog
from tests.console.conftest import OpenShop, Visit
from tests.console.visitor import text_of, token_on
from tests.scenarios.shop import Shop

from ordergate.gateway.access.caller import MERCHANT_SCOPES
from ordergate.journal import transactions as tx

PAGES = (
    "/",
    "/orders",
    "/orders/ord_x",
    "/orders/ord_x/receipt",
    "/operations",
    "/operations/op_x",
    "/comparisons",
    "/comparisons/cmp_x",
    "/comparisons/shadow",
    "/accounts",
    "/configuration",
)
FORMS = (
    "/sign-out",
    "/orders/ord_x/read-again",
    "/operations/op_x/recheck",
    "/operations/op_x/resolve",
    "/comparisons",
)


async def test_the_browser_holds_a_session_and_no_key(shop: Shop, visit: Visit) -> None:
    """A good key opens a session: a cookie for the console alone, in which, as in pages and log, there is no key."""
    visitor = visit(shop)

    with structlog.testing.capture_logs() as log:
        answer = await visitor.try_to_sign_in(shop.key or "")
        page = await visitor.page("/orders")

    cookies = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        cookies.load(line)
    session = cookies["ordergate_session"]
    assert (session["path"], session["samesite"], session["httponly"]) == ("/console", "strict", True)
    assert (int(session["max-age"]), session["secure"]) == (8 * 3600, "")
    assert cookies["ordergate_sign_in"]["max-age"] == "0"
    assert "acme" in text_of(page)
    assert "Configuration" not in page
    for secret in (shop.key, session.value):
        assert secret not in page
        assert secret not in str(log)
        assert secret not in answer.headers["location"]
    assert shop.key not in str(answer.headers)


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({"x-forwarded-proto": "https"}, True),
        ({"x-forwarded-proto": "HTTPS"}, True),
        ({"x-forwarded-proto": "https, http"}, True),
        ({"x-forwarded-proto": "http"}, False),
        ({"host": "orders.example.com"}, True),
        ({"host": "localhost:8080"}, False),
    ],
)
async def test_the_cookie_is_for_tls_alone(
    shop: Shop, visit: Visit, headers: dict[str, str], secure: bool
) -> None:
    """It is never sent without TLS, unless the browser speaks to this very machine."""
    answer = await visit(shop).get("/sign-in", **headers)

    assert ("secure" in answer.headers["set-cookie"].lower().split("; ")) is secure


async def test_wrong_keys_are_refused_and_counted(shop: Shop, visit: Visit) -> None:
    """A key that nobody has is refused in words, and after twenty the address has to wait, as at the API."""
    visitor = visit(shop)

    shown = await visitor.try_to_sign_in("og_test_" + "x" * 43)
    malformed = await visitor.try_to_sign_in("let me in")
    answers = [await visitor.try_to_sign_in(f"og_test_{n:043}") for n in range(20)]
    api = await shop.using(f"og_test_{99:043}").get("/v1/orders")

    assert shown.status_code == malformed.status_code == 401
    assert "This API key is not known here" in text_of(shown.text)
    assert "x" * 43 not in shown.text
    assert "let me in" not in malformed.text
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "3"
    assert "Too many unknown API keys" in text_of(answers[-1].text)
    assert api.status_code == 429
    assert "ordergate_session" not in visitor.client.cookies


async def test_a_key_that_may_not_read_gets_no_session(shop: Shop, visit: Visit) -> None:
    """A key without orders:read is refused by name of the scope; one with that alone is enough."""
    writer = await shop.another(scopes=tuple(name for name in MERCHANT_SCOPES if name != "orders:read"))
    reader = await shop.another(scopes=("orders:read",))

    refused = await visit(shop).try_to_sign_in(writer.key or "")
    visitor = await visit(shop).sign_in(reader.key)

    assert refused.status_code == 403
    assert "lacks the scope orders:read" in text_of(refused.text)
    assert "Orders" in await visitor.page("/orders")


async def test_nobody_sees_anything_without_a_session(shop: Shop, visit: Visit) -> None:
    """Each page leads to where one signs in, and from there back; each form does, and does nothing."""
    visitor = visit(shop)

    for path in PAGES:
        answer = await visitor.get(path)
        where = f"/console{path}".rstrip("/").replace("/", "%2F")
        assert answer.status_code == 303
        assert answer.headers["location"] in {"/console/sign-in", f"/console/sign-in?next={where}"}, path
    for path in FORMS:
        answer = await visitor.post(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in"), path
    forged = await visitor.get("/orders", cookie="ordergate_session=AAAA")
    assert forged.status_code == 303


async def test_signing_in_leads_to_where_one_wanted_to_go(shop: Shop, visit: Visit) -> None:
    """The page that was asked for comes next, if it is one of the console's."""
    visitor = visit(shop)
    asked = await visitor.get("/orders?q=10%2001&status=paid")
    page = await visitor.page(asked.headers["location"].removeprefix("/console"))
    assert 'name="next" value="/console/orders?q=10%2001&amp;status=paid"' in page

    wanted = await visitor.try_to_sign_in(shop.key or "", next="/console/accounts")
    already = await visitor.get("/sign-in?next=/console/operations")

    assert wanted.headers["location"] == "/console/accounts"
    assert already.headers["location"] == "/console/operations"
    for elsewhere in ("https://evil.example", "//evil.example", "/console/\\evil", "/console/sign-out", "x"):
        answer = await visit(shop).try_to_sign_in(shop.key or "", next=elsewhere)
        assert answer.headers["location"] == "/console/orders", elsewhere


async def test_a_link_from_elsewhere_still_finds_the_session(shop: Shop, visit: Visit) -> None:
    """A strict cookie does not come with it, so the page loads itself once more, from here."""
    answer = await visit(shop).get("/orders", **{"sec-fetch-site": "cross-site"})

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_revoked_key_ends_its_sessions_at_once(shop: Shop, visit: Visit) -> None:
    """The next request already is nobody's; other keys' sessions go on."""
    other = await visit(shop).sign_in((await shop.another()).key)
    visitor = await visit(shop).sign_in(shop.key)
    await visitor.page("/orders")

    await shop.journal.write(
        tx.keys.revoke((await shop.journal.read(tx.keys.list_all()))[0].id, datetime.now(UTC))
    )

    assert (await visitor.get("/orders")).status_code == 303
    await other.page("/orders")


async def test_signing_out_ends_the_session_on_the_server(shop: Shop, visit: Visit) -> None:
    """The cookie goes, and one that was copied before opens nothing any more."""
    visitor = await visit(shop).sign_in(shop.key)
    copied = visitor.client.cookies["ordergate_session"]

    answer = await visitor.submit("/sign-out", "/orders")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    assert "ordergate_session" not in visitor.client.cookies
    again = await visit(shop).get("/orders", cookie=f"ordergate_session={copied}")
    assert again.status_code == 303


async def test_forms_of_others_do_nothing(shop: Shop, visit: Visit) -> None:
    """A form needs the token of its own session, and to come from here; else it is refused and nothing happens."""
    visitor = await visit(shop).sign_in(shop.key)
    other = await visit(shop).sign_in(shop.key)
    token = token_on(await visitor.page("/orders"))
    stolen = token_on(await other.page("/orders"))
    order = await shop.order()
    again = f"/orders/{order['id']}/read-again"
    requests = shop.emulator.requests

    for fields in ({}, {"form_token": ""}, {"form_token": stolen}, {"form_token": "é"}):
        for path in ("/sign-out", again):
            answer = await visitor.post(path, **fields)
            assert answer.status_code == 403, fields
            assert "This form belongs to another session" in text_of(answer.text)
    for site in ("cross-site", "same-site"):
        answer = await visitor.post("/sign-out", {"sec-fetch-site": site}, form_token=token)
        assert answer.status_code == 403, site
    stranger = await visit(shop).post("/sign-in", key=shop.key or "", form_token=token)

    assert stranger.status_code == 403
    assert shop.emulator.requests == requests
    await visitor.page("/orders")
    assert (await visitor.post(again, {"sec-fetch-site": "same-origin"}, form_token=token)).status_code == 303
    assert shop.emulator.requests == requests + 1


async def test_pages_are_limited_beside_the_api(open_another: OpenShop, visit: Visit) -> None:
    """A key's limit of requests holds for its pages as well, in words; what they take the API does not lack."""
    shop = await open_another(server={"key_requests_per_minute": 4})
    visitor = await visit(shop).sign_in(shop.key)
    answers = [await visitor.get("/orders") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "15"
    assert "Try again in 15 seconds" in text_of(answers[-1].text)
    assert (await shop.get("/v1/orders")).status_code == 200


async def test_signing_in_again_ends_the_older_session(shop: Shop, visit: Visit) -> None:
    """Whoever had its cookie is signed out."""
    visitor = await visit(shop).sign_in(shop.key)
    older = dict(visitor.client.cookies)
    token = "t" * 43
    visitor.client.cookies.set("ordergate_sign_in", token, path="/console")
    form = hmac.new(token.encode(), b"form", "sha256").hexdigest()

    again = await visitor.post("/sign-in", form_token=form, key=str(shop.key))

    assert again.status_code == 303
    assert (await visitor.get("/orders")).status_code == 200
    late = visit(shop)
    late.client.cookies.update(older)
    assert (await late.get("/orders")).status_code != 200


async def test_a_form_without_a_session_is_not_read(shop: Shop, visit: Visit) -> None:
    """However large: the cookie is looked at first; and with one, a form is no larger than forms are."""
    stranger = await visit(shop).post("/sign-in", key="x" * 200_000)
    bound = visit(shop)
    await bound.page("/sign-in")
    large = await bound.post("/sign-in", key="x" * 200_000)

    assert stranger.status_code == 403
    assert large.status_code == 413
