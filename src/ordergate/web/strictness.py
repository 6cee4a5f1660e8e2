"""Refuses what Litestar would accept: lenient numbers, other content types, unknown or repeated parameters."""

import asyncio
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any, get_args

from litestar import Request
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.identifiers import Prefix, is_id
from ordergate.domain.validation import MAX_ERRORS, TOO_FINE, decode_body, summary, too_fine
from ordergate.web.authentication import admit_again

_SMALL = 32 * 1024
"""Bytes of a body that is read at once: no such body takes more than a few milliseconds."""

_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-bodies")
"""Reads larger bodies beside the event loop, one at a time."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded exactly: Litestar alone would accept ``"2"`` and ``2.0`` for 2."""

    async def json(self) -> Any:
        """Return the body, decoded to the handler's own type.

        Raises:
            Problem: ``unsupported_media_type``, ``invalid_json``, ``invalid_request``, or ``unauthenticated`` if the
                key was revoked while the body arrived.
        """
        _require_json(self.headers.get("content-type"))
        field = self.route_handler.parsed_data_field
        wanted = Any if field is None else field.annotation
        content = await self.body()
        await admit_again(self)
        if len(content) <= _SMALL:
            return decode_body(content, wanted)
        return await asyncio.get_running_loop().run_in_executor(_reader, decode_body, content, wanted)


def _require_json(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower()
    if media_type.strip().lower() != "application/json" or charset not in {
        "",
        "charset=utf-8",
        'charset="utf-8"',
    }:
        raise Problem(
            "unsupported_media_type",
            f"Send Content-Type: application/json, in UTF-8; this was {content_type or 'missing'!r}.",
        )


def refuse_loose_query(request: Request[Any, Any, Any]) -> None:
    """Refuse unknown and repeated query parameters, and numbers that are not plain integers.

    Raises:
        Problem: ``invalid_request``, each error with the parameter's name as its pointer.
    """
    if not request.scope["query_string"]:
        return
    given = sorted(request.query_params.multi_items())
    known = _query_fields(request.route_handler)
    counts = Counter(name for name, _ in given)
    wrong = (
        error
        for name, value in given
        if (error := _parameter_error(name, value, known, repeated=counts[name] > 1)) is not None
    )
    if errors := list(islice(wrong, MAX_ERRORS)):
        raise Problem("invalid_request", summary(errors), errors=errors)


def _query_fields(handler: BaseRouteHandler) -> dict[str, Any]:
    """Return the query parameters of a handler and of its dependencies, and the type of each."""
    provided = [provider.parsed_fn_signature for provider in handler.resolve_dependencies().values()]
    signatures = [handler.parsed_fn_signature, *provided]
    return {
        field.kwarg_definition.name or name: field.annotation
        for signature in signatures
        for name, field in signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }


def _parameter_error(name: str, value: str, known: dict[str, Any], *, repeated: bool) -> FieldError | None:
    if name not in known:
        names = ", ".join(sorted(known)) or "none"
        detail = f"There is no such parameter here; known: {names}."
        return FieldError(pointer=f"/{name}", code="unknown_parameter", detail=detail)
    if repeated:
        return FieldError(pointer=f"/{name}", code="repeated", detail="Give the parameter once.")
    if known[name] is int and not _INTEGER.fullmatch(value):
        return FieldError(pointer=f"/{name}", code="wrong_type", detail="The parameter is a whole number.")
    if datetime in get_args(known[name]) and too_fine(value):
        return FieldError(pointer=f"/{name}", code="invalid_value", detail=TOO_FINE)
    return None


def refuse_bad_cursors(after: str | None, before: str | None, prefix: Prefix) -> None:
    """Refuse cursors that are no ids of ours, and both at once.

    Raises:
        Problem: ``invalid_request``.
    """
    if after is not None and before is not None:
        raise invalid_request(
            "/ending_before", "conflicting_fields", "Give starting_after or ending_before, not both."
        )
    for name, value in (("starting_after", after), ("ending_before", before)):
        if value is not None and not is_id(value, prefix):
            raise invalid_request(f"/{name}", "invalid_cursor", f"{value!r} is not an id of this list.")


def require_zone(time: datetime | None, name: str) -> datetime | None:
    """Return the time; without a zone it would mean something else on every machine.

    Raises:
        Problem: ``invalid_request``.
    """
    if time is not None and time.tzinfo is None:
        raise invalid_request(f"/{name}", "invalid_value", "Give the time in RFC 3339, with Z or an offset.")
    return time
