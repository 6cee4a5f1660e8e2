"""Declared capabilities work, others are refused unsent, and no field of a draft is lost."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from ordergate.conformance.driver import MERCHANT, InProcess
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.walks import CHAIRS, DONE_THERE, corpus, declares
from ordergate.domain.commands import (
    CancelOrder,
    Command,
    CreateOrder,
    FulfillOrder,
    ListEvents,
    ListFilters,
    ListOrders,
    PayOrder,
    Read,
    RetrieveOrder,
    ReturnGoods,
    UpdateOrder,
)
from ordergate.domain.draft import AddressBody, CustomerBody, Draft
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import FulfillmentStatus, OperationKind
from ordergate.domain.outcome import Applied, OrderPage
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderOrder
from ordergate.spi.wire import WireRequest

COMMANDS: Mapping[OperationKind, type[Command]] = {
    OperationKind.CREATE: CreateOrder,
    OperationKind.RETRIEVE: RetrieveOrder,
    OperationKind.LIST: ListOrders,
    OperationKind.UPDATE: UpdateOrder,
    OperationKind.PAY: PayOrder,
    OperationKind.CANCEL: CancelOrder,
    OperationKind.FULFILL: FulfillOrder,
    OperationKind.RETURN: ReturnGoods,
}
ADDRESS = AddressBody(
    name="Ada",
    line_1="1 First Street",
    line_2="Flat 2",
    line_3="Rear",
    city="Anytown",
    district="North",
    state="NY",
    postal_code="12345",
    country="US",
    phone="+12125559999",
)
FIELDS: Mapping[str, tuple[Any, Callable[[ProviderOrder], Any]]] = {
    "/reference": ("A-1001/ü", lambda order: order.reference),
    "/customer/email": ("ada@example.org", lambda order: order.email),
    "/shipping_address": (
        ADDRESS,
        lambda order: (
            order.shipping_address and AddressBody(**msgspec.structs.asdict(order.shipping_address))
        ),
    ),
    "/tax_percent": ("13.5", lambda order: order.tax_percent),
    "/billing_type": ("recurring", lambda order: order.billing_type),
    "/metadata": ({"shelf": "B7", "gift": True, "floor": -3}, lambda order: order.metadata),
    "/notes": ('Ring twice: "ü" <&>', lambda order: order.notes),
    "/expires_at": (datetime(2030, 5, 1, 12, 30, 15, tzinfo=UTC), lambda order: order.expires_at),
    "/line_items/0/metadata": ({"engraving": "A"}, lambda order: order.line_items[0].metadata),
}
"""The fields of a draft besides its lines, with the function that reads each back."""


class FutureCommand(Command, frozen=True, kw_only=True):
    """A command of a later release."""


class DeclarationLaws(Laws):
    """Capabilities are true."""

    @law
    def test_what_is_declared_works(self) -> None:
        """Every operation that is declared, in full or in part, is carried out and changes the provider."""
        done = {
            type(told.command) for told in corpus(self.case) if isinstance(told.outcome, Applied | OrderPage)
        }
        declared = {COMMANDS[kind] for kind in OperationKind if declares(self.case, kind)}

        assert {CreateOrder, RetrieveOrder} <= declared, "an order has to be created and read"
        assert declared <= done

    @law
    def test_what_is_not_declared_is_refused(self) -> None:
        """An operation that is not declared, and a command of the future, has no plan and no request."""
        provider = InProcess.of(self.case)
        order = provider.apply(provider.creation(CHAIRS)).order
        commands: dict[OperationKind, Command] = {
            OperationKind.LIST: ListOrders(limit=1, cursor=None, filters=ListFilters()),
            OperationKind.UPDATE: provider.change(order, {"a": "b"}),
            OperationKind.PAY: provider.payment(order, order.total),
            OperationKind.CANCEL: provider.cancellation(order),
            OperationKind.FULFILL: provider.fulfilment(order),
            OperationKind.RETURN: provider.giving_back(order, quantity=1),
        }
        undeclared = [command for kind, command in commands.items() if not declares(self.case, kind)]
        if not self.case.adapter.capabilities.event_feed:
            undeclared.append(ListEvents(limit=1, since=None, cursor=None))
        for command in [*undeclared, FutureCommand()]:
            try:
                _, request = provider.begin(command)
            except (TypeError, Problem):
                continue
            raise AssertionError(f"{type(command).__name__} is not declared, and would send {request}")

    @law
    def test_a_restriction_is_said(self) -> None:
        """A partly supported operation, or one of the gateway itself, has a sentence about its limits."""
        for kind, support in self.case.adapter.capabilities.operations.items():
            assert support.level in DONE_THERE | {"gateway", "no"}
            assert support.level in {"yes", "no"} or support.detail.endswith("."), (
                f"{kind} is restricted; how?"
            )

    @law
    def test_a_part_of_the_lines_is_fulfilled_or_refused(self) -> None:
        """Single lines are fulfilled and the others stay; if that is not supported, naming one is refused unsent."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.FULFILL):
            leave_out("declares no fulfilment")
        order = provider.apply(provider.creation(CHAIRS)).order
        order = provider.pay(order, order.total)
        if case.adapter.capabilities.fulfill_lines:
            for lines, status in (((0,), FulfillmentStatus.PARTIAL), ((1, 2), FulfillmentStatus.FULFILLED)):
                order = provider.read(provider.apply(provider.fulfilment(order, *lines)).order)
                assert order.fulfillment_status is status, (
                    f"lines {lines}, and it is {order.fulfillment_status}"
                )
            return
        refused = provider.refusal(lambda: provider.begin(provider.fulfilment(order, 0)))
        assert refused is not None, "some of the lines are fulfilled, and no capability declares it"
        assert refused.code == "unsupported_field"

    @law
    def test_a_link_is_required_or_not(self) -> None:
        """Without a product's link, the order is refused if links are required, and otherwise sent with a notice."""
        case, provider = self.case, InProcess.of(self.case)
        products = (None,) * len(CHAIRS.line_items)
        command = msgspec.structs.replace(provider.creation(CHAIRS), products=products)
        pointers = {"/line_items/0/sku", "/line_items/1/sku"}
        refused = provider.refusal(lambda: provider.begin(command))
        if "products" in case.adapter.capabilities.links_required:
            assert refused is not None, "links to products are required, and an order without them was taken"
            assert {error.pointer for error in refused.errors} == pointers
            return
        assert refused is None, f"links to products are not required; {refused}"
        notices = provider.begin(command)[1].notices
        assert {notice.pointer for notice in notices if notice.kind == "unlinked"} == pointers

    @law
    def test_an_order_is_made_as_it_was_meant(self) -> None:
        """Every line arrives with its kind, product, text, quantity, price and marks."""
        provider = InProcess.of(self.case)
        command = provider.creation(CHAIRS)
        order = provider.read(provider.apply(command).order)

        assert [
            (line.type, line.product, line.description, line.quantity, line.unit_amount, line.subtotal)
            for line in order.line_items
        ] == [
            (
                line.type,
                product,
                line.description,
                line.quantity,
                line.unit_amount,
                line.quantity * line.unit_amount,
            )
            for line, product in zip(CHAIRS.line_items, command.products, strict=True)
        ]
        assert (order.subtotal, order.shipping, order.total) == (65_149, 1_000, 66_149)
        assert (order.discount, order.tax, order.currency) == (0, 0, "USD")
        assert (order.metadata, order.billing_type) == (CHAIRS.metadata, "one_time")
        assert order.customer == command.customer
        assert order.marks[OPERATION_MARK] == command.operation, "nothing proves which operation made it"
        assert order.marks[MERCHANT_MARK] == MERCHANT, "the order does not name its merchant"

    @law
    def test_lines_of_one_product_add_up(self) -> None:
        """Two lines of one product are all of both there, whether as two or as one."""
        provider = InProcess.of(self.case)
        line = CHAIRS.line_items[0]
        lines = [msgspec.structs.replace(line, quantity=quantity) for quantity in (2, 5)]
        draft = msgspec.structs.replace(CHAIRS, line_items=lines)
        order = provider.read(provider.apply(provider.creation(draft)).order)

        assert sum(line.quantity for line in order.line_items) == 7
        assert provider.facts(self.case, order).total == order.total == 7 * line.unit_amount

    @law
    def test_tax_is_exact_or_refused(self) -> None:
        """A tax that changes the total is refused, or is in the total and beside it, to the minor unit."""
        provider = InProcess.of(self.case)
        for percent, tax in (("10", 6_615), ("13.5", 8_930), ("0.0001", 0), ("100.0000", 66_149)):
            command = provider.creation(msgspec.structs.replace(CHAIRS, tax_percent=percent))
            refused = provider.refusal(partial(provider.begin, command))
            if refused is not None:
                assert [error.pointer for error in refused.errors] == ["/tax_percent"]
                continue
            order = provider.read(provider.apply(command).order)
            assert (order.tax, order.discount) == (tax, 0), f"{percent} % resulted in a tax of {order.tax}"
            assert provider.facts(self.case, order).total == order.total == CHAIRS.lines_total + tax
        neutral = provider.creation(msgspec.structs.replace(CHAIRS, tax_percent="0.00"))
        assert provider.apply(neutral).order.total == CHAIRS.lines_total

    @law
    def test_nothing_is_dropped_silently(self) -> None:
        """Each field of a draft is read back as it was sent, or noticed as kept, or refused by its name."""
        for pointer, (value, look) in FIELDS.items():
            provider = InProcess.of(self.case)
            command = provider.creation(_drafted(pointer, value))
            refused = provider.refusal(partial(provider.begin, command))
            if refused is not None:
                assert pointer in {error.pointer for error in refused.errors}, f"{pointer}: {refused}"
                continue
            _, request = provider.begin(command)
            order = provider.read(provider.apply(command).order)
            kept = {notice.pointer for notice in request.notices if notice.kind == "kept"}
            assert look(order) == value or pointer in kept, (
                f"{pointer} was sent as {value!r}, is {look(order)!r} at the provider, and no notice reports it"
            )

    @law
    def test_a_change_is_kept_whole(self) -> None:
        """New metadata replaces the old, and the gateway's marks stay."""
        provider = InProcess.of(self.case)
        if not declares(self.case, OperationKind.UPDATE):
            leave_out("declares no change")
        order = provider.apply(provider.creation(CHAIRS)).order
        for metadata in ({"shelf": "C1", "gift": False}, {"shelf": "C1"}, {}):
            outcome = provider.apply(provider.change(order, dict(metadata)))
            order = provider.read(outcome.order)
            assert (outcome.order.metadata, order.metadata) == (metadata, metadata)
            assert order.marks[OPERATION_MARK] == provider.said[0].command.operation  # type: ignore[attr-defined]

    @law
    def test_one_request_acts(self) -> None:
        """A write has one request that may act, a read none; a request that is not marked as acting changes nothing."""
        for told in corpus(self.case):
            acting = [exchange.planned for exchange in told.exchanges if exchange.planned.acts]
            reads = isinstance(told.command, Read)
            assert len(acting) == (0 if reads else 1), (
                f"{type(told.command).__name__}: {len(acting)} requests act"
            )
            assert all(request.body == b"" for request in map(_planned, told.exchanges) if not request.acts)
            provider = InProcess.of(self.case)
            for exchange in told.exchanges:
                if not exchange.planned.acts:
                    before = provider.state()
                    provider.send(provider.sign(exchange.planned))
                    assert provider.state() == before

    @law
    def test_a_write_names_its_operation(self) -> None:
        """The request that acts carries the operation's id, or the attempt's, so that it can be proven."""
        for told in corpus(self.case):
            for request in (exchange.planned for exchange in told.exchanges if exchange.planned.acts):
                operation: str = told.command.operation  # type: ignore[attr-defined]
                carried = [value for _, value in request.headers] + [request.body.decode()]
                assert any(operation in text for text in carried), (
                    f"{request.method} {request.path} does not name {operation}"
                )

    @law
    def test_a_request_is_proper(self) -> None:
        """Paths begin with a slash, methods are upper case, and a header is named once."""
        for told in corpus(self.case):
            for exchange in told.exchanges:
                signed = exchange.signed
                names = [name.lower() for name, _ in signed.headers]
                assert signed.path.startswith("/")
                assert signed.path.isascii()
                assert " " not in signed.path
                assert len(names) == len(set(names)), f"a header is named twice: {names}"
                assert all(value.isascii() and value.isprintable() for _, value in signed.headers)

    @law
    def test_an_id_stays_in_its_segment(self) -> None:
        """Any id of a provider changes only its own segment of a path, or is refused."""
        provider = InProcess.of(self.case)
        order = provider.apply(provider.creation(CHAIRS)).order
        for command in self._about(provider):
            plain = _shape(provider.begin(command(order))[1])
            for name in (
                "a/b",
                "a?b=c",
                "a#b",
                "..",
                ".",
                "",
                "%2e%2e",
                "../x",
                "a b",
                "\u00fc",
                "a\r\nb: c",
                "a%",
            ):
                strange = msgspec.structs.replace(order, provider_order_id=name)
                try:
                    _, request = provider.begin(command(strange))
                except Problem:
                    continue
                assert _shape(request) == plain, f"the id {name!r} makes the path {request.path!r}"

    @law
    def test_emulator_settings_are_right(self) -> None:
        """The emulator's description is a valid table of an account, and every environment has a URL."""
        provider, adapter = InProcess.of(self.case), self.case.adapter

        assert adapter.check_settings(provider.settings, "emulator") == []
        assert adapter.name == adapter.name.lower()
        for environment in ("sandbox", "production"):
            assert adapter.base_urls[environment].startswith("https://")
            assert not adapter.base_urls[environment].endswith("/")

    def _about(self, provider: InProcess) -> list[Callable[[ProviderOrder], Command]]:
        builders: dict[OperationKind, Callable[[ProviderOrder], Command]] = {
            OperationKind.RETRIEVE: lambda order: RetrieveOrder(provider_order_id=order.provider_order_id),
            OperationKind.UPDATE: lambda order: provider.change(order, {"a": "b"}),
            OperationKind.PAY: lambda order: provider.payment(order, order.total),
            OperationKind.CANCEL: provider.cancellation,
            OperationKind.FULFILL: provider.fulfilment,
            OperationKind.RETURN: lambda order: provider.giving_back(order, quantity=1),
        }
        return [build for kind, build in builders.items() if declares(self.case, kind)]


def _drafted(pointer: str, value: Any) -> Draft:
    match pointer.split("/")[1:]:
        case ["customer", "email"]:
            return msgspec.structs.replace(CHAIRS, customer=CustomerBody(id="cust-42", email=value))
        case ["line_items", "0", name]:
            first, *rest = CHAIRS.line_items
            lines = [msgspec.structs.replace(first, **{name: value}), *rest]
            return msgspec.structs.replace(CHAIRS, line_items=lines)
        case [name]:
            return msgspec.structs.replace(CHAIRS, **{name: value})
    raise ValueError(pointer)


def _planned(exchange: Any) -> WireRequest:
    planned: WireRequest = exchange.planned
    return planned


def _shape(request: WireRequest) -> tuple[str, int, int, int, bool]:
    path = request.path
    dots = any(segment in {".", "..", ""} for segment in path.partition("?")[0].split("/")[1:])
    return request.method, path.count("/"), path.count("?"), path.count("#"), dots
