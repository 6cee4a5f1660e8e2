"""Receipts: the exchanges of an order with its provider."""

from typing import Any

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from ordergate.api.documents import ProblemDocument
from ordergate.api.receipts import OperationReceipt
from ordergate.console.answers import answered_problem
from ordergate.console.pages import Page, page, runtime_of
from ordergate.console.receipting import receipt_view
from ordergate.domain.errors import PROBLEMS, ProblemKind
from ordergate.gateway.orders.receipts import get_receipt
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.web.authentication import caller_of
from ordergate.web.problems import FAULTS, NEXT_STEPS


@get("/orders/{order_id:str}/receipt")
async def show_receipt(request: Page, order_id: FromPath[str]) -> Response[Any]:
    """Show each request of an order beside its response; also while it is unknown whether the order exists."""
    runtime = runtime_of(request)
    receipt = await get_receipt(runtime, caller_of(request), order_id)
    stored = await runtime.journal.read(tx.orders.find(order_id))
    record = None if stored is None else stored.record
    shown = receipt_view(receipt)
    return page(
        request,
        "receipt",
        title=f"Receipt of {record.reference if record is not None and record.reference else order_id}",
        order_id=order_id,
        reference=None if record is None else record.reference,
        exists=record is not None,
        redacted_at=None if record is None else record.redacted_at,
        operations=shown,
        more_operations=len(receipt.operations) - len(shown),
        problems_told={
            each.receipt.operation: await _problem_of_caller(runtime, each.receipt) for each in shown
        },
        retention_days=runtime.configuration.retention.days,
        faults=FAULTS,
        next_steps=NEXT_STEPS,
    )


async def _problem_of_caller(
    runtime: Runtime, receipt: OperationReceipt
) -> tuple[str, ProblemKind, ProblemDocument | None] | None:
    """The code and the kind of the caller's problem, and the answer if it is stored."""
    existing = await runtime.journal.read(tx.operations.find_existing(receipt.operation))
    operation = (
        existing.operation if existing else await runtime.journal.read(tx.operations.find(receipt.operation))
    )
    code = operation.problem if operation is not None else None
    if code is None or code not in PROBLEMS:
        return None
    return code, PROBLEMS[code], answered_problem(existing) if existing else None
