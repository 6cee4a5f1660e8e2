"""RevKeen's error envelope, its codes, and the forms it takes elsewhere on the same API.

One exception carries every refusal; the functions below name the kinds:

    ApiError
      400 invalid             the request breaks a schema or a rule about its values
      401 unauthorized        the key is missing, unknown, expired, revoked or of the other environment
      403 forbidden           the key lacks a scope
      404 not_found           absent, or not visible to this merchant
      400 rejected_state      the order's status forbids the operation (status switchable)
      409 conflict            an idempotency key or a payment stands in the way
      429 too_many_requests   the key's rate is used up
      500 internal            RevKeen failed, before or after the gateway call
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ordergate.spi.emulator import EmulatedResponse
from ordergate.spi.emulator_toolkit.responses import json_response
from ordergate.spi.tables import load_table

from .switches import Switches

CHALLENGE = 'Bearer realm="revkeen-api"'
"""Sent with a 401 although the key travels in `x-api-key` (CLI contract, OpenAPI)."""


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The meaning of an HTTP status; `type` is None if no document names it."""

    code: str
    blurb: str
    message: str
    type: str | None = None


KINDS = load_table(__package__, "errors.toml", dict[int, Kind])
"""The meaning of each HTTP status."""


class ApiError(Exception):
    """A refusal on its way to the client.

    Attributes:
        status: HTTP status.
        message: For humans; clients must not branch on it (Errors guide).
        code: Set if a document names another one than the status's general code.
        param: Dotted path of the field at fault.
        details: The content of `error.details`.
        headers: Extra response headers.
        stored: Whether an idempotency key may keep this answer.
    """

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        code: str | None = None,
        param: str | None = None,
        details: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        stored: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message or _kind(status).message
        self.code = code
        self.param = param
        self.details = details
        self.headers = headers or {}
        self.stored = stored


def invalid(message: str, param: str | None = None, status: int = 400) -> ApiError:
    """Build a validation error; with a field, `details.fields` repeats the reason."""
    details = None if param is None else {"fields": {param: [message]}}
    return ApiError(status, message, param=param, details=details)


def unauthorized(switches: Switches, *, expired: bool = False) -> ApiError:
    """Build a 401, with the Bearer challenge if the surface sends one."""
    code = "expired_api_key" if expired else switches.unauthorized_code
    silent = code in {"authentication_required", "merchant_api_key_required"}
    return ApiError(401, code=code, headers={} if silent else {"WWW-Authenticate": CHALLENGE})


def forbidden(scope: str) -> ApiError:
    """Build a 403 for a scope that the key lacks."""
    return ApiError(403, f"The API key lacks the scope {scope}")


def not_found(noun: str, param: str | None = None) -> ApiError:
    """Build a 404; another merchant's object has the same one (Orders reference)."""
    return ApiError(404, f"No such {noun}", param=param)


def rejected_state(operation: str, status: str, switches: Switches) -> ApiError:
    """Build the answer to an operation that the order's status forbids."""
    message = f"An order with status {status} does not allow: {operation}"
    return ApiError(switches.rejected_state_status, message, code=switches.rejected_state_code)


def conflict(message: str, code: str | None = None) -> ApiError:
    """Build a 409: an idempotency conflict by its code, else a concurrent state change."""
    return ApiError(409, message, code=code)


def internal(*, stored: bool) -> ApiError:
    """Build a 500; one after the gateway call is stored under its key (Idempotency guide)."""
    return ApiError(500, stored=stored)


def response(
    error: ApiError, switches: Switches, request_id: str, shape: str | None = None
) -> EmulatedResponse:
    """Render an error as its response.

    Args:
        error: The refusal.
        switches: Choose the spelling of codes and the form.
        request_id: The `req_...` of this request.
        shape: The form that a sub-resource is documented with, unless a switch asks for another.
    """
    if switches.error_shape != "canonical" or shape is None:
        shape = switches.error_shape
    body = _shaped(_canonical(error, switches, request_id), shape)
    return json_response(body, error.status, error.headers)


def _kind(status: int) -> Kind:
    return KINDS.get(status) or KINDS[500 if status >= 500 else 400]


def _canonical(error: ApiError, switches: Switches, request_id: str) -> dict[str, Any]:
    form: dict[str, Any] = {
        "type": _type(error.status, switches),
        "code": _code(error, switches),
        "message": error.message,
    }
    if error.param is not None:
        form["param"] = _path(error.param, switches)
    if error.details is not None:
        form["details"] = _details(error.details, switches)
    form["request_id"] = request_id
    return form


def _type(status: int, switches: Switches) -> str:
    if status == 403:
        return switches.forbidden_type
    return _kind(status).type or switches.unspecified_error_type


def _code(error: ApiError, switches: Switches) -> str:
    kind = _kind(error.status)
    if switches.error_codes == "blurb" and (error.code is None or error.status == 401):
        return kind.blurb
    return error.code or kind.code


def _path(path: str, switches: Switches) -> str:
    if switches.array_paths == "dots":
        return path
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path)


def _details(details: dict[str, Any], switches: Switches) -> dict[str, Any]:
    if "fields" not in details:
        return details
    return {"fields": {_path(path, switches): reasons for path, reasons in details["fields"].items()}}


def _shaped(error: dict[str, Any], shape: str) -> dict[str, Any]:
    match shape:
        case "flat":
            return {"error": error["code"].upper(), "message": error["message"]}
        case "text":
            return {"error": error["message"], "code": error["code"]}
        case "no_type":
            return {"error": _only(error, "code", "message")}
        case "no_code":
            return {"error": _only(error, "message", "type")}
        case "minimal":
            return {"error": _only(error, "type", "code", "message", "param")}
        case _:
            return {"error": error}


def _only(error: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: error[name] for name in names if name in error}
