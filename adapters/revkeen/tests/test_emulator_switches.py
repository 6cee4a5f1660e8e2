"""Every switch, shown at work: one observation under the default, another under the switch."""

import ast
import inspect
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from ordergate_revkeen.emulator import Switches
from ordergate_revkeen.emulator import switches as switches_module

from . import emulator_probes as see
from .emulator_client import LINE, NOBODY, Client

TABLE_CELLS = {
    name
    for name in Switches.__struct_fields__
    if name.split("_")[0] in {"update", "pay", "cancel", "fulfill", "refund"}
    and name.partition("_")[2]
    in {"draft", "pending", "partially_paid", "paid", "fulfilled", "canceled", "refunded"}
}
"""Shown in test_emulator_states."""


class Case(NamedTuple):
    """A switch, a value, and what a probe sees under the default and under the value."""

    switch: str
    value: Any
    probe: Callable[[Client], Any]
    default: Any
    switched: Any


PAID = ["order.created", "payment.succeeded", "order.paid"]

CASES = [
    Case("environment", "production", see.with_live_key, 401, True),
    Case("api_key_status", "expired", see.own_key, 200, "expired_api_key"),
    Case("api_key_status", "revoked", see.own_key, 200, "invalid_api_key"),
    Case("key_scopes", ["orders:read"], see.create_with(), 201, 403),
    Case("pay_and_update_scope", "orders:pay", see.pay_with_write_only, 404, 403),
    Case(
        "unauthorized_code",
        "authentication_failed",
        see.refused_key,
        ("invalid_api_key", True),
        ("authentication_failed", True),
    ),
    Case(
        "unauthorized_code",
        "authentication_required",
        see.refused_key,
        ("invalid_api_key", True),
        ("authentication_required", False),
    ),
    Case("forbidden_type", "permission_error", see.lacking_scope, "authorization_error", "permission_error"),
    Case("pinned_version", "2026-08-01", see.version_for(None), (200, "2026-05-01"), (200, "2026-08-01")),
    Case(
        "unknown_version", "pinned", see.version_for("2027-01-01"), (200, "2027-01-01"), (200, "2026-05-01")
    ),
    Case(
        "unknown_version", "refuse", see.version_for("2027-01-01"), (200, "2027-01-01"), (400, "2026-05-01")
    ),
    Case(
        "error_codes",
        "blurb",
        see.codes,
        ["validation_error", "resource_not_found", "invalid_api_key"],
        ["invalid_request", "resource_missing", "unauthenticated"],
    ),
    *(
        Case(
            "error_shape",
            value,
            see.shape,
            (["error"], ["code", "details", "message", "param", "request_id", "type"]),
            seen,
        )
        for value, seen in {
            "minimal": (["error"], ["code", "message", "param", "type"]),
            "flat": (["error", "message"], "VALIDATION_ERROR"),
            "text": (["code", "error"], "Required"),
            "no_type": (["error"], ["code", "message"]),
            "no_code": (["error"], ["message", "type"]),
        }.items()
    ),
    Case(
        "array_paths",
        "brackets",
        see.array_path,
        ("line_items.0.unit_price", ["line_items.0.unit_price"]),
        ("line_items[0].unit_price", ["line_items[0].unit_price"]),
    ),
    Case(
        "unspecified_error_type",
        "idempotency_error",
        see.conflict_type,
        "invalid_request_error",
        "idempotency_error",
    ),
    Case(
        "wrong_method_status",
        405,
        lambda client: client.send("DELETE", "/orders").headers.get("Allow"),
        None,
        "GET, POST",
    ),
    Case("malformed_id_status", 404, see.status_of("GET", "/orders/ord_1"), 400, 404),
    Case("rejected_state_status", 409, see.rejected, (400, "validation_error"), (409, "conflict")),
    Case(
        "rejected_state_status", 422, see.rejected, (400, "validation_error"), (422, "unprocessable_entity")
    ),
    Case(
        "rejected_state_code",
        "order_not_cancelable",
        see.rejected,
        (400, "validation_error"),
        (400, "order_not_cancelable"),
    ),
    Case("unknown_fields", "ignore", see.create_with(foo=1, line_items=[LINE | {"bar": 2}]), 400, 201),
    Case("empty_body", "as_object", see.without_body, [400, 400], [200, 200]),
    Case(
        "require_json_content_type",
        True,
        see.status_of("POST", "/orders", {"line_items": [LINE]}, headers={"content-type": "text/plain"}),
        201,
        400,
    ),
    Case("datetime_requires_utc", True, see.create_with(expires_at="2026-06-01T12:00:00+02:00"), 201, 400),
    Case("past_expiry", "refuse", see.create_with(expires_at="2020-01-01T00:00:00Z"), 201, 400),
    Case("supported_currencies", ["USD", "eur"], see.create_with(currency="gbp"), 201, 400),
    Case("supported_currencies", ["USD", "eur"], see.create_with(currency="EUR"), 201, 201),
    Case("create_status", 200, see.create_with(), 201, 200),
    Case("optional_fields", "non_null", see.key_counts, (26, 11), (19, 10)),
    Case("optional_fields", "none", see.key_counts, (26, 11), (15, 0)),
    Case("line_items_in", "retrieve", see.lines_in, [True, True, True], [False, True, False]),
    Case("optional_fields", "none", see.lines_in, [True, True, True], [False, True, False]),
    Case("update_wrapped", True, lambda client: list(see.update(client)[1])[:1], ["id"], ["data"]),
    Case("currency_case", "upper", see.new_field("currency"), "eur", "EUR"),
    Case("currency_case", "as_sent", see.new_field("currency"), "eur", "EuR"),
    Case(
        "sibling_currency_case",
        "lower",
        lambda client: (see.pay(client), client.payments()[0]["currency"])[1],
        "USD",
        "usd",
    ),
    Case(
        "fractional_seconds",
        True,
        see.new_field("created_at"),
        "2026-05-02T10:00:00Z",
        "2026-05-02T10:00:00.000Z",
    ),
    Case("extra_fields", True, see.key_counts, (26, 11), (27, 12)),
    Case("new_order_status", "on_hold", see.new_field("status"), "draft", "on_hold"),
    Case("new_order_status", "on_hold", see.default_pay, ("paid", 0), ("paid", 0)),
    Case("new_fulfillment_status", None, see.new_field("fulfillment_status"), "unfulfilled", None),
    Case("product_overrides_line", True, see.line_with_product, (1250, "Blue mug"), (18900, "Walnut chair")),
    Case("tax_percent", 20, see.taxed, (0, 9, 0, 9, 9), (1, 10, 1, 10, 10)),
    Case("expiry", "refuse_pay", see.after_expiry, ("draft", None, 200), ("draft", None, 400)),
    Case(
        "expiry", "cancel", see.after_expiry, ("draft", None, 200), ("canceled", "2026-05-02T10:00:30Z", 400)
    ),
    Case(
        "metadata_update",
        "merge",
        lambda client: see.update(client, metadata={"b": 2})[1]["metadata"],
        {"b": 2},
        {"a": 1, "b": 2},
    ),
    Case(
        "update_null",
        "ignored",
        lambda client: see.update(client, notes=None, customer_id=None)[1]["notes"],
        None,
        "old",
    ),
    Case(
        "update_null",
        "ignored",
        lambda client: see.update(client, customer_id=None)[1]["customer_id"] is None,
        True,
        False,
    ),
    Case("empty_update", "refuse", lambda client: see.update(client)[0], 200, 400),
    Case("pay_without_method", "refuse", lambda client: see.pay(client).status, 200, 400),
    Case("pay_both_methods", "payment_method", see.both_methods, 400, 200),
    Case("pay_both_methods", "payment_token", see.both_methods_reversed, 400, 200),
    Case(
        "guest_saved_method",
        True,
        lambda client: see.pay_guest(client, payment_method_id=client.method("succeeds")).status,
        400,
        200,
    ),
    Case("zero_total_pay", "refuse", see.pay_free, 200, 400),
    Case("overpayment_status", 422, lambda client: see.pay(client, amount=9999).status, 400, 422),
    Case("pay_second_invoice", "replace", see.invoices, True, False),
    Case("decline_status", 402, see.declined, (400, "validation_error"), (402, "payment_required")),
    Case("decline_status", 422, see.declined, (400, "validation_error"), (422, "unprocessable_entity")),
    Case("decline_code", "card_declined", see.declined, (400, "validation_error"), (400, "card_declined")),
    Case("pay_answers_pending", True, see.default_pay, ("paid", 0), ("pending", 2500)),
    Case("pending_payment_seconds", 60.0, see.pending_after_a_minute, "pending", "paid"),
    Case("pay_in_flight", "charge", see.paid_twice, (409, 2500, 0), (200, 5000, -2500)),
    Case("failed_pending_status", "pending", see.after_failed_challenge, "draft", "pending"),
    Case("pay_outage", "before_charge", see.outage, (200, 1), (500, 0)),
    Case("pay_outage", "after_charge", see.outage, (200, 1), (500, 1)),
    Case("cancel_in_flight", "refuse", see.cancel_in_flight, (200, "canceled", 0), (409, "paid", 2500)),
    Case(
        "cancel_in_flight", "close_later", see.cancel_in_flight, (200, "canceled", 0), (200, "canceled", 2500)
    ),
    Case("empty_line_item_ids", "all", see.fulfill_lines(lambda _: []), (400, "partial"), (200, "fulfilled")),
    Case("empty_line_item_ids", "none", see.fulfill_lines(lambda _: []), (400, "partial"), (200, "partial")),
    Case(
        "unknown_line_item_status",
        404,
        see.fulfill_lines(lambda _: [NOBODY]),
        (400, "partial"),
        (404, "partial"),
    ),
    Case(
        "fulfilled_line", "ignore", see.fulfill_lines(lambda ids: ids), (400, "partial"), (200, "fulfilled")
    ),
    Case("partial_fulfillment_status", "fulfilled", see.partly_fulfilled, "paid", "fulfilled"),
    Case("full_refund_status", "unchanged", see.refunded, ("refunded", 0), ("paid", 0)),
    Case("refund_raises_amount_due", True, see.refunded, ("refunded", 0), ("refunded", 2500)),
    Case("refund_wrapped", False, see.refund, 1, 10),
    Case("require_idempotency_key", True, see.without_key, 201, 400),
    Case(
        "bad_idempotency_key",
        "ignore",
        see.status_of("POST", "/orders", {"line_items": [LINE]}, key=""),
        400,
        201,
    ),
    Case("idempotency_compares", "json", see.other_whitespace, 409, 200),
    Case(
        "idempotency_stores_unauthorized",
        True,
        see.repeat_after(401, {"api_key_status": "expired"}, {"api_key_status": "active"}),
        201,
        401,
    ),
    Case("idempotency_stores_not_found", False, see.repeat_after_404, 404, 201),
    Case(
        "idempotency_stores_rate_limited",
        True,
        see.repeat_after(429, {"rate_limits": True, "burst": 1}, {"rate_limits": False}),
        201,
        429,
    ),
    Case("idempotency_running_seconds", 1.0, see.immediate_repeat, 201, 409),
    Case("default_limit", 2, see.listed(""), 3, 2),
    Case("limit_over_maximum", "clamp", see.listed("limit=500", 101), 400, 100),
    Case("unknown_query", "ignore", see.listed("offset=2&limit=2"), 400, 2),
    Case("unknown_cursor", "empty", see.listed(f"starting_after={NOBODY}"), 400, 0),
    Case("both_cursors", "starting_after", see.both_cursors, 400, 1),
    Case("list_order", "oldest_first", see.first_is_first, False, True),
    Case("total_count", False, lambda client: "total_count" in client.get("/orders"), True, False),
    Case("rate_limits", True, see.flood(203), 0, 3),
    Case("requests_per_minute", 3000, see.recovered, 1, 50),
    Case("burst", 7, see.limited_flood(10), 0, 3),
    Case("retry_after", "absent", see.retry_after, "1", None),
    Case("retry_after", "zero", see.retry_after, "1", "0"),
    Case("retry_after", "http_date", see.retry_after, "1", "Sat, 02 May 2026 10:00:01 GMT"),
    Case("rate_limit_headers", "always", see.rate_headers, [None, None, "0"], ["1", "0", "0"]),
    Case("rate_limit_headers", "never", see.rate_headers, [None, None, "0"], [None, None, None]),
    Case("forced_retry_after", 60, see.retry_after, "1", "60"),
    Case("event_ids", "evt", see.event_id, False, True),
    Case("omitted_events", ["order.created"], see.all_events, PAID, PAID[1:]),
    Case(
        "extra_event_type",
        "order.scored",
        see.all_events,
        PAID,
        ["order.created", "order.scored", "payment.succeeded", "order.paid", "order.scored"],
    ),
    Case("webhook_envelope", "schema", see.delivered_members, 9, 5),
    *(
        Case(
            "webhook_signature_header",
            name,
            see.retry_headers,
            ["X-Revkeen-Signature t=300"],
            [f"{name} t=300"],
        )
        for name in ("x-rk-signature", "revkeen-signature")
    ),
    Case(
        "webhook_retries_signed_anew",
        False,
        see.retry_headers,
        ["X-Revkeen-Signature t=300"],
        ["X-Revkeen-Signature t=0"],
    ),
    Case("webhook_attempts", 8, see.attempts, 6, 8),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.switch}={case.value}")
def test_a_switch_does_what_it_says(case):
    """The default shows one behaviour, the switch the other."""
    assert case.probe(Client()) == case.default
    assert case.probe(Client(**{case.switch: case.value})) == case.switched


def test_every_switch_is_shown():
    """No switch is without a case that a client could notice."""
    noticed = {case.switch for case in CASES if case.default != case.switched}

    assert noticed | TABLE_CELLS == set(Switches.__struct_fields__)


def test_every_switch_is_documented():
    """Each field of Switches is followed by its docstring."""
    module = ast.parse(inspect.getsource(switches_module))
    (body,) = [node.body for node in module.body if isinstance(node, ast.ClassDef)]
    documented = {
        field.target.id
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and str(text.value.value).rstrip().endswith(".")
    }

    assert documented == set(Switches.__struct_fields__)
