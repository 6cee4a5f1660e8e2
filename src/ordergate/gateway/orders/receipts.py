"""Receipts: the requests for an order and the responses, attempt by attempt, from the journal."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.api.receipts import AttemptReceipt, ExchangeDocument, OperationReceipt, Receipt
from ordergate.domain.alignment import Meant, align
from ordergate.domain.assembly import OrderRecord
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.domain.statements import under_line
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.orders.read import visible_order
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.prepared import start_plan
from ordergate.journal import transactions as tx
from ordergate.journal.records.exchanges import Exchange, OperationWithExchanges
from ordergate.spi.fields import FieldMap, Form, UnreadableDocumentError, at_pointer, decode, read
from ordergate.telemetry.redaction import mask_body, redact_headers

Lines = Sequence[Meant]
_REQUEST_ID_HEADERS = ("x-request-id", "request-id")


async def get_receipt(runtime: Runtime, caller: Caller, order_id: str) -> Receipt:
    """Return an order's receipt; also while its create is unsettled.

    Raises:
        Problem: ``not_found``.
    """
    told = await runtime.journal.read(tx.operations.find_with_exchanges(order_id))
    if not any(caller.sees(each.operation.merchant, each.operation.world) for each in told):
        await visible_order(runtime, caller, order_id)
        told = []
    stored = await runtime.journal.read(tx.orders.find(order_id))
    lines = _lines(stored.record if stored is not None else None)
    accounts = runtime.configuration.accounts
    return Receipt(order=order_id, operations=[_operation(each, accounts, lines) for each in told])


def _operation(
    told: OperationWithExchanges, accounts: Mapping[str, Account], lines: Lines
) -> OperationReceipt:
    operation = told.operation
    receipts = [
        _attempt(
            attempt,
            [each for each in told.exchanges if each.attempt == attempt.number],
            accounts.get(attempt.account or ""),
            lines if operation.kind is OperationKind.CREATE else None,
        )
        for attempt in operation.attempts
    ]
    if receipts and not receipts[-1].exchanges:
        receipts[-1].exchanges.extend(_journaled(told, accounts.get(receipts[-1].account or "")))
    return OperationReceipt(
        operation=operation.id,
        kind=operation.kind,
        state=operation.state,
        attempts=receipts,
    )


def _journaled(told: OperationWithExchanges, account: Account | None) -> Iterator[ExchangeDocument]:
    """The request of an attempt that is under way, or of a process that died, as it was recorded before it left."""
    operation = told.operation
    if operation.settled or told.request is None or told.work is None or account is None:
        return
    try:
        request = start_plan(account, told.work.command).request
    except Problem:
        return
    if request is None:
        return
    yield ExchangeDocument(
        request=RequestDocument(
            method=request.method,
            path=urlsplit(account.base_url).path + request.path,
            headers=redact_headers(dict(request.headers)),
            body=shown_body(told.request),
        ),
        answer=None,
        error="No answer is recorded.",
        started_at=operation.attempts[-1].started_at,
        milliseconds=0,
        provider_request_id=None,
    )


def _attempt(
    attempt: Attempt, exchanges: list[Exchange], account: Account | None, lines: Lines | None
) -> AttemptReceipt:
    first = exchanges[0] if exchanges else None
    fields = account.adapter.fields if account is not None and first is not None else None
    shown = [shown_exchange(each, account) for each in exchanges]
    ids = (each.provider_request_id for each in shown if each.provider_request_id is not None)
    return AttemptReceipt(
        number=attempt.number,
        account=attempt.account,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        sent=attempt.sent,
        http_status=attempt.http_status,
        provider_request_id=attempt.provider_request_id or next(ids, None),
        detail=attempt.detail,
        configuration=first.configuration if first else None,
        adapter_version=first.adapter_version if first else None,
        exchanges=shown,
        notices=list(first.notices) if first else [],
        field_map=_pointers(fields.request, first.body, lines)
        if fields and first and lines is not None
        else {},
        answer_map=_pointers(fields.order, first.answer, lines or ()) if fields and first else {},
    )


def shown_exchange(exchange: Exchange, account: Account | None) -> ExchangeDocument:
    """Return one exchange for display. Without its account, paths have no base URL."""
    answer = None
    if exchange.status is not None:
        answer = AnswerDocument(
            status=exchange.status,
            headers=redact_headers(exchange.answer_headers),
            body=shown_body(exchange.answer),
        )
    return ExchangeDocument(
        request=RequestDocument(
            method=exchange.method,
            path=(urlsplit(account.base_url).path if account is not None else "") + exchange.path,
            headers=redact_headers(exchange.headers),
            body=shown_body(exchange.body),
        ),
        answer=answer,
        error=exchange.error,
        started_at=exchange.started_at,
        milliseconds=exchange.milliseconds,
        provider_request_id=_request_id(exchange, account.adapter.fields if account is not None else None),
    )


def shown_body(body: bytes) -> str:
    """Return a body as text, byte for byte without secrets."""
    return mask_body(body).decode(errors="replace")


def _request_id(exchange: Exchange, fields: FieldMap | None) -> str | None:
    named = next(
        (exchange.answer_headers[name] for name in _REQUEST_ID_HEADERS if name in exchange.answer_headers),
        None,
    )
    if named is not None or fields is None or fields.request_id is None:
        return named
    try:
        found = at_pointer(decode(exchange.answer), fields.request_id)
    except UnreadableDocumentError:
        return None
    return found or None if isinstance(found, str) else None


def _pointers(form: Form, body: bytes, lines: Lines) -> dict[str, str]:
    """Return a request's fields by canonical pointer; empty without an order."""
    try:
        reading = read(form, body)
    except UnreadableDocumentError:
        return {}
    found = align(lines, reading).lines if lines else [None] * len(reading.lines)
    said = list(reading.fields)
    for index, line in enumerate(found):
        known = line.values() if line is not None else () if lines else reading.lines[index]
        said += [under_line(statement, index) for statement in known]
    return {statement.pointer: statement.at for statement in said if statement.at is not None}


def _lines(record: OrderRecord | None) -> Lines:
    """Return the provider's lines of an order's lines: a provider may merge several lines."""
    if record is None:
        return ()
    fields = (
        {
            "/type": line.type,
            "/sku": line.product,
            "/description": line.description,
            "/quantity": line.quantity,
            "/unit_amount": line.unit_amount,
        }
        for line in record.lines
    )
    return [{name: value for name, value in line.items() if value is not None} for line in fields]
