"""Warnings about the routing: it may be intended, so it is not refused."""

from collections.abc import Iterator

from ordergate.gateway.accounts.configuration import Configuration, Rule, When


def route_warnings(configuration: Configuration) -> list[str]:
    """Return a sentence for each route with a surprising effect."""
    routes = [(f"the rule {rule.name}", rule.use) for rule in configuration.rules]
    if configuration.default_route:
        routes.append(("the default route", configuration.default_route))
    return [
        *_hidden_rules(configuration.rules),
        *(sentence for rule in configuration.rules for sentence in _shut_out(configuration, rule)),
        *(sentence for name, use in routes for sentence in _closed(configuration, name, use)),
    ]


def _hidden_rules(rules: tuple[Rule, ...]) -> Iterator[str]:
    for index, rule in enumerate(rules):
        earlier = next((other for other in rules[:index] if _covers(other.when, rule.when)), None)
        if earlier is not None:
            yield (
                f"routing: the rule {rule.name} is never reached: the rule {earlier.name} before it holds for all "
                "of its orders"
            )


def _covers(wide: When, narrow: When) -> bool:
    """Return whether every order that matches the narrow conditions also matches the wide ones."""
    if wide.weight not in {None, 100}:
        return False
    if (wide.total_gte or 0) > (narrow.total_gte or 0):
        return False
    if wide.total_lte is not None and (narrow.total_lte is None or narrow.total_lte > wide.total_lte):
        return False
    pairs: list[tuple[list[str] | None, list[str] | None]] = [
        (wide.merchant, narrow.merchant),
        (wide.currency, narrow.currency),
        (wide.country, narrow.country),
        (list(wide.billing_type or ()) or None, list(narrow.billing_type or ()) or None),
    ]
    if not all(_within(values, other) for values, other in pairs):
        return False
    metadata = narrow.metadata or {}
    return all(
        key in metadata and all(_among(value, values) for value in metadata[key])
        for key, values in (wide.metadata or {}).items()
    )


def _within(wide: list[str] | None, narrow: list[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _among(value: object, values: object) -> bool:
    """Return whether the value is in the collection with the same type: a rule distinguishes ``1`` and ``true``."""
    return isinstance(values, list) and any(type(value) is type(each) and value == each for each in values)


def _shut_out(configuration: Configuration, rule: Rule) -> Iterator[str]:
    """Return merchants of a rule who may use none of its accounts."""
    accounts = [configuration.accounts[name] for name in rule.use]
    for merchant in rule.when.merchant or ():
        if not any(account.open_to(merchant, account.world) for account in accounts):
            yield (
                f"routing: the rule {rule.name} is for {merchant}, who may use none of its accounts; the "
                "merchant's orders are refused"
            )


def _closed(configuration: Configuration, route: str, use: tuple[str, ...]) -> Iterator[str]:
    """Return routes without an account of a world that has accounts."""
    accounts = [configuration.accounts[name] for name in use]
    taking = {account.world for account in accounts if account.accept == "all"}
    if not taking:
        yield f"routing: no account of {route} takes new orders (accept); its orders are refused"
        return
    worlds = {account.world for account in configuration.accounts.values() if account.accept == "all"}
    for world in sorted(worlds - taking):
        yield (
            f"routing: {route} has no account for {world} keys; their orders on it are refused unless they name "
            "an account"
        )
