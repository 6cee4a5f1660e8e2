"""How orders, accounts and keys look in a terminal."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ordergate.domain.money import minor_unit_digits

_PIPE_WIDTH = 200
_SHOW_PROGRESS_AFTER = 1.0
"""Seconds: what ends sooner needs no bar."""


def amount(units: int, currency: str) -> str:
    """Write minor units as a person reads them: ``410.00 USD``."""
    digits = minor_unit_digits(currency)
    if digits == 0:
        return f"{units} {currency}"
    whole, fraction = divmod(units, 10**digits)
    return f"{whole}.{fraction:0{digits}d} {currency}"


def console() -> Console:
    """Return where to print: as wide as the terminal, and wide enough for whole rows in a pipe."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_PIPE_WIDTH)


def show_order(order: Any) -> None:
    """Print one order: where it stands, its lines, its money."""
    screen = console()
    screen.print(f"[bold]{order.id or 'not adopted'}[/]  {order.status}", highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_row(
        "at", f"{order.account} ({order.provider}) {order.provider_order_id}, {order.provider_status}"
    )
    if order.reference:
        facts.add_row("reference", order.reference)
    facts.add_row("payment", f"{order.payment_status}, {amount(order.amount_paid, order.currency)} paid")
    facts.add_row("fulfillment", str(order.fulfillment_status))
    if order.review_reasons:
        facts.add_row("review", ", ".join(order.review_reasons))
    screen.print(facts)
    lines = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for line in order.line_items:
        lines.add_row(
            f"{line.quantity} x", line.description, line.sku or "", amount(line.subtotal, order.currency)
        )
    lines.add_row("", "[bold]total[/]", "", f"[bold]{amount(order.total, order.currency)}[/]")
    screen.print(lines)
    for notice in order.notices:
        screen.print(f"[dim]{notice.kind} {notice.pointer}: {notice.detail}[/]")


def show_orders(orders: Sequence[Any], *, has_more: bool) -> None:
    """Print a list of orders."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("order", "status", "total", "account", "reference", "created"):
        table.add_column(name, justify="right" if name == "total" else "left", no_wrap=name != "reference")
    for order in orders:
        table.add_row(
            order.id or f"({order.provider_order_id})",
            str(order.status),
            amount(order.total, order.currency),
            order.account,
            order.reference or "",
            f"{order.created_at:%Y-%m-%d %H:%M:%S}",
        )
    screen = console()
    screen.print(table if orders else "no orders")
    if has_more:
        screen.print(f"[dim]more: --starting-after {orders[-1].id}[/]")


def show_rows(headers: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under headers, or a word where there are none."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for position, header in enumerate(headers):
        table.add_column(header, no_wrap=position == 0)
    for row in rows:
        table.add_row(*row)
    console().print(table if rows else empty)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show on stderr how far something is, once it has taken a second; what it yields is told how many are done.

    Args:
        description: What is being done.
        total: How many there are; None where nobody knows. A bar is shown to a terminal only.
    """
    screen = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
    task = bar.add_task(description, total=total)
    later = threading.Timer(_SHOW_PROGRESS_AFTER, bar.start)
    later.start()
    try:
        yield lambda done: bar.update(task, completed=done)
    finally:
        later.cancel()
        later.join()
        bar.stop()
