"""Prints orders, operations, accounts and keys in a terminal."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ordergate.domain.money import minor_unit_digits, to_decimals
from ordergate.telemetry.printable import printable

_PIPE_WIDTH = 200
_STATE_COLOURS = {"succeeded": "green", "failed": "red", "unknown": "yellow", "in_progress": "cyan"}

_DELIVERY_COLOURS = {"delivered": "green", "failed": "red", "pending": "yellow"}


def amount(units: int, currency: str) -> str:
    """Write minor units as a person reads them: ``410.00 USD``."""
    return f"{to_decimals(units, minor_unit_digits(currency))} {currency}"


def plain(text: object) -> str:
    """Return foreign text literally: brackets are no markup, and control characters have no effect."""
    return escape(printable(text))


def console() -> Console:
    """Return the console: as wide as the terminal, and wide enough for whole rows in a pipe."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_PIPE_WIDTH)


class Advance(Protocol):
    """Reports progress."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Report the finished amount and, if it was not known before, the total."""
        ...


@contextlib.contextmanager
def progress(
    what: str, shown: Callable[[int], str] = str, *, total: int | None = None, after: float = 1.0
) -> Iterator[Advance]:
    """Show on stderr the progress of a step that takes over a second: a bar, or lines without a terminal.

    Args:
        what: The step, as in ``backing up``.
        shown: Writes an amount of it.
        total: The total; None if it is unknown or reported later.
        after: Seconds until anything is shown, and between two lines.

    Yields:
        A function to call with the finished amount.
    """
    screen = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.fields[far]}"), TimeRemainingColumn())
    bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    task = bar.add_task(what, total=total, far="")
    known, last = total, time.monotonic()

    def advance(done: int, total: int | None = None) -> None:
        nonlocal known, last
        total = known = total or known
        far = shown(done) if total is None else f"{shown(done)} of {shown(total)}"
        bar.update(task, completed=done, total=total, far=far)
        if time.monotonic() - last < after:
            return
        if screen.is_terminal:
            bar.start()
        else:
            last = time.monotonic()
            screen.print(f"{what}: {far}", highlight=False)

    try:
        yield advance
    finally:
        bar.stop()


def show_order(order: Any) -> None:
    """Print one order: its status, its lines, its amounts."""
    screen = console()
    screen.print(f"[bold]{order.id or 'not adopted'}[/]  {order.status}", highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "at", plain(f"{order.account} ({order.provider}) {order.provider_order_id}, {order.provider_status}")
    )
    if order.reference:
        facts.add_row("reference", plain(order.reference))
    facts.add_row("payment", f"{order.payment_status}, {amount(order.amount_paid, order.currency)} paid")
    facts.add_row("fulfillment", str(order.fulfillment_status))
    if order.review_reasons:
        facts.add_row("review", ", ".join(order.review_reasons))
    screen.print(facts)
    lines = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for line in order.line_items:
        lines.add_row(
            f"{line.quantity} x",
            plain(line.description),
            plain(line.sku or ""),
            amount(line.subtotal, order.currency),
        )
    lines.add_row("", "[bold]total[/]", "", f"[bold]{amount(order.total, order.currency)}[/]")
    screen.print(lines)
    for notice in order.notices:
        screen.print(f"[dim]{notice.kind} {plain(notice.pointer)}: {plain(notice.detail)}[/]")


def show_orders(orders: Sequence[Any], *, has_more: bool) -> None:
    """Print a list of orders."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("order", "status", "total", "account", "reference", "created"):
        table.add_column(name, justify="right" if name == "total" else "left", no_wrap=name != "reference")
    for order in orders:
        table.add_row(
            order.id or f"({plain(order.provider_order_id)})",
            str(order.status),
            amount(order.total, order.currency),
            order.account,
            plain(order.reference or ""),
            f"{order.created_at:%Y-%m-%d %H:%M:%S}",
        )
    screen = console()
    screen.print(table if orders else "no orders")
    if has_more:
        screen.print(f"[dim]more: --starting-after {orders[-1].id}[/]")


def show_rows(headers: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under headers, or a word if there are none."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for position, header in enumerate(headers):
        table.add_column(header, no_wrap=position == 0)
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console().print(table if rows else empty)


def show_operations(operations: Sequence[Any], *, has_more: bool) -> None:
    """Print a list of operations."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("operation", "kind", "state", "order", "account", "merchant", "reference", "began"):
        table.add_column(name, no_wrap=name != "reference")
    for operation in operations:
        table.add_row(
            operation.id,
            operation.kind.value,
            _state(operation),
            operation.order,
            operation.account,
            plain(operation.merchant),
            plain(operation.reference or ""),
            f"{operation.created_at:%Y-%m-%d %H:%M:%S}",
        )
    screen = console()
    screen.print(table if operations else "no operations")
    if has_more:
        screen.print(f"[dim]more: --starting-after {operations[-1].id}[/]")


def show_operation(operation: Any, outlook: str) -> None:
    """Print one operation with all recorded facts; `outlook` is its next step."""
    screen = console()
    screen.print(f"[bold]{operation.id}[/]  {_state(operation)}", highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_row("what", f"{operation.kind.value}, performed by the {operation.performed_by}")
    if operation.outcome:
        facts.add_row("outcome", operation.outcome.replace("_", " "))
    if operation.problem:
        facts.add_row("answered", operation.problem)
    facts.add_row("order", f"{operation.order} at {operation.account}")
    if operation.reference:
        facts.add_row("reference", plain(operation.reference))
    facts.add_row("merchant", f"{plain(operation.merchant)} ({operation.world})")
    facts.add_row("key", plain(operation.key or "none"))
    facts.add_row("began", _time(operation.created_at))
    facts.add_row("changed", _time(operation.updated_at))
    screen.print(facts, highlight=False)
    _show_attempts(screen, operation.attempts)
    _show_probes(screen, operation.probes)
    if operation.resolution is not None:
        said = operation.resolution
        screen.print(
            f"\nresolved as {said.outcome.replace('_', ' ')} by {plain(said.key)}, {_time(said.at)}:"
            f" {plain(said.evidence)}",
            highlight=False,
        )
    screen.print(f"\n[bold]next[/]  {plain(outlook)}", highlight=False)


def show_reconciliation(result: Any) -> None:
    """Print the comparison of an account with the provider's list."""
    screen = console()
    screen.print(
        f"[bold]{plain(result.account)}[/]  since {_time(result.since)}, orders in the journal: {result.in_journal}, "
        f"in the provider's list: {result.in_list}, the same: {result.same}",
        highlight=False,
    )
    if result.failure is not None:
        screen.print(f"[red]the list was not read to its end:[/] {plain(result.failure)}", highlight=False)
    if result.agrees:
        screen.print("[green]nothing differs[/]")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("found", "order", "at the provider", "reference", "what"):
        table.add_column(name, no_wrap=name not in {"reference", "what"})
    for finding in result.findings:
        table.add_row(
            finding.found,
            finding.order or "",
            plain(finding.provider_order_id),
            plain(finding.reference or ""),
            plain(_differences_text(finding)),
        )
    if result.findings:
        screen.print(table, highlight=False)


def show_deliveries(deliveries: Sequence[Any], *, has_more: bool) -> None:
    """Print a list of webhook deliveries, each with its last try."""
    table = _table("delivery", "state", "event", "order", "endpoint", "tries", "last try", "next try")
    for delivery in deliveries:
        last = delivery.tries[-1] if delivery.tries else None
        colour = _DELIVERY_COLOURS[delivery.state]
        table.add_row(
            delivery.id,
            f"[{colour}]{delivery.state}[/]",
            str(delivery.type),
            delivery.order,
            delivery.endpoint,
            str(len(delivery.tries)),
            "" if last is None else plain(last.detail or str(last.http_status)),
            "" if delivery.next_try_at is None else _time(delivery.next_try_at),
        )
    _print_table(table, has_more=has_more)


def show_endpoints(endpoints: Sequence[Any], *, has_more: bool) -> None:
    """Print a list of webhook endpoints."""
    table = _table("endpoint", "merchant", "state", "url", "types")
    for endpoint in endpoints:
        off = f"disabled: {endpoint.disabled_reason}" if endpoint.disabled_reason else "disabled"
        table.add_row(
            endpoint.id,
            plain(endpoint.merchant),
            "[green]enabled[/]" if endpoint.enabled else f"[red]{plain(off)}[/]",
            plain(endpoint.url),
            "all" if endpoint.types is None else ", ".join(endpoint.types),
        )
    _print_table(table, has_more=has_more)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=name not in {"last try", "url", "types"})
    return table


def _print_table(table: Table, *, has_more: bool) -> None:
    screen = console()
    screen.print(table, highlight=False)
    if has_more:
        screen.print("[dim]there are more: --limit, --starting-after[/]", highlight=False)


def _differences_text(finding: Any) -> str:
    if finding.differences:
        return "; ".join(
            f"{each.field.replace('_', ' ')}: {each.journal} here, {each.provider} there"
            for each in finding.differences
        )
    mark = f" ({finding.operation})" if finding.operation and finding.order is None else ""
    return f"{finding.detail}{mark}"


def _show_attempts(screen: Console, attempts: Sequence[Any]) -> None:
    if not attempts:
        screen.print("\n[dim]not sent yet[/]")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("attempt", "began", "took", "sent", "answer", "request id", "evidence"):
        table.add_column(name, no_wrap=name not in {"request id", "evidence"})
    for attempt in attempts:
        ended = attempt.finished_at
        table.add_row(
            str(attempt.number),
            _time(attempt.started_at),
            "" if ended is None else f"{(ended - attempt.started_at).total_seconds():.1f} s",
            attempt.sent,
            _answer(attempt),
            plain(attempt.provider_request_id or ""),
            plain(attempt.detail or ""),
        )
    screen.print()
    screen.print(table, highlight=False)


def _answer(attempt: Any) -> str:
    if attempt.http_status is not None:
        return str(attempt.http_status)
    if attempt.finished_at is None:
        return "not heard of"
    return "none, closed" if attempt.closed else "none"


def _show_probes(screen: Console, probes: Sequence[Any]) -> None:
    if not probes:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("probed", "found", "evidence"):
        table.add_column(name, no_wrap=name != "evidence")
    for probe in probes:
        table.add_row(_time(probe.at), probe.found.replace("_", " "), plain(probe.detail or ""))
    screen.print()
    screen.print(table, highlight=False)


def _state(operation: Any) -> str:
    shown = operation.state.replace("_", " ")
    person = ", needs a person" if operation.needs_person else ""
    return f"[{_STATE_COLOURS[operation.state]}]{shown}{person}[/]"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
