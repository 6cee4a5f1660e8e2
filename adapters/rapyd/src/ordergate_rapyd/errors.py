"""Maps Rapyd's refusals, by operation and code; messages are for people and are never matched."""

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
from ordergate.spi.tables import load_table
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


class _Tables(msgspec.Struct, frozen=True):
    codes: dict[str, dict[str, str]]
    pointers: dict[str, str]


_TABLES = load_table(__package__, "errors.toml", _Tables)


def _codes_of(operation: str) -> Mapping[str, str]:
    return _TABLES.codes["everywhere"] | _TABLES.codes[operation]


CODES: Mapping[type[Command], Mapping[str, str]] = {
    CreateOrder: _codes_of("create"),
    PayOrder: _codes_of("pay"),
    FulfillOrder: _codes_of("update"),
    UpdateOrder: _codes_of("update"),
    ConfirmPayment: _codes_of("update"),
    ReturnGoods: _codes_of("return"),
    RetrieveOrder: _codes_of("read"),
    ListOrders: _codes_of("read"),
}
"""The problem code of each of Rapyd's codes, by command."""

POINTERS: Mapping[str, str] = _TABLES.pointers
"""The field of the caller's body that caused each of Rapyd's codes."""

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
