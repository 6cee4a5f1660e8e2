"""Rapyd's refusals to ours, by operation and code; messages are for people and are never matched.

Codes from Rapyd's error pages (orders, returns, general, and the related payment, coupon and address pages).
"""

from collections.abc import Mapping

import msgspec

from ordergate.domain.commands import (
    Command,
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListOrders,
    PayOrder,
    Read,
    RetrieveOrder,
    ReturnGoods,
    UpdateOrder,
)
from ordergate.domain.errors import FieldError, ProviderError
from ordergate.domain.outcome import NotApplied, Unknown
from ordergate.spi.wire import WireResponse
from ordergate_rapyd.wire import ErrorEnvelope, Status

MONEY_TAKEN = frozenset(
    {
        "ERROR_PAY_ORDER_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE",
        "ERROR_PAYMENT_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE",
    }
)
"""An error whose cause is a charge: the order has to be read."""

UNSETTLED = MONEY_TAKEN | {"IDEMPOTENCY_ERROR", "REQUEST_UNDER_REVIEW"}
"""Codes that do not prove that nothing happened: a retry of a request that did arrive, or one that may still succeed.
"""

_EVERYWHERE = {
    "MISSING_AUTHENTICATION_HEADERS": "provider_unauthenticated",
    "UNAUTHENTICATED_API_CALL": "provider_unauthenticated",
    "MISSING_INVALID_PARAMETERS": "provider_rejected",
    "INVALID_FIELDS": "provider_rejected",
    "INVALID_LIMIT": "provider_rejected",
    "REQUEST_DECLINED": "provider_rejected",
    "IDENTITY_PROOF_REQUIRED": "provider_rejected",
}

_CREATE = dict.fromkeys(
    (
        "ERROR_ADDRESS_GET",
        "ERROR_AMOUNT_MUST_BE_POSITIVE",
        "ERROR_AMOUNT_NOT_VALID",
        "ERROR_GET_COUPON",
        "ERROR_GET_CUSTOMER",
        "ERROR_INVALID_COUPON_TYPE",
        "ERROR_INVALID_ORDER_CURRENCY",
        "ERROR_INVALID_ORDER_SHIPPING_ADDRESS",
        "ERROR_INVALID_SKU_ID",
        "ERROR_MISSING_CUSTOMER",
        "ERROR_MISSING_ORDER_EMAIL",
        "ERROR_MISSING_ORDER_ITEMS",
        "ERROR_MISSING_PRODUCT_TOKEN",
        "ERROR_ORDER_COUPON_INVALID_CURRENCY",
        "ERROR_ORDER_INVALID_EMAIL",
        "ERROR_ORDER_INVALID_TAX_PERCENT",
        "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER",
        "ERROR_ORDER_ITEM_INVALID_DISCOUNT",
        "ERROR_ORDER_ITEM_INVALID_TYPE",
        "ERROR_ORDER_ITEM_MISSING_PARENT",
        "ERROR_ORDER_MISSING_CURRENCY",
        "ERROR_ORDER_MISSING_SHIPPING_ITEM",
        "ERROR_ORDER_MISSING_SKU_ITEM",
        "ERROR_ORDER_SAME_SKU_PRESENT_IN_MORE_THAN_ONE_ORDER_ITEM",
        "ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY",
        "INVALID_ADDRESS_LINE_1",
        "INVALID_ADDRESS_NAME",
        "INVALID_ADDRESS_PHONE_NUMBER",
        "INVALID_ADDRESS_ZIP",
        "INVALID_CUSTOMER_EMAIL",
        "INVALID_CUSTOMER_ID",
    ),
    "provider_rejected",
) | {"UNAUTHORIZED_API_CALL": "provider_unauthenticated"}

_PAY = {
    "ERROR_3DS_AUTHENTICATION_FAILURE": "payment_declined",
    "ERROR_AMOUNT_MUST_BE_POSITIVE": "provider_rejected",
    "ERROR_AMOUNT_NOT_VALID": "provider_rejected",
    "ERROR_BANK_IDENTIFIER_MISMATCH": "payment_declined",
    "ERROR_CARD_EXPIRED": "payment_declined",
    "ERROR_CARD_NOT_AUTHENTICATED": "payment_declined",
    "ERROR_CARD_TRANSACTION_AMOUNT": "payment_declined",
    "ERROR_CARD_TRANSACTION_FREQUENCY": "payment_declined",
    "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": "payment_declined",
    "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM": "payment_declined",
    "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED": "payment_declined",
    "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": "payment_declined",
    "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND": "provider_rejected",
    "ERROR_GET_CUSTOMER": "provider_rejected",
    "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD": "provider_rejected",
    "ERROR_GET_ORDER": "provider_rejected",
    "ERROR_GET_PAYMENT_METHOD": "provider_rejected",
    "ERROR_PAY_ORDER": "invalid_state",
    "INVALID_CUSTOMER_ID": "provider_rejected",
    "INVALID_PAYMENT_METHOD": "provider_rejected",
    "REQUEST_DECLINED": "payment_declined",
    "UNAUTHORIZED_API_CALL": "provider_rejected",
}

_UPDATE = {
    "ERROR_GET_ORDER": "provider_rejected",
    "ERROR_GET_COUPON": "provider_rejected",
    "ERROR_INVALID_COUPON_TYPE": "provider_rejected",
    "ERROR_ORDER_COUPON_INVALID_CURRENCY": "provider_rejected",
    "ERROR_ORDER_COUPON_FIELD_NOT_UPDATABLE": "invalid_state",
    "ERROR_ORDER_INVALID_STATUS": "invalid_state",
    "ERROR_ORDER_INVALID_TAX_PERCENT": "provider_rejected",
    "ERROR_ORDER_TAX_FIELD_NOT_UPDATABLE": "invalid_state",
    "UNAUTHORIZED_API_CALL": "provider_rejected",
}

_RETURN = {
    "ERROR_CREATE_ORDER_RETURN_ITEM": "provider_rejected",
    "ERROR_CREATE_REFUND": "provider_rejected",
    "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE": "provider_rejected",
    "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS": "provider_rejected",
    "ERROR_GET_ORDER": "provider_rejected",
    "ERROR_GET_ORDER_RETURN": "provider_rejected",
    "ERROR_MISSING_ORDER_ID": "provider_rejected",
    "ERROR_MISSING_ORDER_ITEMS": "provider_rejected",
    "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS": "invalid_state",
    "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY": "provider_rejected",
    "ERROR_RETURN_ORDER_INVALID_ORDER": "invalid_state",
    "ERROR_RETURN_ORDER_INVALID_SHIPPING_ITEM": "provider_rejected",
    "ERROR_RETURN_ORDER_INVALID_TAX_ITEM": "provider_rejected",
    "ERROR_RETURN_ORDER_RETURN_ITEM": "provider_rejected",
    "PAYMENT_NOT_COMPLETED": "invalid_state",
    "UNAUTHORIZED_API_CALL": "provider_rejected",
}

_READ = {
    "ERROR_GET_LIST_ORDER": "provider_rejected",
    "ERROR_GET_ORDER": "provider_rejected",
    "UNAUTHORIZED_API_CALL": "provider_rejected",
}

CODES: Mapping[type[Command], Mapping[str, str]] = {
    CreateOrder: _EVERYWHERE | _CREATE,
    PayOrder: _EVERYWHERE | _PAY,
    FulfillOrder: _EVERYWHERE | _UPDATE,
    UpdateOrder: _EVERYWHERE | _UPDATE,
    ConfirmPayment: _EVERYWHERE | _UPDATE,
    ReturnGoods: _EVERYWHERE | _RETURN,
    RetrieveOrder: _EVERYWHERE | _READ,
    ListOrders: _EVERYWHERE | _READ,
}
"""Operation and Rapyd's code to the problem's code."""

POINTERS: Mapping[str, str] = {
    "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND": "/payment_method",
    "ERROR_GET_COUPON": "/extensions/rapyd/coupon",
    "ERROR_GET_CUSTOMER": "/customer/id",
    "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD": "/payment_method",
    "ERROR_GET_PAYMENT_METHOD": "/payment_method",
    "ERROR_INVALID_COUPON_TYPE": "/extensions/rapyd/coupon",
    "ERROR_INVALID_ORDER_CURRENCY": "/currency",
    "ERROR_INVALID_ORDER_SHIPPING_ADDRESS": "/shipping_address",
    "ERROR_INVALID_SKU_ID": "/line_items",
    "ERROR_MISSING_CUSTOMER": "/customer/id",
    "ERROR_MISSING_ORDER_EMAIL": "/customer/email",
    "ERROR_MISSING_PRODUCT_TOKEN": "/line_items",
    "ERROR_ORDER_COUPON_INVALID_CURRENCY": "/extensions/rapyd/coupon",
    "ERROR_ORDER_INVALID_EMAIL": "/customer/email",
    "ERROR_ORDER_INVALID_TAX_PERCENT": "/tax_percent",
    "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER": "/line_items",
    "ERROR_ORDER_ITEM_INVALID_TYPE": "/line_items",
    "ERROR_ORDER_ITEM_MISSING_PARENT": "/line_items",
    "INVALID_ADDRESS_LINE_1": "/shipping_address/line_1",
    "INVALID_ADDRESS_NAME": "/shipping_address/name",
    "INVALID_ADDRESS_PHONE_NUMBER": "/shipping_address/phone",
    "INVALID_ADDRESS_ZIP": "/shipping_address/postal_code",
    "INVALID_CUSTOMER_EMAIL": "/customer/email",
    "INVALID_CUSTOMER_ID": "/customer/id",
    "INVALID_PAYMENT_METHOD": "/payment_method",
}
"""Rapyd's code to the field of the caller's body that is to blame."""

RATE_LIMIT_SECONDS = 60
"""Rapyd blocks until the end of the minute and does not return how long that is (docs, Request Rate Limits)."""

_decode = msgspec.json.Decoder(ErrorEnvelope).decode


def read_failure(response: WireResponse, command: Command) -> NotApplied | Unknown:
    """Return the outcome of a failed call, for any bytes."""
    error = read_error(response)
    if response.status == 429:
        return NotApplied(
            code="provider_rate_limited",
            detail="Rapyd's rate limit is reached.",
            provider=error,
            retry_after=RATE_LIMIT_SECONDS,
        )
    if error.code in UNSETTLED or not _refused(error):
        return _unsettled(error, reads=isinstance(command, Read))
    code = CODES[type(command)].get(error.code or "")
    return NotApplied(
        code=code or "provider_rejected",
        detail=_sentence(error),
        provider=error,
        errors=_field_errors(error.code),
        mapped=code is not None,
    )


def read_error(response: WireResponse) -> ProviderError:
    """Parse the envelope's status as far as possible; a 200 is a refusal only with ``ERROR``."""
    status = _status(response.body)
    refuses = response.status != 200 or status.status == "ERROR"
    return ProviderError(
        http_status=response.status,
        code=(status.error_code or status.response_code or None) if refuses else None,
        message=status.message or None,
        request_id=status.operation_id or None,
    )


def _status(body: bytes) -> Status:
    try:
        return _decode(body).status
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Status()


def _refused(error: ProviderError) -> bool:
    """Return whether Rapyd states that it did nothing: with 400 and 401, or with its own code in a 200."""
    status = error.http_status or 0
    return status in {400, 401, 403, 404, 405, 413, 415, 422} or (status == 200 and error.code is not None)


def _unsettled(error: ProviderError, *, reads: bool) -> NotApplied | Unknown:
    if not reads:
        return Unknown(reason=_sentence(error), provider=error)
    code = "provider_unavailable" if (error.http_status or 0) >= 500 else "provider_protocol_error"
    return NotApplied(code=code, detail=_sentence(error), provider=error)


def _sentence(error: ProviderError) -> str:
    said = f": {error.message}" if error.message else "."
    return f"Rapyd answered {error.http_status} {error.code or 'without a code'}{said}"


def _field_errors(code: str | None) -> tuple[FieldError, ...]:
    pointer = POINTERS.get(code or "")
    if pointer is None:
        return ()
    return (FieldError(pointer=pointer, code="provider_rejected", detail=f"Rapyd refuses it: {code}."),)
