"""Errors, and the envelope of every JSON response of Rapyd.

Facts: Rapyd docs, "Error Messages": a success has ``status`` and ``data``, a failure ``status`` alone.
"""

from typing import Literal

from ordergate.spi.tables import load_table
from ordergate_rapyd.emulator.javascript import Json, JsonObject

MESSAGES = load_table(__package__, "messages.toml", dict[str, str])
"""The known text of each error code."""

OperationIdOnErrors = Literal["set", "empty", "omitted"]

_UNAUTHORIZED = frozenset({"UNAUTHENTICATED_API_CALL", "UNAUTHORIZED_API_CALL"})


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        response_code: The code; some carry the name of a field after it, ``INVALID_FIELDS - [LIMIT]``.
        error_code: The code alone.
        status: The HTTP status: 401 for access, 400 for everything else.
        message: For people, in Rapyd's words; empty when Rapyd's words are not known.
    """

    def __init__(self, response_code: str, *, message: str | None = None, status: int | None = None) -> None:
        super().__init__(response_code)
        self.response_code = response_code
        self.error_code = response_code.partition(" - ")[0]
        self.status = status or (401 if self.error_code in _UNAUTHORIZED else 400)
        self.message = MESSAGES.get(self.error_code, "") if message is None else message


def success(data: Json, operation_id: str) -> JsonObject:
    """Return the envelope of an accepted request."""
    return {"status": _status("", "SUCCESS", "", "") | {"operation_id": operation_id}, "data": data}


def failure(refused: RefusedError, operation_id: str, presence: OperationIdOnErrors) -> JsonObject:
    """Return the envelope of a refused request."""
    status = _status(refused.error_code, "ERROR", refused.message, refused.response_code)
    if presence != "omitted":
        status["operation_id"] = operation_id if presence == "set" else ""
    return {"status": status}


def _status(error_code: str, status: str, message: str, response_code: str) -> JsonObject:
    return {"error_code": error_code, "status": status, "message": message, "response_code": response_code}
