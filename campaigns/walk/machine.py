"""The walk: rules of a merchant, a shopper, a bank and a bad network, and the laws after each step."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.scenarios.shop import DOCUMENTED_MEMBERS, SKUS, Emulator, Shop, fresh_key, open_shop, write_config

from campaigns.walk.expected import EXPECTED, SWITCHES, WRITES, Memory, Said

MARK = "ordergate_operation"
MOST_ORDERS = 10
ENDED = {"canceled", "refunded"}

Answer = httpx.Response


@dataclass
class Tally:
    """The counts of all walks so far."""

    steps: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass
class Sent:
    """A write as it was sent, and its answer; the expected answer of a repeat."""

    method: str
    path: str
    body: dict[str, Any]
    key: str
    answer: Answer

    @property
    def stored(self) -> bool:
        """Whether a repeat gets the same bytes: applied, or refused by the provider itself."""
        if self.answer.status_code < 300:
            return True
        problem = self.answer.json()
        by_provider = problem["provider"] is not None and problem["outcome"] == "not_applied"
        return by_provider and problem["code"] in {"payment_declined", "provider_rejected", "invalid_state"}


@dataclass
class Known:
    """An order that the gateway has reported."""

    id: str
    provider_order_id: str
    lines: list[dict[str, Any]]
    memory: Memory
    total: int = 0
    ended: bool = False


Move = tuple[str, dict[str, Any]]
PICK = st.integers(0, 99)


def _move(name: str, weight: int = 1, **arguments: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Move]]:
    return [st.tuples(st.just(name), st.fixed_dictionaries(arguments))] * weight


MOVES: st.SearchStrategy[Move] = st.one_of(
    *_move(
        "create",
        4,
        lines=st.lists(
            st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 50_000)),
            min_size=1,
            max_size=3,
            unique_by=lambda line: line[0],
        ),
        shipping=st.none() | st.integers(0, 2_000),
        more=st.fixed_dictionaries({})
        | st.fixed_dictionaries(
            {},
            optional={
                "reference": st.sampled_from(["A-1", "A-2", "A-3"]),
                "tax_percent": st.sampled_from(["0", "10", "12.5"]),
                "notes": st.just("leave at the door"),
                "metadata": st.just({"channel": "web"}),
                "billing_type": st.sampled_from(["one_time", "recurring"]),
                "expected_total": st.integers(1, 100_000),
            },
        ),
    ),
    *_move("pay_at_once", 3, pick=PICK),
    *_move(
        "pay",
        4,
        pick=PICK,
        method=st.none() | st.integers(0, 99),
        share=st.sampled_from([None, None, None, 0.3, 0.5, 1, 2]),
        expected=st.sampled_from([None, None, None, "right", "wrong"]),
    ),
    *_move("pay_in_parts", pick=PICK, share=st.sampled_from([0.3, 0.6])),
    *_move("let_time_pass", seconds=st.sampled_from([1, 601, 601, 601, 1_000, 700_000])),
    *_move("shopper", 3, pick=PICK, action=st.sampled_from(["3ds_ok", "3ds_fail", "payment_closed"])),
    *_move(
        "update",
        2,
        pick=PICK,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "metadata": st.sampled_from([{"a": 1}, {"a": None}, {"b": "two", "c": True}, None]),
                "notes": st.sampled_from(["again", None]),
                "tax_percent": st.sampled_from(["5", "0", None]),
            },
        ),
    ),
    *_move("fulfill", 3, pick=PICK, some=st.booleans(), line=st.integers(0, 9)),
    *_move(
        "return_goods",
        3,
        pick=PICK,
        line=st.integers(0, 9),
        quantity=st.integers(1, 3),
        shipping=st.booleans(),
    ),
    *_move("cancel", pick=PICK),
    *_move("refund_outside", 2, pick=PICK, amount=st.none() | st.integers(1, 30_000)),
    *_move("cancel_outside", pick=PICK),
    *_move("refresh", pick=PICK),
    *_move("repeat_with_the_same_key", 2, pick=PICK),
    *_move("reuse_a_key_for_another_body", pick=PICK),
    *_move(
        "read_into_a_fault",
        pick=PICK,
        fault=st.sampled_from(
            [
                {"do": "drop"},
                {"do": "status", "status": 503},
                {"do": "rate_limit"},
            ]
        ),
    ),
    *_move(
        "write_into_a_fault",
        2,
        pick=PICK,
        what=st.sampled_from(["create", "pay", "cancel", "fulfill", "update", "returns"]),
        fault=st.sampled_from(
            [
                {"at": "before", "do": "drop"},
                {"at": "after", "do": "drop"},
                {"at": "before", "do": "status", "status": 503},
                {"at": "before", "do": "status", "status": 500},
                {"at": "after", "do": "status", "status": 500},
                {"at": "before", "do": "rate_limit"},
                {"at": "after", "do": "truncate"},
                {"at": "after", "do": "html"},
            ]
        ),
    ),
)
"""The next steps; all in one rule, because hypothesis would leave whole rules out of a walk."""


class World:
    """One gateway between a merchant and one provider's emulator, driven step by step."""

    def __init__(self, emulators: Mapping[str, Emulator], provider: str) -> None:
        self.provider = provider
        self.emulator = emulators[provider]
        self.emulator.reset()
        self.emulator.switch(**SWITCHES[provider])
        self.methods = [method["id"] for method in self.emulator._call("GET", "catalog")["payment_methods"]]
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        config = write_config(Path(folder), emulators)
        opened = open_shop(config, emulators, provider)
        self.shop: Shop = self._loop.run_until_complete(self._stack.enter_async_context(opened))
        self.documented = _documented(self.get("/schema/openapi.json").json())

    def close(self) -> None:
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.close()

    def happen(self, provider_order_id: str, action: str, amount: int | None = None) -> None:
        """Change the provider's state without the gateway; a step that the state forbids changes nothing."""
        body = {"action": action} if amount is None else {"action": action, "amount": amount}
        done = self.emulator._control.post(f"orders/{provider_order_id}/do", json=body)
        assert done.status_code in {200, 409}, done.text

    def clock(self, seconds: int) -> None:
        """Put the provider's time ahead of ours."""
        self.emulator._call("PUT", "clock", {"offset_seconds": seconds})

    def get(self, path: str) -> Answer:
        return self._loop.run_until_complete(self.shop.get(path))

    def write(self, method: str, path: str, body: Any, key: str) -> Answer:
        headers = {"Idempotency-Key": key}
        return self._loop.run_until_complete(self.shop.call(method, path, json=body, headers=headers))


class Walk(RuleBasedStateMachine):
    """Orders at one provider; a subclass names it, and the address of its emulator."""

    emulators: ClassVar[Mapping[str, Emulator]]
    provider: ClassVar[str]
    tally: ClassVar[Tally] = Tally()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.emulators, self.provider)
        self.orders: list[Known] = []
        self.sent: list[Sent] = []
        self.lost_creates: set[str] = set()

    def teardown(self) -> None:
        try:
            self._agree_on_all()
        finally:
            self.world.close()

    @initialize()
    def open_with_an_order(self) -> None:
        self._create(self._draft([(0, 2, 20_000)], 1_000))

    @rule(move=MOVES)
    def step(self, move: Move) -> None:
        """Make one move, after which both sides agree."""
        name, arguments = move
        getattr(self, name)(**arguments)

    def create(self, lines: list[tuple[int, int, int]], shipping: int | None, more: dict[str, Any]) -> None:
        if len(self.orders) >= MOST_ORDERS:
            return
        self._step("create")
        self._create({**self._draft(lines, shipping), **more})

    def update(self, pick: int, changes: dict[str, Any]) -> None:
        self._step("update")
        order = self._pick(pick)
        agreed = order.memory.expected_total in {None, order.total}
        answer = self._write("PATCH", f"/v1/orders/{order.id}", changes)
        if answer.status_code == 200 and agreed and answer.json()["total"] != order.total:
            order.memory.expected_total = None  # it was changed on purpose
        self._agree(order)

    def pay(self, pick: int, method: int | None, share: float | None, expected: str | None) -> None:
        self._step("pay")
        self._pay(self._pick(pick), method, share, expected)

    def pay_in_parts(self, pick: int, share: float) -> None:
        self._step("pay_in_parts")
        self._pay(self._pick(pick), None, share, "right")

    def pay_at_once(self, pick: int) -> None:
        """The usual way: payment of the due amount with the default method, then closing."""
        self._step("pay_at_once")
        order = self._pick(pick)
        self._pay(order, None, None, "right")
        self.world.clock(601)
        self.world.clock(0)
        self._agree_on_all()

    def cancel(self, pick: int) -> None:
        self._step("cancel")
        order = self._pick(pick)
        self._note_cancel(order, self._write("POST", f"/v1/orders/{order.id}/cancel", {"reason": "mind"}))
        self._agree(order)

    def fulfill(self, pick: int, some: bool, line: int) -> None:
        self._step("fulfill_line" if some else "fulfill")
        order = self._pick(pick)
        body: dict[str, Any] = {"tracking_number": "T-1"}
        if some:
            body["line_item_ids"] = [order.lines[line % len(order.lines)]["id"]]
        self._write("POST", f"/v1/orders/{order.id}/fulfill", body)
        self._agree(order)

    def return_goods(self, pick: int, line: int, quantity: int, shipping: bool) -> None:
        self._step("return")
        order = self._pick(pick)
        back = {"line_item_id": order.lines[line % len(order.lines)]["id"], "quantity": quantity}
        self._write("POST", f"/v1/orders/{order.id}/returns", {"lines": [back], "shipping": shipping})
        self._agree(order)

    def refresh(self, pick: int) -> None:
        self._step("refresh")
        self._agree(self._pick(pick))

    def shopper(self, pick: int, action: str) -> None:
        self._step(action)
        order = self._pick(pick)
        self.world.happen(order.provider_order_id, action)
        self._agree(order)

    def refund_outside(self, pick: int, amount: int | None) -> None:
        self._step("refund_outside")
        order = self._pick(pick)
        self.world.happen(order.provider_order_id, "refund", amount)
        self._agree(order)

    def cancel_outside(self, pick: int) -> None:
        self._step("cancel_outside")
        order = self._pick(pick)
        if pick % 4 == 1:  # seldom: it ends the order
            self.world.happen(order.provider_order_id, "dashboard_cancel")
        self._agree(order)

    def let_time_pass(self, seconds: int) -> None:
        """Move time forward and back: due events happen, and the provider still accepts the signatures."""
        self._step("let_time_pass")
        self.world.clock(seconds)
        self.world.clock(0)
        self._agree_on_all()

    def repeat_with_the_same_key(self, pick: int) -> None:
        if not self.sent:
            return
        self._step("repeat")
        first = self.sent[-1 - pick % min(len(self.sent), 6)]
        before = self._orders_there()
        if not first.stored and first.answer.status_code != 504:
            return  # nothing was kept: it would be a new write
        again = self._answered(first.method, first.path, first.body, first.key)
        if first.stored:
            assert (again.status_code, again.content) == (first.answer.status_code, first.answer.content)
            assert again.headers["idempotent-replayed"] == "true"
        else:
            assert again.json()["code"] == "outcome_unknown", again.text
        assert self._orders_there() == before, "a repeat has acted"

    def reuse_a_key_for_another_body(self, pick: int) -> None:
        if not self.sent:
            return
        self._step("reuse_key")
        first = self.sent[-1 - pick % min(len(self.sent), 6)]
        if not first.stored and first.answer.status_code != 504:
            return
        field_name, value = {
            "PATCH": ("notes", "another"),
            "POST": ("extensions", {"other": {}}),
        }[first.method]
        if first.path.endswith(("cancel", "fulfill", "returns")):
            field_name, value = {"cancel": ("reason", "another"), "fulfill": ("carrier", "another")}.get(
                first.path.rpartition("/")[2], ("shipping", not first.body.get("shipping"))
            )
        before = self._orders_there()
        again = self._answered(first.method, first.path, {**first.body, field_name: value}, first.key)
        assert again.json()["code"] == "idempotency_key_reused", again.text
        assert self._orders_there() == before, "a reused key has acted"

    def write_into_a_fault(self, pick: int, what: str, fault: dict[str, Any]) -> None:
        self._step(f"fault_{fault['at']}_{fault['do']}")
        if what == "create" and len(self.orders) >= MOST_ORDERS:
            what = "pay"
        methods = WRITES[self.provider]
        self.world.emulator.faults(*({**fault, "times": 1, "match": {"method": name}} for name in methods))
        try:
            self._faulted(self._pick(pick), what)
        finally:
            self.world.emulator.faults()
        self._agree_on_all()

    def read_into_a_fault(self, pick: int, fault: dict[str, Any]) -> None:
        self._step("fault_on_read")
        order = self._pick(pick)
        self.world.emulator.faults({**fault, "match": {"method": "GET"}})
        try:
            answer = self._checked("GET", "/v1/orders/{order_id}", self._refreshed(order))
            assert answer.status_code in {502, 503}, answer.text
            self._write("POST", f"/v1/orders/{order.id}/pay", {})
        finally:
            self.world.emulator.faults()
        self._agree(order)

    def _step(self, name: str) -> None:
        self.tally.steps += 1
        self.tally.rules[name] += 1

    def _pick(self, pick: int) -> Known:
        """Mostly an order with which something can still be done."""
        alive = [order for order in self.orders if not order.ended]
        among = self.orders if pick % 5 == 4 or not alive else alive
        return among[-1 - pick % len(among)]

    def _draft(self, lines: list[tuple[int, int, int]], shipping: int | None) -> dict[str, Any]:
        items: list[dict[str, Any]] = [
            {"sku": SKUS[sku], "description": f"Thing {sku}", "quantity": quantity, "unit_amount": price}
            for sku, quantity, price in lines
        ]
        if shipping is not None:
            items.append(
                {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": shipping}
            )
        return {
            "account": self.provider,
            "currency": "USD",
            "customer": {"id": "cust-42"},
            "line_items": items,
        }

    def _create(self, draft: dict[str, Any]) -> Answer:
        answer = self._write("POST", "/v1/orders", draft)
        if answer.status_code == 201:
            self._meet(answer.json(), draft)
        elif answer.status_code == 504:
            self.lost_creates.add(answer.json()["operation"])
        self._none_exists_twice()
        return answer

    def _meet(self, order: dict[str, Any], draft: dict[str, Any]) -> None:
        taxed = draft.get("tax_percent", "0") != "0"
        sum_of_lines = sum(line["quantity"] * line["unit_amount"] for line in draft["line_items"])
        expected = draft.get("expected_total", None if taxed else sum_of_lines)
        known = Known(
            id=order["id"],
            provider_order_id=order["provider_order_id"],
            lines=order["line_items"],
            memory=Memory(expected_total=expected),
        )
        self.orders.append(known)
        self._agree(known)

    def _pay(self, order: Known, method: int | None, share: float | None, expected: str | None) -> Answer:
        due = self._current(order)["amount_due"]
        body: dict[str, Any] = {}
        if method is not None:
            body["payment_method"] = f"provider:{self.world.methods[method % len(self.world.methods)]}"
        if share is not None:
            body["amount"] = max(int(due * share), 1)
        if expected is not None:
            body["expected_total"] = order.total + (expected == "wrong")
        answer = self._write("POST", f"/v1/orders/{order.id}/pay", body)
        if answer.status_code == 200:
            if expected is not None:
                order.memory.expected_total = order.total
            if "payment_not_recorded" in answer.json()["review_reasons"]:
                order.memory.unrecorded = True
        self._agree(order)
        return answer

    def _note_cancel(self, order: Known, answer: Answer) -> None:
        if answer.status_code == 200 and self.provider == "rapyd":
            order.memory.canceled_here = True

    def _faulted(self, order: Known, what: str) -> None:
        before = self._orders_there()
        if what == "create":
            answer = self._create(self._draft([(1, 1, 4_999)], None))
        elif what == "update":
            answer = self._write("PATCH", f"/v1/orders/{order.id}", {"metadata": {"faulted": True}})
        else:
            first = {"line_item_id": order.lines[0]["id"], "quantity": 1}
            body = {"lines": [first]} if what == "returns" else {}
            answer = self._write("POST", f"/v1/orders/{order.id}/{what}", body)
            if what == "cancel":
                self._note_cancel(order, answer)
        if answer.status_code < 300:
            return
        self._told_the_truth(answer.json(), before)

    def _told_the_truth(self, problem: dict[str, Any], before: dict[str, Any]) -> None:
        """The operation reports the outcome of the problem, and "not applied" means that nothing has happened."""
        if problem["outcome"] == "not_applied":
            assert self._orders_there() == before, f"applied, but told: {problem}"
        if problem["operation"] is None or problem["code"] in {"order_busy", "possible_duplicate"}:
            return
        path = f"/v1/operations/{problem['operation']}"
        operation = self._checked("GET", "/v1/operations/{operation_id}", self.world.get(path)).json()
        state = {"not_applied": "failed", "unknown": "unknown"}[problem["outcome"]]
        assert (operation["state"], operation["outcome"]) == (state, problem["outcome"]), operation

    def _write(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        """Send with a key that was never used, and remember the answer for repeats."""
        key = fresh_key()
        answer = self._answered(method, path, body, key)
        self.sent.append(Sent(method, path, body, key, answer))
        for order in self.orders:
            # An order whose write has an unknown outcome takes no other write.
            order.ended = order.ended or (answer.status_code == 504 and order.id in path)
        return answer

    def _answered(self, method: str, path: str, body: dict[str, Any], key: str) -> Answer:
        template = path
        for order in self.orders:
            template = template.replace(order.id, "{order_id}")
        answer = self._checked(method, template, self.world.write(method, path, body, key))
        self.tally.answers[f"{method} {answer.status_code}"] += 1
        return answer

    def _checked(self, method: str, template: str, answer: Answer) -> Answer:
        """Every answer is a documented one, and every error a whole problem."""
        documented = self.world.documented[method, template]
        assert answer.status_code in documented, (answer.status_code, documented, answer.text)
        kind = "application/problem+json" if answer.status_code >= 400 else "application/json"
        assert answer.headers["content-type"] == kind, answer.headers
        if answer.status_code >= 400:
            assert answer.json().keys() == DOCUMENTED_MEMBERS, answer.text
            assert answer.json()["code"] != "internal_error", answer.text
        return answer

    def _refreshed(self, order: Known) -> Answer:
        return self.world.get(f"/v1/orders/{order.id}?refresh=true")

    def _current(self, order: Known) -> dict[str, Any]:
        answer = self._checked("GET", "/v1/orders/{order_id}", self._refreshed(order))
        assert answer.status_code == 200, answer.text
        current: dict[str, Any] = answer.json()
        return current

    def _agree(self, order: Known) -> None:
        """The gateway and the provider agree on this order."""
        shown = self._current(order)
        state = self.world.emulator.state()
        there = next(row for row in state["orders"] if row["id"] == order.provider_order_id)
        wanted = EXPECTED[self.provider](there, state, order.memory)
        said = Said(
            status=shown["status"],
            total=shown["total"],
            paid=shown["amount_paid"],
            refunded=shown["amount_refunded"],
            fulfillment=shown["fulfillment_status"],
        )
        assert said == wanted, (order.memory, shown["review_reasons"], there["status"])
        assert shown["amount_due"] == max(said.total - said.paid, 0)
        assert (shown["status"] == "review") == bool(shown["review_reasons"])
        order.total = said.total
        order.ended = order.ended or said.status in ENDED

    def _agree_on_all(self) -> None:
        for order in self.orders:
            self._agree(order)
        self._none_exists_twice()

    def _none_exists_twice(self) -> None:
        """Each order at the provider belongs to one create, of known or unknown outcome; none was made twice."""
        there = self._orders_there()
        marks = Counter(row["metadata"][MARK] for row in there.values())
        twice = [mark for mark, count in marks.items() if count > 1]
        assert not twice, twice
        known = {order.provider_order_id for order in self.orders}
        assert known <= there.keys()
        strangers = {row["metadata"][MARK] for name, row in there.items() if name not in known}
        assert strangers <= self.lost_creates, strangers - self.lost_creates

    def _orders_there(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.world.emulator.state()["orders"]}


def _documented(description: Mapping[str, Any]) -> dict[tuple[str, str], set[int]]:
    """Which statuses each call may answer, by method and path."""
    return {
        (method.upper(), path): {int(status) for status in operation["responses"]}
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
