"""Problems as RFC 9457 documents: the one place that maps a code to its HTTP status."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException
from litestar.types import Send

from ordergate.api.documents import ProblemDocument
from ordergate.domain.errors import PROBLEMS, Fault, FieldError, OutcomeWord, Problem, Retry
from ordergate.domain.validation import summary
from ordergate.journal.errors import JournalUnavailableError, ListTooSlowError
from ordergate.telemetry.log import current_call, root_path

MEDIA_TYPE = "application/problem+json"

STATUSES = MappingProxyType(
    {
        "invalid_json": 400,
        "repeated_header": 400,
        "idempotency_key_missing": 400,
        "idempotency_key_invalid": 400,
        "unauthenticated": 401,
        "bad_signature": 401,
        "payment_declined": 402,
        "forbidden": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "request_timeout": 408,
        "invalid_state": 409,
        "amount_mismatch": 409,
        "order_busy": 409,
        "idempotency_in_progress": 409,
        "possible_duplicate": 409,
        "payload_too_large": 413,
        "unsupported_media_type": 415,
        "invalid_request": 422,
        "idempotency_key_reused": 422,
        "unsupported_operation": 422,
        "unsupported_field": 422,
        "link_missing": 422,
        "no_route": 422,
        "provider_rejected": 422,
        "rate_limited": 429,
        "headers_too_large": 431,
        "internal_error": 500,
        "provider_unauthenticated": 502,
        "provider_protocol_error": 502,
        "overloaded": 503,
        "store_unavailable": 503,
        "provider_rate_limited": 503,
        "provider_unavailable": 503,
        "outcome_unknown": 504,
    }
)
"""Code to HTTP status."""

NEXT_STEPS: Mapping[Retry, str] = MappingProxyType(
    {
        "never": "Repeating the request cannot help.",
        "same_key": "Repeat it later, with the same Idempotency-Key.",
        "new_key": "Try again with a new Idempotency-Key.",
        "after_fix": "Correct the request, then send it; with a new Idempotency-Key if the answer was a stored one.",
    }
)
"""The next step, for people."""

OUTCOMES: Mapping[OutcomeWord, str] = MappingProxyType(
    {
        "not_applied": "The provider has not acted.",
        "unknown": "The provider may have acted; the gateway probes it.",
        "applied": "The provider has acted.",
    }
)
"""The outcome of the write, for people."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that write nothing, so that nothing can have become of it."""

FAULTS: Mapping[Fault, str] = MappingProxyType(
    {"caller": "the request", "gateway": "this gateway", "provider": "the provider, or the way to it"}
)
"""The cause of a problem, for people."""

_CODE_OF_STATUS = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def document(problem: Problem, *, instance: str, reads: bool, root: str | None = None) -> ProblemDocument:
    """Return the document of a problem.

    Args:
        problem: The problem.
        instance: The path without the prefix; empty for none.
        reads: Nothing was to be written.
        root: The prefix of URLs, if the request does not have it.
    """
    call = current_call.get()
    root = root_path() if root is None else root
    return ProblemDocument(
        type=f"{root}/problems/{problem.code}",
        title=PROBLEMS[problem.code].title,
        status=STATUSES[problem.code],
        detail=problem.detail,
        instance=root + instance if instance else instance,
        code=problem.code,
        fault=problem.fault,
        sent=problem.sent,
        outcome=None if reads else problem.outcome,
        retry=problem.retry,
        retry_after=problem.retry_after,
        errors=list(problem.errors),
        provider=problem.provider,
        operation=problem.operation,
        order=problem.order,
        request_id=call.request_id if call else "",
    )


async def send_problem(shown: ProblemDocument, method: str, send: Send, *more: tuple[bytes, bytes]) -> None:
    """Answer a problem outside the application; `more` are headers; an answer to HEAD has no body."""
    headers, body = headers_and_body(shown)
    await send({"type": "http.response.start", "status": shown.status, "headers": [*headers, *more]})
    given = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": given, "more_body": False})


def headers_and_body(shown: ProblemDocument) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return a problem as an answer."""
    body = msgspec.json.encode(shown)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if shown.retry_after is not None:
        headers.append((b"retry-after", str(shown.retry_after).encode()))
    return headers, body


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any exception as a problem; Litestar's exception handler for everything."""
    problem = problem_of(error, _wire_names(request))
    shown = document(problem, instance=request.url.path, reads=request.method in READS)
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.code == "unauthenticated":
        headers["WWW-Authenticate"] = 'Bearer realm="ordergate"'
    if isinstance(error, MethodNotAllowedException) and error.headers:
        headers["Allow"] = error.headers["allow"]
    return Response(
        msgspec.json.encode(shown), status_code=shown.status, media_type=MEDIA_TYPE, headers=headers
    )


def problem_of(error: Exception, names: Mapping[str, str] = MappingProxyType({})) -> Problem:
    """Return the problem of any exception: our own, Litestar's, or an unexpected one.

    Args:
        error: The exception.
        names: The callers' names of the handler's parameters, if Python's differ.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, ListTooSlowError):
        return Problem("overloaded", f"{error}.", retry_after=5)
    if isinstance(error, JournalUnavailableError):
        return Problem("store_unavailable", f"{error}. Nothing was sent.", retry_after=5)
    if isinstance(error, ValidationException):
        return _invalid_parameters(error, names)
    if isinstance(error, HTTPException):
        return _http_problem(error)
    return Problem("internal_error", "The gateway failed; the log has the request id.", retry_after=5)


def _http_problem(error: HTTPException) -> Problem:
    code = _CODE_OF_STATUS.get(error.status_code)
    sentences = {
        "not_found": "This address does not exist; /schema lists all addresses.",
        "method_not_allowed": "This address does not take this method; the Allow header names those it takes.",
        "payload_too_large": "The body is larger than this gateway accepts.",
    }
    if code is None:
        return Problem("internal_error", "The gateway failed; the log has the request id.", retry_after=5)
    return Problem(code, sentences.get(code, str(error.detail)))


def _wire_names(request: Request[Any, Any, Any]) -> dict[str, str]:
    handler = request.scope.get("route_handler")
    fields = handler.parsed_fn_signature.parameters if handler is not None else {}
    named = {python: getattr(field.kwarg_definition, "name", None) for python, field in fields.items()}
    return {python: name for python, name in named.items() if name}


def _invalid_parameters(error: ValidationException, names: Mapping[str, str]) -> Problem:
    """Litestar names each wrong query or path parameter by its key, and a body that is missing altogether."""
    extra = error.extra if isinstance(error.extra, list) else []
    items = [item for item in extra if isinstance(item, dict)]
    if any(item.get("source") == "body" for item in items):
        return Problem("invalid_json", "The body is empty; send a JSON object.")
    errors = [
        FieldError(
            pointer=f"/{names.get(item.get('key', ''), item.get('key', ''))}",
            code="invalid_value",
            detail=str(item.get("message", "Invalid.")),
        )
        for item in items
    ]
    if not errors:
        return Problem("invalid_request", str(error.detail))
    return Problem("invalid_request", summary(errors), errors=errors)
