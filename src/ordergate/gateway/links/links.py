"""The merchant's ids to a provider's, by links; a native id is written ``provider:…`` and needs none."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import quote

from ordergate.domain.draft import Body
from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.link import Link, LinkKind
from ordergate.domain.mode import World
from ordergate.domain.validation import MAX_ERRORS, pointer_to, summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey, Links, Progress

NATIVE = "provider:"

SENSITIVE_KINDS = frozenset({"customers", "payment_methods"})
"""Kinds of ids that could charge another person's card."""

_MAX_LENGTH = 255

Wanted = tuple[LinkKind, str, str]
"""An id to resolve: its kind, the merchant's id, and its JSON pointer in the body."""


class LinkImport(Body, frozen=True, kw_only=True):
    """Many links at once: all of them are set, or none."""

    links: list[Link]


class LinkError(NamedTuple):
    """An error in one of many links.

    Attributes:
        position: Which of them, from 0.
        field: Which of its fields.
        code: The kind of error.
        detail: The same for a human.
        other: The link that it contradicts.
    """

    position: int
    field: str
    code: str
    detail: str
    other: int | None = None


class _Objection(NamedTuple):
    field: str
    code: str
    detail: str


async def resolve(
    journal: Journal, account: Account, merchant: str, world: World, wanted: Iterable[Wanted]
) -> dict[tuple[LinkKind, str], str]:
    """Return the provider's id of each id, at one account.

    Args:
        journal: The journal.
        account: The account.
        merchant: The merchant.
        world: Test and live links are separate.
        wanted: Kind, id and JSON Pointer of each.

    Raises:
        Problem: ``link_missing`` for every id without a required link; ``forbidden`` for a native id that could belong
            to another merchant.
    """
    asked = list(wanted)
    linked = [(kind, text) for kind, text, _ in asked if not text.startswith(NATIVE)]
    # A draft without the merchant's ids costs no read.
    found = (
        dict(await journal.read(tx.links.find_native_ids(merchant, world, account.name, linked)))
        if linked
        else {}
    )
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
    """Set the links of one of the merchant's ids at the named accounts.

    Raises:
        Problem: ``invalid_request`` for an unknown account, ``forbidden`` for one that only an operator may link.
    """
    wrong = (
        FieldError(pointer=pointer_to("", name), code=objection.code, detail=objection.detail)
        for name, native in links.items()
        for objection in _objections(configuration, caller, key, name, native)
    )
    if errors := list(islice(wrong, MAX_ERRORS)):
        raise _refused(errors)
    await journal.write(tx.links.put(key, links))


async def import_links(
    journal: Journal,
    configuration: Configuration,
    caller: Caller,
    merchant: str,
    links: Sequence[Link],
    progress: Progress | None = None,
) -> int:
    """Set many links of one merchant, all of them or none; return how many.

    Raises:
        Problem: ``invalid_request`` or ``forbidden``, with up to a hundred errors by pointer.
    """
    # Beside the event loop: of a body that is full of links this takes long.
    found = await asyncio.to_thread(
        lambda: list(islice(link_errors(configuration, caller, merchant, links), MAX_ERRORS))
    )
    errors = [
        FieldError(
            pointer=f"/links/{error.position}/{error.field}",
            code=error.code,
            detail=error.detail if error.other is None else f"{error.detail} by /links/{error.other}.",
        )
        for error in found
    ]
    if errors:
        raise _refused(errors)
    distinct = await asyncio.to_thread(lambda: list(dict.fromkeys(links)))
    await journal.write(tx.links.put_many(merchant, caller.world, distinct, progress))
    return len(distinct)


def link_errors(
    configuration: Configuration, caller: Caller, merchant: str, links: Iterable[Link]
) -> Iterator[LinkError]:
    """Yield everything that is wrong with many links; a contradiction ends before the place that it names."""
    seen: dict[tuple[LinkKind, str, str], tuple[int, str]] = {}
    for index, link in enumerate(links):
        key = LinkKey(merchant=merchant, world=caller.world, kind=link.kind, id=link.id)
        if not is_linkable(link.id):
            yield LinkError(index, "id", "invalid_value", _ID_RULE)
        for objection in _objections(configuration, caller, key, link.account, link.native):
            yield LinkError(index, *objection)
        first, native = seen.setdefault((link.kind, link.id, link.account), (index, link.native))
        if native != link.native:
            detail = f"{link.id!r} among the {link.kind} is linked to {native!r} at {link.account} already,"
            yield LinkError(index, "native", "conflicting_links", detail, other=first)


def is_linkable(text: str) -> bool:
    """Whether an id of the merchant's can have links."""
    return _is_plain(text) and not text.startswith(NATIVE)


def bad_id() -> Problem:
    """Return the refusal of an id that cannot have links."""
    return invalid_request("/id", "invalid_value", _ID_RULE)


_ID_RULE = f"An id has 1 to {_MAX_LENGTH} printable characters, without {NATIVE}."


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _MAX_LENGTH and text.isprintable()


def _objections(
    configuration: Configuration, caller: Caller, key: LinkKey, name: str, native: str
) -> Iterator[_Objection]:
    """Return why an id cannot be linked at an account: the same rules for one link and for many."""
    account = configuration.accounts.get(name)
    if account is None or not account.open_to(key.merchant, key.world):
        detail = f"There is no account {name!r} for {key.merchant}'s {key.world} keys."
        yield _Objection("account", "unknown_account", f"{detail} GET /v1/accounts lists them.")
    elif key.kind in SENSITIVE_KINDS and _shared(account) and not caller.operator:
        detail = (
            f"{name} is a production account shared by several merchants: only an operator's key may link "
            f"{key.kind} there."
        )
        yield _Objection("account", "forbidden", detail)
    if not native:
        yield _Objection("native", "invalid_value", "A link cannot be empty; delete it instead.")
    elif not _is_plain(native) or native.startswith(NATIVE):
        detail = (
            f"A provider's own id has 1 to {_MAX_LENGTH} printable characters, without the prefix {NATIVE}."
        )
        yield _Objection("native", "invalid_value", detail)


def _refused(errors: list[FieldError]) -> Problem:
    """Return one problem for all the errors. An error of permission takes precedence."""
    for error in errors:
        if error.code == "forbidden":
            return Problem("forbidden", error.detail, errors=errors)
    return Problem("invalid_request", summary(errors), errors=errors)


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
