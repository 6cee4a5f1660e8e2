"""Every error that RevKeen documents is mapped on purpose, in all the shapes that it comes in."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.domain.commands import Command
from ordergate.domain.errors import PROBLEMS
from ordergate.domain.outcome import NotApplied, Unknown
from ordergate.spi.wire import WireResponse
from ordergate_revkeen.errors import CODES

from .commands import (
    CUSTOMER,
    METHOD,
    PRODUCT,
    READS,
    WRITES,
    cancel,
    concluded,
    create,
    draft,
    fulfill,
    line,
    pay,
    retrieve,
)
from .samples import refusal, respond

COMMANDS = (*READS, *WRITES)
HTML = b"<html><body><h1>Error</h1></body></html>"


def refused(command: Command, response: WireResponse) -> NotApplied:
    outcome = concluded(command, response)
    assert isinstance(outcome, NotApplied), outcome
    return outcome


DOCUMENTED = [
    # HTTP status, code, problem: the schemas' spelling, then the reference pages'
    (400, "validation_error", "provider_rejected"),
    (400, "invalid_request", "provider_rejected"),
    (401, "authentication_failed", "provider_unauthenticated"),
    (401, "invalid_api_key", "provider_unauthenticated"),
    (401, "expired_api_key", "provider_unauthenticated"),
    (401, "authentication_required", "provider_unauthenticated"),
    (401, "merchant_api_key_required", "provider_unauthenticated"),
    (401, "unauthenticated", "provider_unauthenticated"),
    (403, "insufficient_permissions", "provider_unauthenticated"),
    (403, "forbidden", "provider_unauthenticated"),
    (403, "permission_denied", "provider_unauthenticated"),
    (404, "resource_not_found", "provider_rejected"),
    (404, "resource_missing", "provider_rejected"),
    (409, "conflict", "invalid_state"),
    (410, "gone", "provider_rejected"),
    (422, "unprocessable_entity", "provider_rejected"),
    (429, "rate_limit_exceeded", "provider_rate_limited"),
]


@pytest.mark.parametrize(("status", "code", "problem"), DOCUMENTED)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_documented_code_is_mapped(status: int, code: str, problem: str, command: Command) -> None:
    """The code has its meaning for every operation, somebody chose it, and RevKeen's own words are kept."""
    outcome = refused(command, refusal(status, code))

    assert (outcome.code, outcome.mapped) == (problem, True)
    assert (outcome.provider.http_status, outcome.provider.code) == (status, code)
    assert (outcome.provider.message, outcome.provider.request_id) == ("It was refused", "req_abc123")
    assert "It was refused" in outcome.detail


def test_mapping_is_the_documented_one() -> None:
    """The mapping holds the documented codes, no others, and only problems that exist."""
    assert CODES.keys() == {code for _, code, _ in DOCUMENTED}
    assert set(CODES.values()) <= PROBLEMS.keys()


@pytest.mark.parametrize("code", ["idempotency_in_progress", "idempotency_conflict"])
def test_known_key_is_unknown(code: str) -> None:
    """That RevKeen knows the key says nothing of what became of the first request."""
    for command in WRITES:
        outcome = concluded(command, refusal(409, code))

        assert isinstance(outcome, Unknown)
        assert outcome.provider is not None
        assert outcome.provider.code == code


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize("code", ["code_of_tomorrow", "card_declined", "order_not_payable"])
def test_unmapped_code_is_a_refusal_that_says_so(status: int, code: str) -> None:
    """A code that nobody mapped is refused with its raw text, and counted as unmapped."""
    for command in COMMANDS:
        outcome = refused(command, refusal(status, code))

        assert (outcome.code, outcome.mapped, outcome.provider.code) == ("provider_rejected", False, code)


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (401, "provider_unauthenticated"),
        (402, "payment_declined"),
        (403, "provider_unauthenticated"),
        (429, "provider_rate_limited"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", HTML, refusal(400, "validation_error").body, b'{"error":"X","message":"y"}']
)
def test_status_decides_before_the_code(status: int, problem: str, body: bytes) -> None:
    """Some statuses mean the same whatever the body says."""
    for command in COMMANDS:
        outcome = refused(command, WireResponse(status=status, body=body))

        assert (outcome.code, outcome.mapped) == (problem, True)


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 415, 422])
@pytest.mark.parametrize(
    "body", [b"", HTML, b"null", b"[]", b"42", b'"text"', b'{"error":null}', b"\xff", b"{"]
)
def test_refusal_without_a_code_is_one(status: int, body: bytes) -> None:
    """A refusing status with an empty, foreign or broken body is a refusal that nobody mapped."""
    for command in COMMANDS:
        outcome = refused(command, WireResponse(status=status, body=body))

        assert (outcome.code, outcome.mapped) == ("provider_rejected", False)
        assert (outcome.provider.http_status, outcome.provider.code) == (status, None)


OPEN_STATUSES = [100, 301, 302, 304, 307, 406, 408, 425, 451, 500, 501, 502, 503, 504]


@pytest.mark.parametrize("status", OPEN_STATUSES)
@pytest.mark.parametrize(
    "body", [b"", HTML, refusal(500, "internal_error").body, refusal(400, "conflict").body]
)
def test_status_that_says_nothing_leaves_a_write_unknown(status: int, body: bytes) -> None:
    """A status with which RevKeen does not refuse leaves open whether it acted, whatever the body says."""
    for command in WRITES:
        assert isinstance(concluded(command, WireResponse(status=status, body=body)), Unknown)


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_status_that_says_nothing_fails_a_read(status: int) -> None:
    """A read of a failing provider is told apart from a read of one that answers nonsense."""
    problem = "provider_unavailable" if status >= 500 else "provider_protocol_error"
    for command in READS:
        assert refused(command, WireResponse(status=status, body=HTML)).code == problem


SHAPES = [
    # body, code, message
    ({"error": "VALIDATION_ERROR", "message": "Bad"}, "validation_error", "Bad"),
    ({"error": "conflict", "message": "Busy"}, "conflict", "Busy"),
    ({"error": "The order is gone", "code": "gone"}, "gone", "The order is gone"),
    ({"error": "The order is gone", "code": "GONE", "message": "Gone"}, "gone", "Gone"),
    ({"error": {"code": "resource_not_found", "message": "No"}}, "resource_not_found", "No"),
    ({"error": {"message": "No", "type": "invalid_request_error"}}, None, "No"),
    ({"error": {"code": "GONE"}}, "gone", None),
    ({"error": {"code": "", "message": ""}}, None, None),
    ({"error": {"code": 5, "message": ["a"], "request_id": 7}}, None, None),
    ({"error": {"code": None, "message": None}, "code": "gone", "message": "Gone"}, "gone", "Gone"),
    ({"error": "Something went wrong"}, None, "Something went wrong"),
    ({"error": ["a"]}, None, None),
    ({"message": "No"}, None, "No"),
    ({"code": "gone"}, "gone", None),
    ({}, None, None),
]


@pytest.mark.parametrize(("body", "code", "message"), SHAPES)
def test_every_shape_of_an_error_is_read(body: dict[str, Any], code: str | None, message: str | None) -> None:
    """Flat, nested, shouted and incomplete errors all come down to a code and a message."""
    outcome = refused(create(), respond(body, 400))

    assert (outcome.provider.code, outcome.mapped) == (code, code is not None)
    assert outcome.provider.message == message


WAITS = [
    ({"retry_after": "7"}, 7),
    ({"retry_after": "3600"}, 3600),
    ({}, 60),
    ({"retry_after": "0"}, 60),
    ({"retry_after": "-1"}, 60),
    ({"retry_after": ""}, 60),
    ({"retry_after": "1.5"}, 60),
    ({"retry_after": "soon"}, 60),
    ({"retry_after": "Sat, 02 May 2026 10:00:00 GMT"}, 60),
    ({"x_ratelimit_reset": "1777716000"}, 60),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_rate_limit_says_how_long_to_wait(headers: dict[str, str], seconds: int) -> None:
    """Whole seconds above zero are heeded; anything else is a minute."""
    outcome = refused(retrieve(), refusal(429, "rate_limit_exceeded", **headers))

    assert outcome.retry_after == seconds


def test_other_refusals_ask_for_no_wait() -> None:
    """A refusal that is not about speed has no time to wait, unless RevKeen names one."""
    assert refused(create(), refusal(400, "validation_error")).retry_after is None
    assert refused(create(), refusal(409, "conflict", retry_after="3")).retry_after == 3


PARAMS = [
    (create(), "customer_id", "/customer/id"),
    (create(), "currency", "/currency"),
    (create(), "expires_at", "/expires_at"),
    (create(), "notes", "/notes"),
    (create(), "metadata.colour", "/metadata"),
    (create(), "line_items", "/line_items"),
    (create(), "line_items.0.unit_price", "/line_items/0/unit_amount"),
    (create(), "line_items[1].product_id", "/line_items/1/sku"),
    (create(), "line_items.2.description", "/line_items/2/description"),
    (create(), "invoice_id", "/extensions/revkeen/invoice_id"),
    (create(), "subscription_id", "/extensions/revkeen/subscription_id"),
    (pay(), "payment_method_id", "/payment_method"),
    (pay(), "payment_token", "/extensions/revkeen/payment_token"),
    (pay(), "amount", "/amount"),
    (cancel(), "reason", "/reason"),
    (fulfill(), "tracking_number", "/tracking_number"),
    (fulfill(), "carrier", "/carrier"),
    (fulfill(), "line_item_ids.0", "/line_item_ids"),
    (create(), "something.new", "/something/new"),
]


@pytest.mark.parametrize(("command", "param", "pointer"), PARAMS)
def test_param_becomes_a_pointer(command: Command, param: str, pointer: str) -> None:
    """RevKeen's dotted path names the field in the caller's terms."""
    outcome = refused(command, refusal(400, "validation_error", param=param))

    assert [(error.pointer, error.code) for error in outcome.errors] == [(pointer, "provider_rejected")]


def test_unknown_reference_on_create_points_at_all_it_could_be() -> None:
    """A 404 on create means that something the order names is not there: the answer names each of them."""
    command = create(
        draft(line(sku="MUG"), line()),
        customer=CUSTOMER,
        products=(PRODUCT, None),
        extension={"invoice_id": METHOD},
    )
    outcome = refused(command, refusal(404, "resource_not_found"))

    assert [error.pointer for error in outcome.errors] == [
        "/customer/id",
        "/line_items/0/sku",
        "/extensions/revkeen/invoice_id",
    ]


def test_unknown_reference_on_create_has_a_pointer_even_then() -> None:
    """A 404 on a create that names nothing still points somewhere: at the body as a whole."""
    assert [error.pointer for error in refused(create(), refusal(404, "resource_missing")).errors] == [""]


def test_unknown_method_on_pay_is_pointed_at() -> None:
    """A 404 on a pay with a method is about the method: the order has been read just before."""
    named = refused(pay(payment_method=METHOD), refusal(404, "resource_not_found"))
    default = refused(pay(), refusal(404, "resource_not_found"))

    assert [error.pointer for error in named.errors] == ["/payment_method"]
    assert default.errors == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "param", "request_id"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=75)
@given(JSON, st.sampled_from([400, 404, 409, 422]), st.sampled_from(COMMANDS))
def test_any_document_is_survived(body: Any, status: int, command: Command) -> None:
    """Whatever JSON comes with a refusal, it is a refusal, or unknown where the key was known."""
    outcome = concluded(command, respond(body, status))

    assert isinstance(outcome, NotApplied)
    assert outcome.code in PROBLEMS
