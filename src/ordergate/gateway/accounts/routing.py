"""Chooses the account of a new order: the first matching rule names the accounts in order of preference. Pure."""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.draft import BillingType, Draft, MetadataValue
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.mode import World
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration, Rule
from ordergate.journal.records.operations import Operation


class RouteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a new order that decide its route.

    Attributes:
        account: The account that the draft names, which overrides every rule.
        country: Of the shipping address, ISO 3166-1 alpha-2.
        total: The sum of the lines, in minor units of `currency`.
        sticky: The input of a weight: the order's reference, or its Idempotency-Key.
    """

    merchant: str
    world: World
    account: str | None
    currency: str
    country: str | None
    billing_type: BillingType
    total: int
    metadata: Mapping[str, MetadataValue]
    sticky: str


class Skipped(msgspec.Struct, frozen=True):
    """An account that was passed over, and why.

    Attributes:
        foreign: It is none of the merchant's, who has not named it: only an operator may hear of it.
    """

    account: str
    reason: str
    foreign: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts that may take an order.

    Attributes:
        rule: Name of the matching rule; ``default`` without one, ``draft`` if the draft names the account.
        why: Why the rule matches, for people.
        accounts: Those that may take the order, the preferred one first.
        skipped: Those that the rule names and that may not.
    """

    rule: str
    why: str
    accounts: tuple[Account, ...]
    skipped: tuple[Skipped, ...]


def route_request(draft: Draft, merchant: str, world: World, key: str | None) -> RouteRequest:
    """Return the facts of a draft that decide its route."""
    address = draft.shipping_address
    return RouteRequest(
        merchant=merchant,
        world=world,
        account=draft.account,
        currency=draft.currency,
        country=address.country if address is not None else None,
        billing_type=draft.billing_type or "one_time",
        total=draft.lines_total,
        metadata=draft.metadata or {},
        sticky=draft.reference or key or "",
    )


def find_route(configuration: Configuration, asked: RouteRequest) -> Route:
    """Return the route of a new order; it has no account if no account may take the order."""
    if asked.account is not None:
        return _route(configuration, asked, "draft", "the draft names the account", (asked.account,))
    for rule in configuration.rules:
        why = matches(rule, asked)
        if why is not None:
            return _route(configuration, asked, rule.name, why, rule.use)
    return _route(configuration, asked, "default", "no rule holds", configuration.default_route)


def require_route(configuration: Configuration, asked: RouteRequest) -> Route:
    """Return the accounts that may take a new order, the preferred one first.

    Raises:
        Problem: ``no_route``, saying why each account was passed over.
    """
    route = find_route(configuration, asked)
    if route.accounts:
        return route
    if asked.account is not None:
        detail = f"The account {asked.account!r} cannot take this order: {route.skipped[0].reason}."
        error = FieldError(pointer="/account", code="no_route", detail=detail)
        raise Problem("no_route", detail, errors=[error])
    passed_over: dict[str, list[str]] = {}
    for each in route.skipped:
        if not each.foreign:
            passed_over.setdefault(each.reason, []).append(each.account)
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in passed_over.items())
    place = "the default route" if route.rule == "default" else f"the rule {route.rule}"
    raise Problem(
        "no_route", f"No account may take this order: {place} names {reasons or 'no account at all'}."
    )


def account_of(configuration: Configuration, kept: OrderRecord | Operation) -> Account | None:
    """Return the account of an order or an operation; None if the account was removed or replaced.

    An account of the same name at another provider, or in the other world, knows nothing of it: asked all the same,
    it would be asked with a key that must not reach it.
    """
    account = configuration.accounts.get(kept.account)
    if account is None or account.world != kept.world or kept.adapter != account.adapter.name:
        return None
    return account


def require_account_of(configuration: Configuration, kept: OrderRecord | Operation) -> Account:
    """Return the account of an order or an operation.

    Raises:
        Problem: ``no_route``: the configuration has lost it, has made it another's, or has closed it.
    """
    account = account_of(configuration, kept)
    if account is not None and account.accept != "none":
        return account
    if account is not None:
        state = "is closed (accept = none)"
    elif kept.account in configuration.accounts:
        state = "now belongs to another provider or environment"
    else:
        state = "is not configured any more"
    raise Problem("no_route", f"The order lives at the account {kept.account!r}, which {state}.")


def matches(rule: Rule, asked: RouteRequest) -> str | None:
    """Return why a rule matches, for people; None if it does not match. All conditions must be true."""
    when = rule.when
    conditions = (
        (when.merchant, asked.merchant, "merchant"),
        (when.currency, asked.currency, "currency"),
        (when.country, asked.country, "country"),
        (when.billing_type, asked.billing_type, "billing_type"),
    )
    reasons = []
    for wanted, value, name in conditions:
        if wanted is not None:
            if value not in wanted:
                return None
            reasons.append(f"{name} is {value}")
    for key, values in (when.metadata or {}).items():
        if not any(_same(asked.metadata.get(key), value) for value in values):
            return None
        reasons.append(f"metadata.{key} is {asked.metadata[key]}")
    if (
        not (when.total_gte or 0)
        <= asked.total
        <= (asked.total if when.total_lte is None else when.total_lte)
    ):
        return None
    if when.total_gte is not None or when.total_lte is not None:
        reasons.append(f"total is {asked.total}")
    if when.weight is not None:
        if _draw(rule.name, asked.sticky) >= when.weight:
            return None
        reasons.append(f"drawn into its {when.weight} %")
    return ", ".join(reasons) or "it has no condition"


def _draw(rule: str, sticky: str) -> int:
    """A number from 0 to 99, always the same for one order and rule."""
    return int.from_bytes(sha256(f"{rule}\n{sticky}".encode()).digest()[:8]) % 100


def _same(value: MetadataValue | None, wanted: MetadataValue) -> bool:
    return type(value) is type(wanted) and value == wanted


def _route(
    configuration: Configuration, asked: RouteRequest, rule: str, why: str, names: tuple[str, ...]
) -> Route:
    accounts: list[Account] = []
    skipped: list[Skipped] = []
    for name in names:
        account = configuration.accounts.get(name)
        why_not = ineligibility(account, asked.merchant, asked.world)
        if account is not None and why_not is None:
            accounts.append(account)
        else:
            foreign = account is not None and not account.serves(asked.merchant) and name != asked.account
            skipped.append(Skipped(name, why_not or "", foreign))
    return Route(rule=rule, why=why, accounts=tuple(accounts), skipped=tuple(skipped))


def ineligibility(account: Account | None, merchant: str, world: World) -> str | None:
    """Return why an account may not take a merchant's new order; None if it may."""
    if account is None or not account.serves(merchant):
        return "there is no such account"
    if account.world != world:
        return f"it is a {account.environment} account, and the key is a {world} key"
    if account.accept != "all":
        return "it takes no new orders"
    return None
