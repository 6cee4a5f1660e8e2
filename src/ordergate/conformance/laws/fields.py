"""The field map is correct: it reads back the draft, and notices a change."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ordergate.conformance.case import Case
from ordergate.conformance.driver import Exchange, InProcess
from ordergate.conformance.law import Laws, law
from ordergate.conformance.laws.declared import FIELDS
from ordergate.conformance.walks import CHAIRS
from ordergate.domain.checks import Side
from ordergate.domain.commands import CreateOrder
from ordergate.domain.comparison import compare
from ordergate.domain.difference import Difference
from ordergate.domain.draft import CustomerBody, Draft
from ordergate.domain.errors import Problem
from ordergate.domain.statements import Reading, Statement
from ordergate.spi.fields import Form, UnreadableDocumentError, at_pointer, decode, read

_encode = msgspec.json.Encoder(decimal_format="number").encode


class FieldLaws(Laws):
    """A second opinion on every document."""

    @law
    def test_a_request_reads_back_as_its_draft(self) -> None:
        """The map reads from a request's bytes exactly the draft: each pointer and each value."""
        fields = self.case.adapter.fields
        for provider, command, exchange in _created(self.case):
            sent = read(fields.request, exchange.signed.body)
            _stands_there(sent, exchange.signed.body)
            side = _side(provider, command, exchange, sent=sent)
            assert _wrong(compare(command.draft, [side])) == {}, "the request differs from its draft"

    @law
    def test_an_answer_reads_back_as_its_draft(self) -> None:
        """The map reads from a response's bytes the draft, its total, and times near the call."""
        fields = self.case.adapter.fields
        for provider, command, exchange in _created(self.case):
            answered = read(fields.order, exchange.answer.body)
            _stands_there(answered, exchange.answer.body)
            pointers = {statement.pointer for statement in answered.fields}
            assert {"/provider_order_id", "/status", "/currency", "/total", "/created_at"} <= pointers
            side = _side(provider, command, exchange, answered=answered)
            assert _wrong(compare(command.draft, [side])) == {}, "the answer differs from the draft"

    @law
    def test_what_is_changed_on_the_way_is_noticed(self) -> None:
        """Another value at any mapped place is a difference at that place."""
        form = self.case.adapter.fields.request
        provider = InProcess.of(self.case)
        command = provider.creation(CHAIRS)
        body = provider.begin(command)[1].body
        for statement in read(form, body).statements():
            if statement.at is None:
                continue
            changed = _changed(body, statement)
            assert _notices(form, provider, command, changed, statement.pointer), (
                f"{statement.at} was changed, and {statement.pointer} is reported as equal"
            )


def _created(case: Case) -> Iterator[tuple[InProcess, CreateOrder, Exchange]]:
    """Orders with each optional field of a draft, if the adapter accepts it."""
    provider = InProcess.of(case)
    for draft in (CHAIRS, *(_with(pointer, value) for pointer, (value, _) in FIELDS.items())):
        command = provider.creation(draft)
        try:
            provider.apply(command)
        except Problem:
            continue
        yield provider, command, provider.said[-1].exchanges[0]


def _with(pointer: str, value: Any) -> Draft:
    if pointer == "/customer/email":
        return msgspec.structs.replace(CHAIRS, customer=CustomerBody(id="cust-42", email=value))
    if pointer == "/line_items/0/metadata":
        first = msgspec.structs.replace(CHAIRS.line_items[0], metadata=value)
        return msgspec.structs.replace(CHAIRS, line_items=[first, *CHAIRS.line_items[1:]])
    return msgspec.structs.replace(CHAIRS, **{pointer.removeprefix("/"): value})


def _side(
    provider: InProcess,
    command: CreateOrder,
    exchange: Exchange | None = None,
    *,
    sent: Reading | None = None,
    answered: Reading | None = None,
) -> Side:
    now = datetime.fromtimestamp(provider.now, UTC)
    notices = exchange.planned.notices if exchange is not None else provider.begin(command)[1].notices
    return Side(
        account="here",
        adapter=provider.adapter.name,
        title=provider.adapter.title,
        customer=command.customer,
        products=command.products,
        notices=notices,
        sent=sent,
        answered=answered,
        asked=(now, now),
    )


def _wrong(differences: list[Difference]) -> dict[str, str]:
    return {each.pointer: each.why for each in differences if each.kind == "different"}


def _stands_there(reading: Reading, body: bytes) -> None:
    document = decode(body)
    for statement in reading.statements():
        if statement.at is not None:
            there = at_pointer(document, statement.at)
            assert there == statement.literal, f"{statement.at} holds {there}, not {statement.literal}"


def _changed(body: bytes, statement: Statement) -> bytes:
    """The document with another value in one place."""
    document = decode(body)
    place, _, name = str(statement.at).rpartition("/")
    holder = at_pointer(document, place)
    holder[int(name) if isinstance(holder, list) else name] = _another(statement.literal)
    return _encode(document)


def _another(literal: Any) -> Any:
    match literal:
        case bool():
            return not literal
        case int() | Decimal():
            return literal + 1
        case dict():
            return {**literal, "another": "value"}
        case _:
            return f"{literal}x"


def _notices(form: Form, provider: InProcess, command: CreateOrder, body: bytes, pointer: str) -> bool:
    """Return whether a difference is at the pointer, or at its line, or the document is unreadable."""
    try:
        reading = read(form, body)
    except UnreadableDocumentError:
        return True
    wrong = _wrong(compare(command.draft, [_side(provider, command, sent=reading)]))
    return any(f"{pointer}/".startswith(f"{place}/") for place in wrong)
