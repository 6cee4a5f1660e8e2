"""The merchant's ids to a provider's, by links; a native id is written ``provider:…`` and needs none."""

from collections.abc import Iterable
from urllib.parse import quote

from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.validation import pointer_to
from ordergate.gateway.account import Account, World
from ordergate.gateway.caller import Caller
from ordergate.gateway.configuration import Configuration
from ordergate.gateway.ports import Journal
from ordergate.gateway.records import LinkKey, LinkKind, Links

NATIVE = "provider:"

SENSITIVE_KINDS = frozenset({"customers", "payment_methods"})
"""Kinds with which somebody else's card could be charged."""


Wanted = tuple[LinkKind, str, str]
"""An id to resolve: its kind, the id as the merchant wrote it, and where it stands in the body."""


async def resolve(
    journal: Journal, account: Account, merchant: str, world: World, wanted: Iterable[Wanted]
) -> dict[tuple[LinkKind, str], str]:
    """Return what each id is called at the account.

    Args:
        journal: Where links are kept.
        account: Where the ids will be used.
        merchant: Whose ids they are.
        world: Test and live links are separate.
        wanted: Kind, id and JSON Pointer of each.

    Raises:
        Problem: ``link_missing`` for every id that has no link where the provider needs one; ``forbidden`` for
            a native id that could name another merchant's.
    """
    asked = list(wanted)
    linked = [(kind, text) for kind, text, _ in asked if not text.startswith(NATIVE)]
    found = dict(await journal.native_ids(merchant, world, account.name, linked))
    for kind, text, pointer in asked:
        if text.startswith(NATIVE):
            _refuse_foreign(account, kind, pointer)
            found[kind, text] = _native(text, pointer)
    missing = [
        _missing(account, kind, text, pointer)
        for kind, text, pointer in asked
        if (kind, text) not in found and kind in account.adapter.capabilities.links_required
    ]
    if missing:
        raise Problem("link_missing", missing[0].detail, errors=missing)
    return found


async def put_links(
    journal: Journal, configuration: Configuration, caller: Caller, key: LinkKey, links: Links
) -> None:
    """Set what one of the merchant's ids is called at the named accounts.

    Raises:
        Problem: ``invalid_request`` for an unknown account, ``forbidden`` for one that only an operator may link.
    """
    errors = []
    for name, native in links.items():
        account = configuration.accounts.get(name)
        if account is None or not account.open_to(caller.merchant, key.world):
            detail = f"There is no account {name!r} for these keys; GET /v1/accounts lists them."
            errors.append(FieldError(pointer=pointer_to("", name), code="unknown_account", detail=detail))
        elif not native:
            detail = "A link cannot be empty; delete it instead."
            errors.append(FieldError(pointer=pointer_to("", name), code="invalid_value", detail=detail))
        elif key.kind in SENSITIVE_KINDS and _shared(account) and not caller.operator:
            raise Problem(
                "forbidden",
                f"{name} is a production account shared by several merchants: only an operator's key may link "
                f"{key.kind} there.",
            )
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)
    await journal.put_links(key, links)


def _shared(account: Account) -> bool:
    """Whether another merchant's customers live there too."""
    return account.environment == "production" and (account.merchants is None or len(account.merchants) > 1)


def _refuse_foreign(account: Account, kind: LinkKind, pointer: str) -> None:
    if kind not in SENSITIVE_KINDS or not _shared(account):
        return
    detail = f"{account.name} is shared by several merchants, so {kind} must be linked there by an operator."
    raise Problem("forbidden", detail, errors=[FieldError(pointer=pointer, code="forbidden", detail=detail)])


def _native(text: str, pointer: str) -> str:
    native = text.removeprefix(NATIVE)
    if not native:
        raise invalid_request(pointer, "invalid_value", f"{NATIVE} is followed by the provider's own id.")
    return native


def _missing(account: Account, kind: LinkKind, text: str, pointer: str) -> FieldError:
    return FieldError(
        pointer=pointer,
        code="link_missing",
        detail=(
            f"{text!r} has no link to the account {account.name}. "
            f"PUT /v1/links/{kind}/{quote(text, safe='')} with the id at {account.adapter.title}, or write {NATIVE}…."
        ),
    )
