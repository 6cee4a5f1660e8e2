"""A receipt as its page shows it. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ordergate.api.receipts import AttemptReceipt, ExchangeDocument, OperationReceipt, Receipt
from ordergate.console.documents import Spoken, answer_shown, request_shown, weight
from ordergate.console.formats import shown

OPERATIONS = 12
"""Of one order, on its page: the latest."""

_ATTEMPTS = 4
_EXCHANGES = 3
_ROOM_FOR_DOCUMENTS = 90_000
_ROOM_FOR_PLACES = 30_000
_PLACE = 130
"""Bytes of a row besides its texts."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an order's field; None if it has none."""

    pointer: str
    in_request: str | None
    in_answer: str | None


class ExchangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer."""

    request: Spoken
    answer: Spoken | None
    error: str | None
    started_at: datetime
    milliseconds: float
    provider_request_id: str | None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; of its exchanges and places those that have room, the number of the others beside them."""

    receipt: AttemptReceipt
    exchanges: tuple[ExchangeView, ...]
    more_exchanges: int
    places: tuple[Place, ...]
    more_places: int


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """One write: its latest attempts, and how many there were before them."""

    receipt: OperationReceipt
    attempts: tuple[AttemptView, ...]
    more_attempts: int


def receipt_view(receipt: Receipt) -> list[OperationView]:
    """Return the latest operations of a receipt, in its order."""
    operations = receipt.operations[-OPERATIONS:]
    attempts = [attempt for operation in operations for attempt in operation.attempts[-_ATTEMPTS:]]
    exchanges = sum(min(len(attempt.exchanges), _EXCHANGES) for attempt in attempts)
    mapped = sum(bool(attempt.field_map or attempt.answer_map) for attempt in attempts)
    room = _ROOM_FOR_DOCUMENTS // (2 * max(exchanges, 1))
    return [_operation(operation, room, _ROOM_FOR_PLACES // max(mapped, 1)) for operation in operations]


def _operation(operation: OperationReceipt, room: int, room_for_places: int) -> OperationView:
    attempts = operation.attempts[-_ATTEMPTS:]
    return OperationView(
        receipt=operation,
        attempts=tuple(_attempt(attempt, room, room_for_places) for attempt in attempts),
        more_attempts=len(operation.attempts) - len(attempts),
    )


def _attempt(attempt: AttemptReceipt, room: int, room_for_places: int) -> AttemptView:
    places, left = [], room_for_places
    everywhere = list(dict.fromkeys([*attempt.field_map, *attempt.answer_map]))
    for pointer in everywhere:
        place = Place(
            pointer=shown(pointer, 160),
            in_request=_shown(attempt.field_map.get(pointer)),
            in_answer=_shown(attempt.answer_map.get(pointer)),
        )
        left -= _PLACE + sum(map(weight, (place.pointer, place.in_request or "", place.in_answer or "")))
        if left < 0:
            break
        places.append(place)
    exchanges: Sequence[ExchangeDocument] = attempt.exchanges[:_EXCHANGES]
    return AttemptView(
        receipt=attempt,
        exchanges=tuple(_exchange(each, room) for each in exchanges),
        more_exchanges=len(attempt.exchanges) - len(exchanges),
        places=tuple(places),
        more_places=len(everywhere) - len(places),
    )


def _exchange(exchange: ExchangeDocument, room: int) -> ExchangeView:
    return ExchangeView(
        request=request_shown(exchange.request, room),
        answer=None if exchange.answer is None else answer_shown(exchange.answer, room),
        error=exchange.error,
        started_at=exchange.started_at,
        milliseconds=exchange.milliseconds,
        provider_request_id=exchange.provider_request_id,
    )


def _shown(pointer: str | None) -> str | None:
    return None if pointer is None else shown(pointer, 160)
