"""What is kept or logged holds no secret and nothing personal."""

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate.telemetry.redaction import (
    MASK,
    PERSONAL_NAMES,
    SECRET_NAMES,
    mask_body,
    redact,
    redact_event,
    redact_headers,
    redact_json,
)

TRANSCRIPTS = [
    (
        {
            "customer_id": "0d01-cus",
            "currency": "usd",
            "line_items": [
                {"name": "Chair", "quantity": 1, "unit_amount_minor": 20000, "metadata": {"size": "L"}}
            ],
            "metadata": {"ordergate_operation": "op_1", "token": "tok_9"},
            "notes": "Ring twice at Anna's",
        },
        {
            "customer_id": "0d01-cus",
            "currency": "usd",
            "line_items": [
                {"name": MASK, "quantity": 1, "unit_amount_minor": 20000, "metadata": {"size": "L"}}
            ],
            "metadata": {"ordergate_operation": "op_1", "token": MASK},
            "notes": MASK,
        },
    ),
    (
        {"payment_token": "tok_once", "amount_minor": 20000, "payment_method_id": None},
        {"payment_token": MASK, "amount_minor": 20000, "payment_method_id": None},
    ),
    (
        {
            "status": {"status": "SUCCESS", "operation_id": "op-1", "error_code": ""},
            "data": {
                "id": "order_1",
                "email": "anna@example.com",
                "shipping_address": {"name": "Anna", "line_1": "Main 1", "zip": "12345", "phone_number": ""},
                "order_items": [{"type": "sku", "amount": 200, "parent": "sku_1"}],
                "paid": True,
                "total": 471.5,
            },
        },
        {
            "status": {"status": "SUCCESS", "operation_id": "op-1", "error_code": ""},
            "data": {
                "id": "order_1",
                "email": MASK,
                "shipping_address": MASK,
                "order_items": [{"type": "sku", "amount": 200, "parent": "sku_1"}],
                "paid": True,
                "total": 471.5,
            },
        },
    ),
    (
        {
            "email": None,
            "notes": "",
            "shipping_address": {},
            "webhook_secrets": [],
            "secret": 0,
            "token": False,
        },
        {
            "email": None,
            "notes": "",
            "shipping_address": {},
            "webhook_secrets": [],
            "secret": MASK,
            "token": MASK,
        },
    ),
    (
        [{"API_KEY": "a"}, ["x", {"Webhook_Secrets": ["a", "b"]}]],
        [{"API_KEY": MASK}, ["x", {"Webhook_Secrets": MASK}]],
    ),
    ("just text", "just text"),
    (5, 5),
    (None, None),
]


@pytest.mark.parametrize(("before", "after"), TRANSCRIPTS)
def test_transcripts_before_and_after(before: Any, after: Any) -> None:
    """Stars stand exactly where a secret or a person was; all else, emptiness too, stays."""
    kept = msgspec.json.encode(before)

    assert redact(before) == after
    assert msgspec.json.decode(redact_json(kept)) == after
    assert msgspec.json.encode(before) == kept


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Authorization", MASK),
        ("x-api-key", MASK),
        ("X-API-Key", MASK),
        ("access_key", MASK),
        ("signature", MASK),
        ("salt", MASK),
        ("Cookie", MASK),
        ("Set-Cookie", MASK),
        ("timestamp", "value"),
        ("idempotency", "value"),
        ("Idempotency-Key", "value"),
        ("content-type", "value"),
        ("x-request-id", "value"),
    ],
)
def test_headers_that_authenticate_are_masked(name: str, shown: str) -> None:
    """Of the headers those that authenticate are masked, in whatever case, and the others are shown."""
    assert redact_headers({name: "value"}) == {name: shown}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"api_key=rk_live_x",
        b"<html>rk_live_x</html>",
        b'{"api_key": "rk_live_x"',
        b"\xff\xfe rk_live_x",
        b'{"a": "\\ud800 rk_live_x"}',
        b"[" * 100_000 + b'"rk_live_x"',
        *(b'{"a":' * depth + b'"rk_live_x"' + b"}" * depth for depth in (400, 600, 900)),
    ],
    ids=lambda body: f"{body[:12]!r}-{len(body)}",
)
def test_of_what_cannot_be_read_nothing_is_kept(body: bytes) -> None:
    """A body that is no JSON, or deeper than can be walked, leaves at most its length."""
    kept = redact_json(body)

    assert kept in {f"{len(body)} bytes that are not JSON".encode(), body.replace(b" ", b"")}
    assert kept == body or b"rk_live_x" not in kept


def test_a_log_event_is_redacted_at_every_depth() -> None:
    """An event's own fields and those inside them are masked alike; a mapping of any kind is walked."""
    event = {"event": "order.created", "email": "a@b", "draft": {"customer": {"email": "a@b", "id": "c"}}}

    assert redact_event(logging.getLogger(), "info", event) == {
        "event": "order.created",
        "email": MASK,
        "draft": {"customer": {"email": MASK, "id": "c"}},
    }


SECRET = "rk_live_planted_secret"

hidden_names = st.sampled_from(sorted(SECRET_NAMES | PERSONAL_NAMES)).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.title()])
)
secrets = (
    st.just(SECRET)
    | st.lists(st.just(SECRET), min_size=1)
    | st.dictionaries(st.text(max_size=5), st.just(SECRET), min_size=1)
)
harmless = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
documents = st.recursive(
    harmless | st.dictionaries(hidden_names, secrets, min_size=1, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        | st.tuples(st.dictionaries(st.text(max_size=4), inner, max_size=2), hidden_names, secrets).map(
            lambda parts: {**parts[0], parts[1]: parts[2]}
        )
    ),
    max_leaves=30,
)


@given(document=documents)
def test_no_planted_secret_survives(document: Any) -> None:
    """Under a listed name, at any depth and in any case, no secret is left."""
    assert SECRET not in repr(redact(document))
    assert SECRET.encode() not in redact_json(msgspec.json.encode(document))


@given(document=documents)
def test_redacting_twice_changes_nothing(document: Any) -> None:
    """What is redacted stays as it is when it is redacted again."""
    once = redact(document)

    assert redact(once) == once


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"client_secret": "s"}, 1.50]', b'[{"client_secret":"***"},1.50]'),
        (b'{"p\\u0061ssword": "s"}', b'{"password":"***"}'),
        (b'{"a":  1.50}', b'{"a":  1.50}'),
        (b'{"token": null}', b'{"token": null}'),
        (b"no json, token", b"no json, token"),
    ],
)
def test_a_body_without_a_secret_stays_as_it_is(body: bytes, expected: bytes) -> None:
    """Only where a secret is masked it is written anew, arrays too; numbers stay exact."""
    assert mask_body(body) == expected
