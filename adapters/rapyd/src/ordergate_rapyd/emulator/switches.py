"""One switch for each point that Rapyd's documentation leaves open, contradicts or only implies.

A default is the documented behaviour where there is one, else the likeliest reading of its schemas and samples.
"""

from typing import Annotated, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The behaviours of the emulated Rapyd, for points in which a client must accept several."""

    strict_signature: bool = True
    """The signature must fit the body as parsed and serialised again. False also accepts one over the bytes
    as sent. Rapyd's samples and SDKs imply the former; no page states it."""

    accept_sixty_second_timestamp: bool = True
    """A timestamp exactly 60 s old is accepted.

    One page refuses "older than 60 seconds", another one requires "less than 60 seconds".
    """

    reject_reused_salts: bool = False
    """A salt of the last minute is refused.

    The docs require a fresh salt, and do not describe the result of an old one.
    """

    missing_headers_status: Literal[400, 401] = 400
    """The HTTP status of ``MISSING_AUTHENTICATION_HEADERS``: 400 in the docs, 401 as seen from outside."""

    authentication_messages: Literal["by_cause", "account_status", "older"] = "by_cause"
    """The ``message`` of ``UNAUTHENTICATED_API_CALL``: ``by_cause`` has a text of its own for a bad signature,
    ``account_status`` uses the documented text throughout, ``older`` also has its own text for a bad key."""

    invalid_json: Literal["MISSING_INVALID_PARAMETERS", "UNAUTHENTICATED_API_CALL"] = (
        "MISSING_INVALID_PARAMETERS"
    )
    """The code for a body that is not JSON; none is documented."""

    operation_id_on_errors: Literal["set", "empty", "omitted"] = "set"
    """Whether a failure carries ``operation_id``: documented as always present, absent or blank in some of
    the documentation's own examples."""

    idempotency: Literal["payments_only", "all_post", "reject"] = "payments_only"
    """The effect of the ``idempotency`` header: ``payments_only`` ignores it on every order call, as accounts
    are set up by default; ``all_post`` repeats the first answer to any POST with the same value, as support
    enables on request; ``reject`` answers ``IDEMPOTENCY_ERROR``, an older documented behaviour."""

    idempotency_seconds: Seconds = 86_400
    """How long a value of the header is remembered: documented as 24 hours."""

    idempotency_remembers_errors: bool = True
    """A failed request counts as the first request of its ``idempotency`` value; not documented."""

    rate_limits: bool = False
    """Enforce 200 requests a minute and 1000 in five minutes, as the firewall in front of Rapyd does."""

    unknown_order: Literal["ERROR_GET_ORDER", "UNAUTHORIZED_API_CALL"] = "ERROR_GET_ORDER"
    """The code for an order id that does not exist: the order pages and the troubleshooting page differ."""

    unknown_return: Literal["ERROR_GET_ORDER_RETURN", "UNAUTHORIZED_API_CALL"] = "ERROR_GET_ORDER_RETURN"
    """The code for a return id that does not exist: the same two pages differ."""

    return_against_unknown_order: Literal[
        "ERROR_RETURN_ORDER_INVALID_ORDER",
        "ERROR_MISSING_ORDER_ID",
        "ERROR_GET_ORDER",
        "UNAUTHORIZED_API_CALL",
    ] = "ERROR_RETURN_ORDER_INVALID_ORDER"
    """The code for a return against an order that does not exist; each has a text that fits."""

    unknown_cursor: Literal["ERROR_GET_LIST_ORDER", "empty"] = "ERROR_GET_LIST_ORDER"
    """The response of a list to a ``starting_after`` or ``ending_before`` that does not exist; implied only."""

    unknown_sku: Literal["ERROR_MISSING_PRODUCT_TOKEN", "ERROR_ORDER_ITEM_MISSING_PARENT"] = (
        "ERROR_MISSING_PRODUCT_TOKEN"
    )
    """The code for an item with an unknown SKU; both texts fit."""

    missing_default_payment_method: Literal[
        "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND", "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD"
    ] = "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND"
    """The code for paying with a customer that has no default payment method: current, or of 2021."""

    list_direction: Literal["oldest_first", "newest_first"] = "oldest_first"
    """How lists are sorted. The docs call ``starting_after`` "created before the first wanted", hence
    oldest first; lists of this style elsewhere are newest first, and walk towards older objects."""

    returns_tokens_filter: bool = False
    """The list of returns honours ``tokens``, order ids joined by commas: in the schema, not in the docs."""

    lower_case_currency: Literal["reject", "upper_case"] = "reject"
    """The handling of ``usd``: documented as upper case; one public sample sends lower case."""

    unknown_currency: Literal["reject", "accept"] = "reject"
    """The handling of three capitals that are no ISO 4217 code; not documented."""

    unique_upstream_id: bool = False
    """A second order with the same ``upstream_id`` is refused; uniqueness is not documented."""

    sku_price_must_match: bool = False
    """The ``amount`` of a SKU line must be the SKU's price; not documented."""

    coupon_rule: Literal["repeating_once", "duration_once"] = "repeating_once"
    """Which coupons suit orders: by the current page ``repeating`` for one month and one use, by the text of
    the error those with the duration ``once``."""

    limit_tax_percent: bool = True
    """``tax_percent`` above 100 is refused: the range is documented, its enforcement is not."""

    address_characters: Literal["lenient", "strict"] = "lenient"
    """``strict`` takes the error texts at their word: letters and spaces in ``name``, and digits too in
    ``line_1``, which the documentation's own samples need."""

    tax_base: Literal["goods_and_shipping", "goods"] = "goods_and_shipping"
    """The base of the tax: not stated; sample totals fit goods and shipping."""

    tax_after_discount: bool = True
    """Tax is charged on the discounted amount; not documented."""

    rounding: Literal["half_up", "half_even"] = "half_up"
    """How tax and discount round to the currency's smallest unit; not documented."""

    tax_and_discount_lines: bool = True
    """Responses show tax and discount as items of their own: error texts and schema imply it, no sample
    shows one."""

    discount_line_type: Literal["discount", "coupon"] = "discount"
    """The ``type`` of a discount's line: error texts mention both."""

    discount_line_sign: Literal["negative", "positive"] = "negative"
    """Whether a discount's line counts down from the total or states the discount; not documented."""

    coupon_in_response: bool = False
    """Orders show ``coupon``: in the response tables, absent from the newest sample and the schema."""

    item_amounts_as_strings: bool = False
    """Items in responses carry ``amount`` as a string: so the schema; the samples show numbers."""

    returns_element: Literal["items", "returns"] = "items"
    """The elements of an order's ``returns``: return items in the schema, returns in the text."""

    status_transitions: Literal["times", "counters"] = "times"
    """Unix times under six keys, or, as in 2021, counters under five, without ``partial``."""

    missing_shipping_address: Literal["empty_object", "null"] = "empty_object"
    """The ``shipping_address`` of an order without an address; implied only."""

    embedded_payment: Literal["object", "id"] = "object"
    """An order's ``payment`` is an object; an older SDK also allows for a bare id."""

    payment_order: Literal["null", "id"] = "null"
    """A payment's ``order``: an id by the schema, null in the sample of a paid order."""

    extra_response_fields: bool = False
    """Orders, payments and returns contain undocumented fields: Rapyd adds fields without notice."""

    unknown_order_status: str | None = None
    """Shown as every order's ``status`` when set: Rapyd adds values without notice."""

    unknown_payment_status: str | None = None
    """Shown as every payment's ``status`` when set: Rapyd adds values without notice."""

    metadata_update: Literal["replace", "merge"] = "replace"
    """The effect of an update on existing ``metadata``; not documented."""

    update_unknown_fields: Literal["ignore", "reject"] = "ignore"
    """The response to an update of fields that cannot be updated; not documented."""

    recompute_amount_on_update: bool = True
    """A new tax rate or coupon changes the order's ``amount``; implied only."""

    update_status_targets: Literal["documented", "enum"] = "documented"
    """``enum`` also lets an update set ``returned`` and ``partial``, and skip ``paid``: the enum has them,
    the pages name no such step."""

    backward_status: Literal["reject", "accept"] = "reject"
    """The response to an update from ``paid`` to ``pending`` or ``fulfilled`` to ``paid``; not documented."""

    repeated_status: Literal["reject", "accept"] = "reject"
    """The response to an update to the status that an order has already; not documented."""

    update_finished_orders: bool = False
    """Orders that are ``returned``, ``canceled`` or ``partial`` can be updated; the docs do not list them."""

    cancel_moves_money: bool = False
    """Canceling an order cancels its open payment or refunds its closed one; not documented."""

    card_orders_become_paid: bool = True
    """A captured card payment makes its order ``paid``: two pages state it, a third asks the merchant to do it."""

    non_card_orders_become_paid: bool = False
    """A completed non-card payment makes its order ``paid``; by the docs the merchant has to."""

    card_close_seconds: Seconds = 0.5
    """How long after being paid a card payment closes."""

    three_ds_seconds: Seconds = 900
    """How long a shopper has for 3-D Secure: documented as 15 minutes."""

    payment_lifetime_seconds: Annotated[int, msgspec.Meta(ge=0)] = 604_800
    """How long after its creation an open payment expires: seven days in the sample."""

    pay_pending_order: Literal["ERROR_PAY_ORDER", "accept"] = "ERROR_PAY_ORDER"
    """The response to a second pay while a payment is open; not documented. ``accept`` opens a second payment."""

    pay_after_failed_payment: bool = True
    """An order with a failed payment can be paid again; not documented."""

    order_after_failed_payment: Literal["unchanged", "created"] = "unchanged"
    """The status of a ``pending`` order once its payment fails; not documented."""

    declined_payment_recorded: bool = False
    """A payment refused at once is listed, with the status ``ERR``; not documented."""

    check_completion_parameters: bool = True
    """Completing a payment wants the documented ``param1`` and ``param2`` of its method."""

    return_status_error: Literal[
        "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS", "ERROR_RETURN_ORDER_INVALID_ORDER"
    ] = "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS"
    """The code for a return against an order that is created, pending or canceled; both texts fit."""

    partial_allows_returns: bool = False
    """Orders with the undocumented status ``partial`` can be returned."""

    check_return_quantities: bool = True
    """Rapyd checks the returnable quantity. A page makes this the merchant's task; an error code exists too."""

    return_item_not_in_order: Literal[
        "ERROR_RETURN_ORDER_RETURN_ITEM",
        "ERROR_RETURN_ORDER_INVALID_SHIPPING_ITEM",
        "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY",
    ] = "ERROR_RETURN_ORDER_RETURN_ITEM"
    """The code for a return item with a SKU that the order does not have; each has a text that fits."""

    return_limit: Literal["cumulative", "single"] = "cumulative"
    """Whether all returns together, or each alone, must not exceed the order; the docs state only the latter."""

    return_tax_automatically: bool = False
    """A return carries its share of tax without an item of type ``tax``; not documented."""

    refund_error: (
        Literal[
            "PAYMENT_NOT_COMPLETED",
            "ERROR_CREATE_REFUND",
            "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE",
            "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS",
        ]
        | None
    ) = None
    """When set, the refund behind every return fails with this code."""

    failed_refund: Literal["reject", "return_without_refund"] = "reject"
    """Whether a return whose refund fails is refused, or accepted with ``refund`` null; not documented."""

    refunded_flag: Literal["any", "full"] = "any"
    """Whether a payment is ``refunded`` after any refund, or only once nothing is left; not documented."""

    omitted_webhooks: tuple[str, ...] = ()
    """Types of webhooks that are never sent: the merchant chooses the subscriptions in the portal."""

    renamed_webhooks: dict[str, str] = msgspec.field(default_factory=dict)
    """Types of webhooks that are sent under another name. ``ORDER_CREATED``, ``ORDER_PAYMENT_SUCCEEDED`` and
    ``ORDER_RETURN_CREATED`` follow from the names in the docs; the literals are not documented."""

    webhook_extended_timestamp: bool = True
    """Webhooks carry ``extended_timestamp`` in milliseconds; older captures do not."""

    webhook_retries_signed_anew: bool = True
    """Each attempt has its own salt, timestamp and signature; not documented."""

    webhook_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 24
    """Attempts before a webhook is given up; not documented."""

    webhook_retry_seconds: Seconds = 15
    """The first wait between two attempts, as one record shows; that it doubles each time is a guess."""

    webhook_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10
    """How long a webhook waits for its answer; not documented."""

    webhook_delivered: Literal["any_2xx", "only_200"] = "any_2xx"
    """Which answers close a webhook: a 200 does, of others nothing is documented."""
