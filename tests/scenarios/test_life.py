"""An order's life: created, read, listed, paid, canceled or handed over, at each provider."""

import asyncio
from typing import Any

import pytest
from tests.scenarios.shop import (
    CARD,
    CUSTOMER,
    Emulator,
    Shop,
    body_of,
    pointers,
    problem_of,
    product,
    shipping,
    verdict,
)

CHALLENGE = {"revkeen": {"outcome": "needs_challenge"}, "rapyd": {"behaviour": "3ds"}}
"""By provider: the payment method in the emulator's catalog that waits for the shopper."""

DECLINE = {
    "revkeen": {"outcome": "insufficient_funds"},
    "rapyd": {"error_code": "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS", "behaviour": "declines"},
}
"""By provider: the one that has no money."""

at_revkeen = pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
at_rapyd = pytest.mark.parametrize("provider", ["rapyd"], indirect=True)


def special_method(shop: Shop, table: dict[str, dict[str, str]]) -> str:
    """A payment method of the provider's catalog, written as a native id."""
    return "provider:" + shop.emulator.payment_method(**table[shop.account])


async def challenged_order(shop: Shop) -> dict[str, Any]:
    """An order whose payment waits for the shopper."""
    order = await shop.order()
    paid = await shop.pay(order, payment_method=special_method(shop, CHALLENGE))
    return body_of(paid, 200)


async def test_paid_with_the_default_method(shop: Shop) -> None:
    """An order is paid in full with the customer's default method, at once or a little later."""
    order = await shop.order()

    answered = body_of(await shop.pay(order), 200)
    assert answered["payment_status"] in {"pending", "paid"}
    paid = await shop.until_paid(order)
    assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 41000, 0)
    assert paid["paid_at"] is not None
    assert await shop.read(order) == paid


async def test_paid_with_a_linked_method(shop: Shop) -> None:
    """A payment method of the merchant's is charged by its link."""
    order = await shop.order()

    body_of(await shop.pay(order, payment_method=CARD, expected_total=41000, amount=41000), 200)

    assert (await shop.until_paid(order))["amount_paid"] == 41000


async def test_payment_that_waits_for_the_shopper(shop: Shop) -> None:
    """While a payment waits, nothing else is done to the order; afterwards it is paid."""
    order = await challenged_order(shop)

    assert (order["payment_status"], order["status"]) == ("pending", "pending")
    assert order["amount_due"] == 41000
    for refused in (await shop.pay(order), await shop.cancel(order), await shop.fulfill(order)):
        problem = problem_of(refused, 409, "invalid_state")
        assert verdict(problem) == ("no", "not_applied", "after_fix")
    shop.emulator.act(order["provider_order_id"], "3ds_ok")
    paid = await shop.until_paid(order)
    assert (paid["status"], paid["amount_paid"], paid["next_action"]) == ("paid", 41000, None)


@at_rapyd
async def test_redirect_is_shown_while_it_can_be_done(shop: Shop) -> None:
    """3-D Secure is a redirect in next_action, with its end."""
    order = await challenged_order(shop)

    action = order["next_action"]
    assert action["type"] == "redirect"
    assert action["url"].startswith("https://")
    assert action["expires_at"] > order["created_at"]


async def test_failed_challenge_leaves_the_order_payable(shop: Shop) -> None:
    """After a failed challenge the order can be paid another way."""
    order = await challenged_order(shop)

    shop.emulator.act(order["provider_order_id"], "3ds_fail")
    failed = await shop.read(order, refresh=True)
    assert failed["payment_status"] in {"unpaid", "failed"}
    assert failed["amount_paid"] == 0
    if shop.account == "rapyd":
        assert failed["payments"][0]["decline"]["code"] == "authentication_failed"
        return
    body_of(await shop.pay(order), 200)
    assert (await shop.until_paid(order))["status"] == "paid"


async def test_declined_payment(shop: Shop) -> None:
    """A declined payment is a refusal that says to use a new key; the order stays payable."""
    order = await shop.order()
    method = special_method(shop, DECLINE)
    # RevKeen, by default, answers a declined payment with the same 400 as any other wrong request.
    status, code = {"revkeen": (422, "provider_rejected"), "rapyd": (402, "payment_declined")}[shop.account]

    answer = await shop.pay(order, key="declined", payment_method=method)

    problem = problem_of(answer, status, code)
    assert verdict(problem) == ("yes", "not_applied", "new_key")
    assert problem["provider"]["account"] == shop.account
    assert (await shop.operation(problem["operation"]))["state"] == "failed"
    again = await shop.pay(order, key="declined", payment_method=method)
    assert (again.status_code, again.content) == (status, answer.content)
    body_of(await shop.pay(order), 200)
    assert (await shop.until_paid(order))["status"] == "paid"


@at_revkeen
async def test_declined_in_so_many_words(shop: Shop) -> None:
    """Where the provider says 402, so do we."""
    shop.emulator.switch(decline_status=402)
    order = await shop.order()

    answer = await shop.pay(order, payment_method=special_method(shop, DECLINE))

    assert verdict(problem_of(answer, 402, "payment_declined")) == ("yes", "not_applied", "new_key")


async def test_paying_twice_is_refused(shop: Shop) -> None:
    """A paid order is not paid again, under whatever key."""
    order = await shop.paid_order()
    payments = shop.emulator.state()["payments"]

    problem = problem_of(await shop.pay(order), 409, "invalid_state")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert problem["order"] == order["id"]
    assert shop.emulator.state()["payments"] == payments


@at_revkeen
async def test_partial_payments_add_up(shop: Shop) -> None:
    """Where the provider takes a part, parts add up, and a pay without an amount takes the rest."""
    order = await shop.order()

    part = body_of(await shop.pay(order, amount=10000), 200)
    assert (part["status"], part["payment_status"]) == ("partially_paid", "partially_paid")
    assert (part["amount_paid"], part["amount_due"]) == (10000, 31000)
    too_much = problem_of(await shop.pay(order, amount=31001), 422, "invalid_request")
    assert pointers(too_much) == ["/amount"]
    rest = body_of(await shop.pay(order), 200)
    assert (rest["status"], rest["amount_paid"], rest["amount_due"]) == ("paid", 41000, 0)


@at_rapyd
async def test_partial_payment_is_refused_by_name(shop: Shop) -> None:
    """Where the provider takes only the whole, a part is refused, and nothing is charged."""
    order = await shop.order()

    problem = problem_of(await shop.pay(order, amount=10000), 422, "unsupported_field")

    assert pointers(problem) == ["/amount"]
    assert shop.emulator.state()["payments"] == []


async def test_paying_more_than_is_due_is_refused(shop: Shop) -> None:
    """More than what is due is refused everywhere."""
    order = await shop.order()

    problem = problem_of(await shop.pay(order, amount=41001), 422, "invalid_request")

    assert pointers(problem) == ["/amount"]
    assert shop.emulator.state()["payments"] == []


async def test_unlinked_payment_method_is_refused(shop: Shop) -> None:
    """A payment method without a link is refused by name."""
    order = await shop.order()

    problem = problem_of(await shop.pay(order, payment_method="no-such-card"), 422, "link_missing")

    assert pointers(problem) == ["/payment_method"]
    assert shop.emulator.state()["payments"] == []


async def test_canceled_unpaid_order(shop: Shop) -> None:
    """An unpaid order is canceled: by the provider if it can, else here, and is then never paid."""
    order = await shop.order()

    canceled = body_of(await shop.cancel(order, reason="Changed her mind"), 200)

    assert (canceled["status"], canceled["payment_status"]) == ("canceled", "unpaid")
    assert canceled["canceled_at"] is not None
    operation = (await shop.operations())[0]
    assert (operation["kind"], operation["state"]) == ("cancel", "succeeded")
    performed_by, there = {"revkeen": ("provider", "canceled"), "rapyd": ("gateway", "created")}[shop.account]
    assert operation["performed_by"] == performed_by
    assert shop.emulator.orders[0]["status"] == there
    for refused in (await shop.pay(order), await shop.cancel(order), await shop.fulfill(order)):
        problem_of(refused, 409, "invalid_state")
    assert shop.emulator.state()["payments"] == []
    again = await shop.read(order, refresh=True)
    assert (again["status"], again["canceled_at"]) == ("canceled", canceled["canceled_at"])


@at_rapyd
async def test_cancel_by_the_gateway_writes_nothing_there(shop: Shop) -> None:
    """A cancel that the gateway does itself changes nothing at the provider; nor does the refused pay."""
    order = await shop.order()
    there = shop.emulator.orders

    body_of(await shop.cancel(order), 200)
    shop.emulator.faults({"match": {"method": "POST"}, "do": "drop"})
    problem = problem_of(await shop.pay(order), 409, "invalid_state")

    assert problem["sent"] == "no"
    assert shop.emulator.orders == there
    attempt = (await shop.operations())[0]["attempts"][0]
    assert (attempt["sent"], attempt["http_status"]) == ("no", None)


async def test_canceling_a_paid_order_is_refused(shop: Shop) -> None:
    """With money taken there is no cancel, but a pointer to returns."""
    order = await shop.paid_order()

    problem = problem_of(await shop.cancel(order), 409, "invalid_state")

    assert "return" in problem["detail"]
    assert (await shop.read(order, refresh=True))["status"] == "paid"


async def test_fulfilled_order(shop: Shop) -> None:
    """A paid order is handed over as a whole; how it travels is kept, whatever the provider forgets."""
    order = await shop.paid_order()

    done = body_of(await shop.fulfill(order, tracking_number="1Z999", carrier="UPS"), 200)

    assert (done["status"], done["fulfillment_status"]) == ("fulfilled", "fulfilled")
    assert done["payment_status"] == "paid"
    handed_over = done["fulfillments"]
    assert [(row["tracking_number"], row["carrier"]) for row in handed_over] == [("1Z999", "UPS")]
    assert handed_over[0]["line_item_ids"] == [line["id"] for line in order["line_items"]]
    assert shop.emulator.orders[0]["status"] == "fulfilled"
    assert (await shop.read(order, refresh=True))["fulfillments"] == handed_over
    problem_of(await shop.fulfill(order), 409, "invalid_state")


async def test_fulfilling_an_unpaid_order_is_refused(shop: Shop) -> None:
    """What is not paid is not handed over."""
    order = await shop.order()

    problem = problem_of(await shop.fulfill(order), 409, "invalid_state")

    assert verdict(problem) == ("no", "not_applied", "after_fix")
    assert shop.emulator.orders[0]["status"] != "fulfilled"


@at_revkeen
async def test_fulfilled_line_by_line(shop: Shop) -> None:
    """Where the provider knows lines, one may go first and the rest later."""
    order = await shop.paid_order(line_items=[product(), product(sku="DESK-1"), shipping()])
    chair, *rest = [line["id"] for line in order["line_items"]]

    first = body_of(await shop.fulfill(order, line_item_ids=[chair]), 200)
    assert (first["fulfillment_status"], first["status"]) == ("partial", "paid")
    done = body_of(await shop.fulfill(order, line_item_ids=rest), 200)
    assert done["fulfillment_status"] == "fulfilled"
    assert [row["line_item_ids"] for row in done["fulfillments"]] == [[chair], rest]


@at_rapyd
@pytest.mark.parametrize("field", ["/line_item_ids", "/notify_customer"])
async def test_fulfilment_that_the_provider_cannot_do(shop: Shop, field: str) -> None:
    """Part of the lines, or telling the customer, is refused by name where the provider cannot."""
    order = await shop.paid_order()
    body = {
        "/line_item_ids": {"line_item_ids": [order["line_items"][0]["id"]]},
        "/notify_customer": {"notify_customer": True},
    }[field]

    problem = problem_of(await shop.fulfill(order, **body), 422, "unsupported_field")

    assert pointers(problem) == [field]
    assert shop.emulator.orders[0]["status"] == "paid"


async def test_all_lines_by_name_is_the_whole_order(shop: Shop) -> None:
    """Naming every line is fulfilling the whole order, anywhere; an unknown line is refused."""
    order = await shop.paid_order()
    lines = [line["id"] for line in order["line_items"]]

    unknown = problem_of(await shop.fulfill(order, line_item_ids=[*lines, "li_none"]), 422, "invalid_request")
    assert pointers(unknown) == ["/line_item_ids/2"]
    done = body_of(await shop.fulfill(order, line_item_ids=lines), 200)
    assert done["fulfillment_status"] == "fulfilled"


@at_revkeen
async def test_refund_at_the_provider_shows(shop: Shop) -> None:
    """What the provider gave back without us is there after a refresh."""
    order = await shop.paid_order()

    shop.emulator.act(order["provider_order_id"], "refund")

    refunded = await shop.read(order, refresh=True)
    assert (refunded["payment_status"], refunded["amount_refunded"]) == ("refunded", 41000)
    assert refunded["status"] == "refunded"


async def test_cancel_at_the_provider_shows(shop: Shop) -> None:
    """An order that somebody canceled at the provider is canceled here once it is read, and is not paid."""
    order = await shop.order()

    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")

    problem_of(await shop.pay(order), 409, "invalid_state")
    assert (await shop.read(order))["status"] == "canceled"
    assert shop.emulator.state()["payments"] == []


async def test_list_newest_first(shop: Shop) -> None:
    """Orders are listed newest first, and walked both ways with has_more in the direction of travel."""
    ids = [(await shop.order())["id"] for _ in range(5)]
    newest_first = ids[::-1]

    async def page(**query: Any) -> tuple[list[str], bool]:
        listed = body_of(await shop.get("/v1/orders", **query), 200)
        assert listed.keys() == {"data", "has_more"}
        return [order["id"] for order in listed["data"]], listed["has_more"]

    assert await page() == (newest_first, False)
    assert await page(limit=5) == (newest_first, False)
    assert await page(limit=2) == (newest_first[:2], True)
    assert await page(limit=2, starting_after=newest_first[1]) == (newest_first[2:4], True)
    assert await page(limit=2, starting_after=newest_first[3]) == (newest_first[4:], False)
    assert await page(limit=2, ending_before=newest_first[4]) == (newest_first[2:4], True)
    assert await page(limit=2, ending_before=newest_first[2]) == (newest_first[:2], False)
    assert await page(limit=2, ending_before=newest_first[0]) == ([], False)


async def test_list_row_is_the_order(shop: Shop) -> None:
    """A row of the list is the whole order as GET answers it."""
    order = await shop.order(reference="order-1001")

    listed = body_of(await shop.get("/v1/orders"), 200)
    assert listed["data"] == [await shop.read(order)]


async def test_list_filters(shop: Shop) -> None:
    """Each filter keeps what fits and nothing else; together they narrow."""
    other = "provider:" + shop.emulator.customer
    first = await shop.order(reference="order-1")
    second = await shop.order(reference="order-2", customer={"id": other})
    body_of(await shop.cancel(second), 200)

    async def found(**query: Any) -> set[str]:
        listed = body_of(await shop.get("/v1/orders", **query), 200)["data"]
        return {order["reference"] for order in listed}

    both = {"order-1", "order-2"}
    cases: list[tuple[dict[str, str], set[str]]] = [
        ({"status": "open"}, {"order-1"}),
        ({"status": "canceled"}, {"order-2"}),
        ({"status": "paid"}, set()),
        ({"account": shop.account}, both),
        ({"account": "nowhere"}, set()),
        ({"provider": shop.account}, both),
        ({"provider": "nobody"}, set()),
        ({"customer": CUSTOMER}, {"order-1"}),
        ({"customer": other}, {"order-2"}),
        ({"reference": "order-2"}, {"order-2"}),
        ({"reference": "order"}, set()),
        ({"created_gte": first["created_at"]}, both),
        ({"created_lte": second["created_at"]}, both),
        ({"created_lte": "2020-01-01T00:00:00Z"}, set()),
        ({"created_gte": "2090-01-01T00:00:00+02:00"}, set()),
        ({"status": "open", "customer": other}, set()),
        ({"status": "canceled", "reference": "order-2"}, {"order-2"}),
    ]
    wrong = {str(query): got for query, wanted in cases if (got := await found(**query)) != wanted}
    assert wrong == {}


async def provider_page(shop: Shop, **query: Any) -> dict[str, Any]:
    page = body_of(await shop.get(f"/v1/accounts/{shop.account}/orders", **query), 200)
    assert page.keys() == {"data", "has_more", "next_cursor", "previous_cursor"}
    return page


def native_ids(page: dict[str, Any]) -> list[str]:
    return [order["provider_order_id"] for order in page["data"]]


async def test_provider_list_is_walked_both_ways(shop: Shop) -> None:
    """The provider's own list is walked to its end and back, with cursors that are passed on unread."""
    ids = {(await shop.order())["provider_order_id"] for _ in range(5)}

    pages = [await provider_page(shop, limit=2)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await provider_page(shop, limit=2, cursor=pages[-1]["next_cursor"]))
    forth = [native_ids(page) for page in pages]
    assert [len(page) for page in forth] == [2, 2, 1]
    assert {native for page in forth for native in page} == ids
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert pages[0]["previous_cursor"] is None
    middle = await provider_page(shop, limit=2, cursor=pages[-1]["previous_cursor"])
    first = await provider_page(shop, limit=2, cursor=middle["previous_cursor"])
    assert [native_ids(first), native_ids(middle)] == forth[:2]
    assert native_ids(await provider_page(shop, limit=2, cursor=first["next_cursor"])) == forth[1]


async def test_provider_list_rows_are_canonical(shop: Shop) -> None:
    """A row that was made here is our order; one that was not has no id, and the same keys."""
    order = await shop.order(reference="order-1001")
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop"})
    problem_of(await shop.create(), 504, "outcome_unknown")
    shop.emulator.faults()

    rows = {row["id"]: row for row in (await provider_page(shop))["data"]}

    assert rows.keys() == {order["id"], None}
    ours, theirs = rows[order["id"]], rows[None]
    assert {**ours, "synced_at": None} == {**order, "synced_at": None}
    assert theirs.keys() == ours.keys()
    assert (theirs["total"], theirs["currency"], theirs["status"]) == (41000, "USD", "open")
    assert theirs["customer"]["id"] == CUSTOMER
    assert [line["id"] for line in theirs["line_items"]] == [None, None]


async def test_provider_list_hides_what_was_added(shop: Shop) -> None:
    """A shipping item that the provider demanded stays hidden in its list too, also before adoption."""
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop"})
    problem_of(await shop.create(shop.draft(line_items=[product(quantity=2)])), 504, "outcome_unknown")
    shop.emulator.faults()

    (row,) = (await provider_page(shop))["data"]

    assert row["id"] is None
    assert [(line["type"], line["quantity"]) for line in row["line_items"]] == [("product", 2)]
    assert (row["subtotal"], row["shipping"], row["total"]) == (40000, 0, 40000)


@at_revkeen
async def test_provider_list_filters(shop: Shop) -> None:
    """The filters that the account declares narrow the provider's own list."""
    first, second = await shop.order(), await shop.order(billing_type="recurring")
    body_of(await shop.cancel(second), 200)
    cases: list[tuple[dict[str, str], list[dict[str, Any]]]] = [
        ({"status": "open"}, [first]),
        ({"status": "canceled"}, [second]),
        ({"billing_type": "recurring"}, [second]),
        ({"billing_type": "one_time"}, [first]),
        ({"created_lte": "2020-01-01T00:00:00Z"}, []),
        ({"created_gte": "2020-01-01T00:00:00Z", "customer": CUSTOMER}, [second, first]),
        ({"customer": f"provider:{shop.emulator.customer}", "status": "open"}, [first]),
    ]

    for query, wanted in cases:
        listed = native_ids(await provider_page(shop, **query))
        assert listed == [order["provider_order_id"] for order in wanted], query


@at_rapyd
@pytest.mark.parametrize(
    "query",
    [
        {"status": "open"},
        {"customer": CUSTOMER},
        {"billing_type": "one_time"},
        {"created_gte": "2020-01-01T00:00:00Z"},
    ],
)
async def test_provider_list_without_filters(shop: Shop, query: dict[str, str]) -> None:
    """A filter that the account does not declare is refused by name, and nothing is asked."""
    answer = await shop.get(f"/v1/accounts/{shop.account}/orders", **query)

    problem = problem_of(answer, 422, "invalid_request")
    assert pointers(problem) == [f"/{name}" for name in query]
    assert problem["errors"][0]["code"] == "unsupported_filter"
    assert problem["outcome"] is None
    assert shop.emulator.requests == 0


async def test_accounts_tell_what_they_can_do(shop: Shop, emulators: dict[str, Emulator]) -> None:
    """Accounts are listed with their capabilities, and without their credentials."""
    listed = await shop.get("/v1/accounts")

    rows = body_of(listed, 200)["data"]
    assert [row["name"] for row in rows] == sorted(emulators)
    account = body_of(await shop.get(f"/v1/accounts/{shop.account}"), 200)
    assert account in rows
    assert (account["adapter"], account["environment"]) == (shop.account, "emulator")
    assert account["health"]["status"] == "ok"
    levels = {kind: row["level"] for kind, row in account["capabilities"]["operations"].items()}
    assert levels["cancel"] == {"revkeen": "yes", "rapyd": "gateway"}[shop.account]
    assert levels["create"] != "no"
    assert not any(secret in listed.text for e in emulators.values() for secret in e.credentials.values())


async def test_refreshes_of_one_order_do_not_disturb_each_other(shop: Shop) -> None:
    """Many reads at once, with and without the provider, all answer the same order."""
    order = await shop.order()

    answers = await asyncio.gather(*(shop.read(order, refresh=index % 2 == 0) for index in range(12)))

    assert {answer["id"] for answer in answers} == {order["id"]}
    assert {answer["status"] for answer in answers} == {"open"}
