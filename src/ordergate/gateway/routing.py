"""Which account gets a new order."""

from ordergate.domain.errors import FieldError, Problem
from ordergate.gateway.account import Account, World
from ordergate.gateway.configuration import Configuration


def choose_account(configuration: Configuration, merchant: str, world: World, named: str | None) -> Account:
    """Return the account for a new order: the one that the draft names, or the first of the route that may.

    Raises:
        Problem: ``no_route``, saying why each was passed over.
    """
    if named is not None:
        account = configuration.accounts.get(named)
        obstacle = _obstacle(account, merchant, world)
        if account is None or obstacle is not None:
            detail = f"The account {named!r} cannot take this order: {obstacle}."
            error = FieldError(pointer="/account", code="no_route", detail=detail)
            raise Problem("no_route", detail, errors=[error])
        return account
    passed_over = []
    for name in configuration.default_route:
        account = configuration.accounts.get(name)
        obstacle = _obstacle(account, merchant, world)
        if account is not None and obstacle is None:
            return account
        passed_over.append(f"{name}: {obstacle}")
    reasons = "; ".join(passed_over) or "the configuration names none as default"
    raise Problem("no_route", f"No account may take this order ({reasons}).")


def account_of_order(configuration: Configuration, name: str) -> Account:
    """Return the account where an existing order lives.

    Raises:
        Problem: ``no_route``: the configuration has lost it, or has closed it.
    """
    account = configuration.accounts.get(name)
    if account is None or account.accept == "none":
        state = "is not configured any more" if account is None else "is closed (accept = none)"
        raise Problem("no_route", f"The order lives at the account {name!r}, which {state}.")
    return account


def _obstacle(account: Account | None, merchant: str, world: World) -> str | None:
    if account is None:
        return "there is no such account"
    if account.world != world:
        return f"it is a {account.environment} account, and the key is a {world} key"
    if not account.open_to(merchant, world):
        return "there is no such account"
    if account.accept != "all":
        return "it takes no new orders"
    return None
