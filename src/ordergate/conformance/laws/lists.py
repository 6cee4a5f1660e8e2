"""The provider's own list: page by page, in both directions, with filters."""

from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from ordergate.conformance.driver import START, InProcess
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.laws.money import order_of
from ordergate.conformance.walks import declares
from ordergate.domain.commands import ListFilters
from ordergate.domain.lifecycle import OperationKind, OrderStatus
from ordergate.domain.outcome import OrderPage
from ordergate.domain.provider_order import ProviderOrder

MANY = 7


class ListLaws(Laws):
    """Every order once."""

    @law
    def test_cursors_visit_every_order_once(self) -> None:
        """Forward and backward, with any page size, each order is on one page."""
        provider, made = self._listed()
        for limit in (1, 2, 3, MANY - 1, MANY, MANY + 1):
            pages = _forth(provider, limit)
            rows = [_ids(page) for page in pages]
            forth = list(chain.from_iterable(rows))
            assert sorted(forth) == sorted(made), f"pages of {limit} are {rows}"
            assert all(len(row) <= limit for row in rows)
            assert pages[0].previous_cursor is None, "the first page has a previous page"
            full = [page for page in pages if page.orders]
            back = [_ids(page) for page in reversed(_back(provider, full[-1], limit))]
            assert list(chain.from_iterable(back)) == forth, (
                f"back through pages of {limit}: {back}; forth: {rows}"
            )

    @law
    def test_an_empty_list_is_a_page(self) -> None:
        """Without orders there is one empty page, without a cursor."""
        if not declares(self.case, OperationKind.LIST):
            leave_out("declares no list")

        assert InProcess.of(self.case).list(10) == OrderPage(
            orders=(), has_more=False, next_cursor=None, previous_cursor=None
        )

    @law
    def test_a_foreign_cursor_is_refused(self) -> None:
        """Text that no page answered is refused before any request, and pointed at."""
        provider, _ = self._listed()
        for text in ("", "x", "&limit=100", "bm9uc2Vuc2U", "WyJhZnRlciJd", "W10", "\u00fc", "A" * 5_000):
            refused = provider.refusal(partial(provider.list, 10, text))
            assert refused is not None, f"the cursor {text[:20]!r} was taken"
            assert [error.pointer for error in refused.errors] == ["/cursor"]

    @law
    def test_a_listed_order_is_the_order(self) -> None:
        """A row of the list equals the single order, without lines if rows have none."""
        provider, _ = self._listed()
        for row in provider.list(MANY).orders:
            order = provider.read(row)
            for name in (
                "currency",
                "total",
                "amount_paid",
                "provider_status",
                "phase",
                "marks",
                "created_at",
            ):
                assert getattr(row, name) == getattr(order, name), f"a row has another {name}"

    @law
    def test_filters_narrow_the_list(self) -> None:
        """Each declared filter leaves the orders that it names, all of them, and no other."""
        case = self.case
        filters = case.adapter.capabilities.list_filters
        if not filters:
            leave_out("declares no filter")
        assert filters <= set(ListFilters.__struct_fields__)
        provider, made = self._listed()
        orders = [provider.read(order) for order in provider.list(MANY).orders]
        provider.pay(orders[2], orders[2].total)
        paid = orders[2].provider_order_id
        early = [order for order in orders if order.created_at <= _at(START + 30)]
        wanted: list[tuple[dict[str, Any], list[str]]] = [
            ({"customer": provider.description.customer}, made),
            ({"customer": "00000000-0000-4000-8000-000000000000"}, []),
            ({"status": OrderStatus.PAID}, [paid]),
            ({"status": OrderStatus.CANCELED}, []),
            ({"status": OrderStatus.OPEN}, [name for name in made if name != paid]),
            ({"billing_type": "one_time"}, made),
            ({"billing_type": "recurring"}, []),
            ({"created_lte": _at(START + 30)}, [order.provider_order_id for order in early]),
            ({"created_gte": _at(START)}, made),
            ({"created_gte": _at(START + 10_000)}, []),
        ]
        assert 0 < len(early) < MANY
        for narrowed, expected in wanted:
            if set(narrowed) <= filters:
                rows = _ids(provider.list(MANY + 1, **narrowed))
                assert sorted(rows) == sorted(expected), f"the filter {narrowed} does not hold"

    def _listed(self) -> tuple[InProcess, list[str]]:
        """Make some orders, ten seconds apart."""
        if not declares(self.case, OperationKind.LIST):
            leave_out("declares no list")
        provider = InProcess.of(self.case)
        made = []
        for index in range(MANY):
            command = provider.creation(order_of(1_000 + index, "USD"))
            made.append(provider.apply(command).order.provider_order_id)
            provider.now += 10
        return provider, made


def _at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _ids(page: OrderPage) -> list[str]:
    return [_id(order) for order in page.orders]


def _id(order: ProviderOrder) -> str:
    return order.provider_order_id


def _forth(provider: InProcess, limit: int) -> list[OrderPage]:
    pages = [provider.list(limit)]
    while (cursor := pages[-1].next_cursor) is not None:
        assert len(pages) <= MANY + 1, f"pages of {limit} do not end"
        pages.append(provider.list(limit, cursor))
    return pages


def _back(provider: InProcess, last: OrderPage, limit: int) -> list[OrderPage]:
    pages = [last]
    while (cursor := pages[-1].previous_cursor) is not None:
        assert len(pages) <= MANY + 1, f"pages of {limit} do not reach a beginning"
        pages.append(provider.list(limit, cursor))
    return pages
