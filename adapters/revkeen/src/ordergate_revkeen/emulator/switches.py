"""Every behaviour that RevKeen's documentation leaves open, contradicts, or only lets one infer.

A default is the most likely reading. If the behaviour of the live service becomes known, set the switch. The author of
a client tests it with each value of each switch.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Percent = Annotated[int, Meta(ge=0, le=100)]
PageSize = Annotated[int, Meta(ge=1, le=100)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
WholeSeconds = Annotated[int, Meta(ge=0, le=86_400)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]

SETTLED_STATUSES = frozenset({"partially_paid", "paid", "fulfilled", "canceled", "refunded"})
"""Statuses that show an earlier event of an order."""


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The open points of RevKeen's documentation, each with the reading in force."""

    # Environment, authentication, versioning

    environment: Literal["staging", "production"] = "staging"
    """The accepted keys, and the value of `livemode`: `rk_sandbox_` or `rk_live_` (Authentication guide).

    The emulator's live key is its sandbox key with the other prefix.
    """
    api_key_status: Literal["active", "expired", "revoked"] = "active"
    """An expired or revoked key gives 401; only the code differs (Authentication guide, OpenAPI)."""
    key_scopes: tuple[Name, ...] = ("orders:*", "events:read", "refunds:write", "customers:read")
    """Scopes of the key, wildcards allowed; a missing one gives 403. Orders scopes are in the OpenAPI
    document, those of the other resources are inferred."""
    pay_and_update_scope: Name = "orders:write"
    """Scope of pay and update; inferred, as OpenAPI names it for create, cancel and fulfill only."""
    unauthorized_code: Literal[
        "invalid_api_key", "authentication_failed", "authentication_required", "merchant_api_key_required"
    ] = "invalid_api_key"
    """Code of a 401. The last two are sent by some surfaces, without the Bearer challenge (CLI contract)."""
    forbidden_type: Literal["authorization_error", "authentication_error", "permission_error"] = (
        "authorization_error"
    )
    """Type of a 403: CLI contract, OpenAPI and Errors guide each name another."""
    pinned_version: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-05-01"
    """Version the key was issued under, in force without `RevKeen-Version` (Versioning guide)."""
    unknown_version: Literal["echo", "pinned", "refuse"] = "echo"
    """The effect of a `RevKeen-Version` other than the key's; undocumented. `echo` accepts any date."""

    # Errors

    error_codes: Literal["canonical", "blurb"] = "canonical"
    """Spelling of codes: OpenAPI's (`validation_error`) or the reference pages' (`invalid_request`)."""
    error_shape: Literal["canonical", "minimal", "flat", "text", "no_type", "no_code"] = "canonical"
    """Form of error bodies. `minimal` is `OrderErrorResponse` (no `details`, no `request_id`); the others
    are forms that exist elsewhere on the same API (OpenAPI, SDK types, CLI contract)."""
    array_paths: Literal["dots", "brackets"] = "dots"
    """`line_items.0.unit_price` or `line_items[0].unit_price`: the Errors guide shows no array."""
    unspecified_error_type: Name = "invalid_request_error"
    """Error type of 402, 405, 409, 410 and 422; named nowhere."""
    wrong_method_status: Literal[404, 405] = 404
    """Answer to a known path with another method; 405 is in no error table (Errors guide)."""
    malformed_id_status: Literal[400, 404] = 400
    """Answer to a path id that is no UUID; inferred from the parameter's `format: uuid` (OpenAPI)."""
    rejected_state_status: Literal[400, 409, 422] = 400
    """Answer to an operation that the order's status forbids; inferred from 400 being the only such error
    typed on pay and cancel, while the Errors guide gives 409 to concurrency and 422 to business rules."""
    rejected_state_code: Name | None = None
    """Code of that answer; undocumented, so the general code of its status by default."""

    # Request bodies

    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """Unknown body fields are a 400 (Errors guide), though no schema states it (OpenAPI)."""
    empty_body: Literal["refuse", "as_object"] = "refuse"
    """An absent body on update, pay, cancel and fulfill; undocumented, all SDKs sent `{}`."""
    require_json_content_type: bool = False
    """Whether a body without `Content-Type: application/json` is a 400; only sending it is documented."""
    datetime_requires_utc: bool = False
    """Whether `expires_at` must end in `Z`; the schema requires an RFC 3339 date-time (OpenAPI)."""
    past_expiry: Literal["accept", "refuse"] = "accept"
    """Whether `expires_at` may lie in the past at creation; undocumented."""
    supported_currencies: tuple[Annotated[str, Meta(min_length=3, max_length=3)], ...] | None = None
    """Currencies taken, any case; null takes any three characters, as the schema does (OpenAPI)."""

    # Replies

    create_status: Literal[200, 201] = 201
    """Status of a successful create; inferred from the other resources (OpenAPI)."""
    optional_fields: Literal["all", "non_null", "none"] = "all"
    """Which fields outside the schema's `required` list a reply carries (OpenAPI)."""
    line_items_in: Literal["every_reply", "retrieve"] = "every_reply"
    """Responses with `line_items`: promised for retrieve only (Orders reference)."""
    update_wrapped: bool = False
    """Whether update answers `{"data": order}`; bare is inferred from the other operations."""
    currency_case: Literal["lower", "upper", "as_sent"] = "lower"
    """Case of `currency` in orders; the default `usd` suggests lower (OpenAPI)."""
    sibling_currency_case: Literal["lower", "upper"] = "upper"
    """Case of `currency` in payments and refunds; examples have `USD` (OpenAPI)."""
    fractional_seconds: bool = False
    """Whether date-times carry milliseconds; both are RFC 3339."""
    extra_fields: bool = False
    """Adds unknown fields to objects and lists: allowed under a pinned version (Versioning guide)."""

    # Create and update

    new_order_status: Name = "draft"
    """Status of a new order: `draft` (Orders reference); `pending`, as hosted checkouts start; or an
    unknown value, which may appear any time (Versioning guide) and is then treated as `draft`."""
    new_fulfillment_status: Literal["unfulfilled"] | None = "unfulfilled"
    """`fulfillment_status` of a new order; null is inferred for goods that are not physical."""
    product_overrides_line: bool = False
    """Whether a product's name and price replace the line's; undocumented."""
    tax_percent: Percent = 0
    """Automatic tax on each line, rounded down; undocumented, but only RevKeen can add tax."""
    expiry: Literal["none", "refuse_pay", "cancel"] = "none"
    """The effect of a passed `expires_at`; undocumented, and there is no `expired` status."""
    metadata_update: Literal["replace", "merge"] = "replace"
    """Whether update replaces or merges `metadata`; undocumented, replace is inferred."""
    update_null: Literal["clears", "ignored"] = "clears"
    """The effect of null for `customer_id` and `notes` in an update; inferred."""
    empty_update: Literal["accept", "refuse"] = "accept"
    """Answer to an update of nothing; undocumented."""

    # Pay

    pay_without_method: Literal["default_method", "refuse"] = "default_method"
    """The effect of `{}`: charging the customer's default method is inferred (OpenAPI requires neither)."""
    pay_both_methods: Literal["refuse", "payment_method", "payment_token"] = "refuse"
    """Which wins when method and token are both given; undocumented, a 400 is inferred."""
    guest_saved_method: bool = False
    """Whether an order without customer can be paid with a saved method; inferred not."""
    zero_total_pay: Literal["settle", "refuse"] = "settle"
    """How a free order becomes paid; undocumented (lines may be free, `amount` is at least 1)."""
    overpayment_status: Literal[400, 422] = 400
    """Answer to an `amount` above `amount_due`; 400 is inferred."""
    pay_second_invoice: Literal["keep", "replace"] = "keep"
    """Whether pay replaces the `invoice_id` of an earlier payment or of creation; undocumented."""
    decline_status: Literal[400, 402, 422] = 400
    """Status of a declined payment; inferred from payment intents, whose failed confirmation is 400."""
    decline_code: Name | None = None
    """Code of that answer; undocumented, so the general code of its status by default."""
    pay_answers_pending: bool = False
    """Whether payments that would succeed at once are pending first; undocumented when that occurs."""
    pending_payment_seconds: Seconds | None = None
    """After how many seconds a pending payment closes by itself; null waits for `payment_closed`."""
    pay_in_flight: Literal["refuse", "charge"] = "refuse"
    """Answer to pay while a payment is pending: 409 (concurrent state change, Errors guide) or a second
    charge, which may overpay the order; undocumented."""
    failed_pending_status: Literal["restore", "pending"] = "restore"
    """Status after a pending payment failed: the one before pay, or still `pending`; undocumented."""
    pay_outage: Literal["none", "before_charge", "after_charge"] = "none"
    """Makes pay answer 500 before the gateway call (not stored under its key) or after it (stored, and
    the money is taken), the two cases of the Idempotency guide."""

    # Cancel, fulfill, refund

    cancel_in_flight: Literal["void", "refuse", "close_later"] = "void"
    """The effect of a cancellation on a pending payment; undocumented. `close_later` takes the money all the same."""
    empty_line_item_ids: Literal["refuse", "all", "none"] = "refuse"
    """The effect of `line_item_ids: []`; undocumented."""
    unknown_line_item_status: Literal[400, 404] = 400
    """Answer to a line that is not the order's; undocumented."""
    fulfilled_line: Literal["refuse", "ignore"] = "refuse"
    """Answer to a line that is fulfilled already; undocumented."""
    partial_fulfillment_status: Literal["paid", "fulfilled"] = "paid"
    """Order status after some lines were fulfilled; inferred from the absence of another value."""
    full_refund_status: Literal["refunded", "unchanged"] = "refunded"
    """Order status after everything paid was refunded; inferred."""
    refund_raises_amount_due: bool = False
    """Whether refunded money is due again; undocumented."""
    refund_wrapped: bool = True
    """Whether refunds answer `{"data": refund}`, the form of most resources (OpenAPI)."""

    # Operations by status: the cells that are inferred

    update_fulfilled: bool = False
    """Update a fulfilled order; meant for before fulfilment (OpenAPI)."""
    update_canceled: bool = False
    """Update a canceled order; inferred not."""
    update_refunded: bool = False
    """Update a refunded order; inferred not."""
    pay_draft: bool = True
    """Pay a draft; inferred, since no operation makes it pending."""
    pay_paid: bool = False
    """Pay a paid order; if allowed, it changes nothing."""
    pay_fulfilled: bool = False
    """Pay a fulfilled order; inferred not."""
    pay_canceled: bool = False
    """Pay a canceled order; inferred not. If allowed, the status stays `canceled`."""
    pay_refunded: bool = False
    """Pay a refunded order; inferred not."""
    cancel_partially_paid: bool = False
    """Cancel a partly paid order; "not been paid" is ambiguous (SDK references)."""
    cancel_canceled: bool = False
    """Cancel twice; if allowed, it changes nothing."""
    cancel_refunded: bool = False
    """Cancel a refunded order; inferred not."""
    fulfill_draft: bool = False
    """Fulfill a draft; undocumented whether fulfilment needs payment."""
    fulfill_pending: bool = False
    """Fulfill a pending order; undocumented whether fulfilment needs payment."""
    fulfill_partially_paid: bool = False
    """Fulfill a partly paid order; undocumented whether fulfilment needs payment."""
    fulfill_paid: bool = True
    """Fulfill a paid order; inferred."""
    fulfill_fulfilled: bool = False
    """Fulfill twice; if allowed, it changes nothing."""
    fulfill_canceled: bool = False
    """Fulfill a canceled order; inferred not."""
    fulfill_refunded: bool = False
    """Fulfill a refunded order; inferred not."""
    refund_partially_paid: bool = True
    """Refund a payment of a partly paid order; inferred."""
    refund_fulfilled: bool = True
    """Refund a payment of a fulfilled order; inferred."""
    refund_canceled: bool = False
    """Refund a payment that arrived after the cancellation of its order; inferred not."""
    refund_refunded: bool = False
    """Refund a payment of a refunded order; inferred not. If allowed, the amount rule still applies."""

    # Idempotency

    require_idempotency_key: bool = False
    """Whether create, pay and refund without a key are a 400: a must in the Idempotency guide, optional on
    the reference pages."""
    bad_idempotency_key: Literal["refuse", "ignore"] = "refuse"
    """Answer to an empty key or one above 255 characters; undocumented."""
    idempotency_compares: Literal["bytes", "json"] = "bytes"
    """Whether a repeated body must equal in bytes or as parsed JSON; undocumented."""
    idempotency_stores_unauthorized: bool = False
    """Whether a 401 is stored under its key; undocumented."""
    idempotency_stores_not_found: bool = True
    """Whether a 404 is stored under its key; undocumented."""
    idempotency_stores_rate_limited: bool = False
    """Whether a 429 is stored under its key; undocumented."""
    idempotency_running_seconds: Seconds = 0.0
    """How long a mutation counts as running: its key then gives 409 `idempotency_in_progress`
    (Idempotency guide). The emulator itself needs no time at all."""

    # Lists

    default_limit: PageSize = 20
    """Page size without `limit`: 20 in the Orders schema, 25 in the Pagination guide."""
    limit_over_maximum: Literal["refuse", "clamp"] = "refuse"
    """A `limit` above 100: schema maximum (OpenAPI) or clamped (Pagination guide)."""
    unknown_query: Literal["refuse", "ignore"] = "refuse"
    """Unknown query parameters of lists, such as the `offset` of the Pagination guide; undocumented."""
    unknown_cursor: Literal["refuse", "empty"] = "refuse"
    """Answer to a cursor that names nothing; undocumented."""
    both_cursors: Literal["refuse", "starting_after"] = "refuse"
    """Answer to both cursors at once; undocumented."""
    list_order: Literal["newest_first", "oldest_first"] = "newest_first"
    """Sort order of rows; inferred from events and refunds, for which it is documented (OpenAPI)."""
    total_count: bool = True
    """Whether the orders list carries the optional `total_count` (OpenAPI)."""

    # Rate limits

    rate_limits: bool = False
    """Whether limits are enforced: 100 a minute with bursts of 200 on staging, 1000 and 2000 in
    production, per API key (OpenAPI, API reference)."""
    requests_per_minute: Count | None = None
    """Replaces the environment's rate, as an enterprise plan does."""
    burst: Count | None = None
    """Replaces the environment's burst, as an enterprise plan does."""
    retry_after: Literal["seconds", "absent", "zero", "http_date"] = "seconds"
    """Form of `Retry-After`: whole seconds; clients meet the others too (CLI contract, SDKs)."""
    rate_limit_headers: Literal["on_429", "always", "never"] = "on_429"
    """Responses with the optional `X-RateLimit-*` headers; documented only for 429."""
    forced_retry_after: WholeSeconds = 1
    """Seconds that a 429 asks for when a fault rule forces it, not the limit."""

    # Events

    event_ids: Literal["uuid", "evt"] = "uuid"
    """Form of event ids: UUID (Events API in OpenAPI) or `evt_...` (Webhooks guide)."""
    omitted_events: tuple[Name, ...] = ()
    """Event types never sent: `order.updated`, `order.fulfilled` and `order.canceled` are each missing from
    some list (SDK types, OpenAPI, Event catalogue)."""
    extra_event_type: Name | None = None
    """A further event of this unknown type after every order event (Versioning guide)."""

    # Webhooks

    webhook_envelope: Literal["full", "schema"] = "full"
    """Whether webhooks contain everything that the Events API lists, as in the SDKs' types, or only the members of the
    webhook schema (OpenAPI).
    """
    webhook_signature_header: Literal["X-Revkeen-Signature", "x-rk-signature", "revkeen-signature"] = (
        "X-Revkeen-Signature"
    )
    """Name of the signature's header: the first is in OpenAPI, the second is the fallback of SDK verifiers, the third
    is only in SDK examples.
    """
    webhook_retries_signed_anew: bool = True
    """Whether each attempt is signed at its own time; inferred, since later ones would else be too old."""
    webhook_attempts: Annotated[int, Meta(ge=1, le=100)] = 6
    """Attempts before an event is given up: six in the Retry guide, eight in an example (OpenAPI). Further
    ones follow 24 hours apart."""

    def __post_init__(self) -> None:
        """Refuse a contradictory value: a new order that claims to be paid."""
        if self.new_order_status in SETTLED_STATUSES:
            raise ValueError(f"new_order_status cannot be {self.new_order_status}: a new order is unpaid")
