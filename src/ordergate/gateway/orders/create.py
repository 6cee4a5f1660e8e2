"""Creates an order: chooses its account, resolves ids, and stores the fields that the provider does not support."""

import contextlib
from collections.abc import Iterator, Sequence

from ordergate.domain.changes import OrderMade
from ordergate.domain.commands import CreateOrder
from ordergate.domain.draft import Draft, draft_errors
from ordergate.domain.errors import Problem, invalid_request
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.link import LinkKind
from ordergate.domain.mode import World
from ordergate.domain.operation import Attempt
from ordergate.domain.validation import summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.routing import find_route, ineligibility, require_route, route_request
from ordergate.gateway.links.links import NATIVE, Wanted, resolve
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.runtime.shadows import BUSY, Shadow
from ordergate.gateway.writes.prepared import Failover, PreparedWrite, start_plan
from ordergate.gateway.writes.write import CallOptions, WriteCall, write
from ordergate.journal.journal import Journal
from ordergate.journal.records.comparisons import COMPARISONS
from ordergate.journal.records.operations import Operation
from ordergate.telemetry.log import note_configuration

PATH = "/v1/orders"


async def create_order(
    runtime: Runtime, caller: Caller, draft: Draft, options: CallOptions, *, allow_duplicate: bool
) -> Answer:
    """Create an order at the account that the draft names, or that the routing chooses.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """
    errors = draft_errors(draft)
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)

    async def prepare(operation: Operation) -> PreparedWrite:
        configuration = runtime.configuration
        note_configuration(configuration.hash)
        asked = route_request(draft, operation.merchant, operation.world, operation.key)
        return await _prepare(runtime, draft, operation, require_route(configuration, asked).accounts)

    call = WriteCall(
        caller=caller,
        kind=OperationKind.CREATE,
        method="POST",
        path=PATH,
        options=options,
        body=draft,
        reference=draft.reference,
        allow_duplicate=allow_duplicate,
    )
    answer = await write(runtime, call, prepare)
    if not answer.replayed and answer.response.status < 400:
        _shadow(runtime, caller, draft, answer.account)
    return answer


def _shadow(runtime: Runtime, caller: Caller, draft: Draft, account: str) -> None:
    """Queue a new order for its translation at the shadow accounts; that costs the caller nothing."""
    if not runtime.configuration.shadow:
        return
    new = Shadow(merchant=caller.require_merchant(), world=caller.world, draft=draft, account=account)
    if not runtime.shadows.offer(new, busy=len(runtime.work.running) > BUSY):
        runtime.metrics.shadow_dropped()


async def create_for_comparison(
    runtime: Runtime, caller: Caller, draft: Draft, *, key: str, comparison: str
) -> Answer:
    """Create an order at the account of the draft, for a comparison.

    It runs like any create under its key. Its reference blocks no other create, and no other create blocks it.

    Args:
        runtime: This process.
        caller: The caller.
        draft: One that is right in itself.
        key: The Idempotency-Key; its path is :data:`COMPARISONS`.
        comparison: Id of the comparison.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """

    async def prepare(operation: Operation) -> PreparedWrite:
        asked = route_request(draft, operation.merchant, operation.world, operation.key)
        accounts = require_route(runtime.configuration, asked).accounts
        if (
            accounts[0].environment == "production"
        ):  # by now, whatever it was when the comparison was asked for
            raise invalid_request(
                "/account", "production_account", f"{accounts[0].name} is a production account."
            )
        return await _prepare(runtime, draft, operation, accounts, comparison)

    call = WriteCall(
        caller=caller,
        kind=OperationKind.CREATE,
        method="POST",
        path=COMPARISONS,
        options=CallOptions(key=key),
        body=draft,
    )
    return await write(runtime, call, prepare)


def failover_as_routed(runtime: Runtime, operation: Operation, command: CreateOrder) -> Failover:
    """Return the failover of an accepted create: the accounts of its present route after its own."""
    asked = route_request(command.draft, operation.merchant, operation.world, operation.key)
    accounts = find_route(runtime.configuration, asked).accounts
    names = [account.name for account in accounts]
    behind = names.index(operation.account) + 1 if operation.account in names else 0
    return _first_of(runtime, command.draft, accounts[behind:])


def _first_of(runtime: Runtime, draft: Draft, accounts: Sequence[Account]) -> Failover:
    """Return the function that prepares a create for the first account that does not refuse it."""

    async def next_account(now: Operation) -> PreparedWrite | None:
        if native_ids(draft):
            return None
        for position, routed in enumerate(accounts):
            account = runtime.configuration.accounts.get(routed.name)
            if account is None or ineligibility(account, now.merchant, now.world) is not None:
                continue  # it is gone, or closed, since the order was routed
            with contextlib.suppress(Problem):  # an account that would refuse the draft is passed over
                prepared = await _prepare(runtime, draft, now, [account, *accounts[position + 1 :]])
                start_plan(prepared.account, prepared.command)  # its adapter may refuse what its links allow
                return prepared
        return None

    return next_account


async def _prepare(
    runtime: Runtime,
    draft: Draft,
    operation: Operation,
    accounts: Sequence[Account],
    comparison: str | None = None,
) -> PreparedWrite:
    """Prepare a create for the first account; the others are its failover."""
    account, *others = accounts
    command = await creation(runtime.journal, draft, account, operation)
    change = OrderMade(
        order=operation.order,
        world=operation.world,
        account=account.name,
        adapter=account.adapter.name,
        comparison=comparison,
    )
    next_account = _first_of(runtime, draft, others)
    return PreparedWrite(account=account, command=command, change=change, before=None, failover=next_account)


async def creation(journal: Journal, draft: Draft, account: Account, operation: Operation) -> CreateOrder:
    """Return the command that creates the draft at an account, every id of the merchant's resolved.

    Raises:
        Problem: ``link_missing`` for every id without a required link.
    """
    native = await resolve(journal, account, operation.merchant, operation.world, _wanted(draft))
    return CreateOrder(
        operation=operation.id,
        key_number=operation.key_number,
        merchant=operation.merchant,
        draft=draft,
        customer=_native_customer(draft, native),
        products=tuple(native.get(("products", line.sku)) if line.sku else None for line in draft.line_items),
        extension=(draft.extensions or {}).get(account.adapter.name, {}),
    )


def native_ids(draft: Draft) -> list[str]:
    """Return the pointers of a provider's native ids in a draft. Such a draft has no failover."""
    return [pointer for _, text, pointer in _wanted(draft) if text.startswith(NATIVE)]


def unrecorded(runtime: Runtime, merchant: str, world: World) -> Operation:
    """Return an operation that is never recorded: a command needs one to be planned."""
    now = runtime.clock()
    return Operation(
        id=new_id("op"),
        merchant=merchant,
        world=world,
        kind=OperationKind.CREATE,
        method="POST",
        path=PATH,
        key=None,
        content_hash="",
        account="",
        adapter="",
        order=new_id("ord"),
        reference=None,
        state="in_progress",
        performed_by="provider",
        attempts=(Attempt(number=1, started_at=now),),
        outcome=None,
        problem=None,
        created_at=now,
        updated_at=now,
    )


def _wanted(draft: Draft) -> Iterator[Wanted]:
    if draft.customer is not None and draft.customer.id is not None:
        yield "customers", draft.customer.id, "/customer/id"
    for index, line in enumerate(draft.line_items):
        if line.sku is not None:
            yield "products", line.sku, f"/line_items/{index}/sku"


def _native_customer(draft: Draft, native: dict[tuple[LinkKind, str], str]) -> str | None:
    if draft.customer is None or draft.customer.id is None:
        return None
    return native.get(("customers", draft.customer.id))
