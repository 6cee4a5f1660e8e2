"""Writes the answers of writes as bytes, so that they can be stored and given again."""

import msgspec

from ordergate.domain.errors import Problem
from ordergate.domain.order import Order, Return
from ordergate.gateway.runtime.comparison import ComparisonResult
from ordergate.journal.records.operations import Operation, StoredResponse
from ordergate.web.documents import comparison_document, operation_document
from ordergate.web.problems import document

_encode = msgspec.json.Encoder().encode
_encode_exactly = msgspec.json.Encoder(decimal_format="number").encode
"""A number with decimals in a provider's data is encoded digit by digit."""


class JsonRenderer:
    """Orders as JSON, problems as problem+json."""

    def __init__(self, root_path: str = "") -> None:
        """Write for callers who put `root_path` before every address."""
        self._root_path = root_path

    def order(self, order: Order, *, created: bool) -> StoredResponse:
        """Return the answer of a write that was applied."""
        return StoredResponse(status=201 if created else 200, body=_encode(order))

    def returned(self, made: Return) -> StoredResponse:
        """Return the answer of a return that was made."""
        return StoredResponse(status=201, body=_encode(made))

    def accepted(self, operation: Operation) -> StoredResponse:
        """Return the answer of a write that continues without its caller."""
        return StoredResponse(status=202, body=_encode(operation_document(operation)))

    def problem(self, problem: Problem) -> StoredResponse:
        """Return the answer of a write that the provider refused."""
        instance = f"/v1/operations/{problem.operation}" if problem.operation else ""
        shown = document(problem, instance=instance, reads=False, root=self._root_path)
        return StoredResponse(status=shown.status, body=_encode(shown))

    def comparison(self, compared: ComparisonResult) -> bytes:
        """Return the document of a comparison."""
        return _encode_exactly(comparison_document(compared))
