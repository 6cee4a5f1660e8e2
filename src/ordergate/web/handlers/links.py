"""Links: the provider's ids of the merchant's own ids."""

from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from litestar import Request, delete, get, post, put
from litestar.params import BodyKwarg, FromPath, FromQuery

from ordergate.api.documents import Imported
from ordergate.domain.errors import Problem
from ordergate.domain.link import LinkKind
from ordergate.gateway.links.links import LinkImport, bad_id, is_linkable, put_links
from ordergate.gateway.links.links import import_links as import_
from ordergate.journal import transactions as tx
from ordergate.journal.records.links import LinkKey
from ordergate.web import examples
from ordergate.web.authentication import caller_of
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, READ_PROBLEMS, answers

Merchant = FromQuery[str | None]


@post(
    "/v1/links/import",
    operation_id="import_links",
    summary="Link many ids",
    tags=["links"],
    opt={"scope": "links:write"},
    status_code=200,
    responses={**PLAIN_WRITE_PROBLEMS, 200: answers(Imported, "All of them are set")},
)
async def import_links(
    request: Request[Any, Any, Any],
    data: Annotated[LinkImport, BodyKwarg(examples=examples.LINKS)],
    merchant: Merchant = None,
) -> Imported:
    """Set many links, all of them or none; links that are not named are left as they are.

    An operator's key names the merchant with `?merchant=`. For more links than a body may contain: `ordergate links
    import FILE.csv`.
    """
    runtime, caller = request.app.state.runtime, caller_of(request)
    owner = caller.merchant_named(merchant)
    number = await import_(runtime.journal, runtime.configuration, caller, owner, data.links)
    return Imported(imported=number)


@put(
    "/v1/links/{kind:str}/{link_id:path}",
    operation_id="put_link",
    summary="Link an id",
    tags=["links"],
    opt={"scope": "links:write"},
    responses=PLAIN_WRITE_PROBLEMS,
)
async def put_link(
    request: Request[Any, Any, Any],
    kind: FromPath[LinkKind],
    link_id: FromPath[str],  # noqa: ARG001 - documents the address; see _key
    data: Annotated[dict[str, str | None], BodyKwarg(examples=examples.LINK)],
    merchant: Merchant = None,
) -> dict[str, str]:
    """Set the links of one of the merchant's ids at the named accounts; links at other accounts stay.

    An operator's key names the merchant by `?merchant=`.
    """
    runtime, caller = request.app.state.runtime, caller_of(request)
    key = _key(request, kind, merchant)
    given = {account: native for account, native in data.items() if native is not None}
    await put_links(runtime.journal, runtime.configuration, caller, key, given)
    return dict(await runtime.journal.read(tx.links.find(key)))


@get(
    "/v1/links/{kind:str}/{link_id:path}",
    operation_id="get_link",
    summary="Read an id's links",
    tags=["links"],
    opt={"scope": "orders:read"},
    responses=READ_PROBLEMS,
)
async def get_link(
    request: Request[Any, Any, Any],
    kind: FromPath[LinkKind],
    link_id: FromPath[str],  # noqa: ARG001 - documents the address; see _key
    merchant: Merchant = None,
) -> dict[str, str]:
    """Read the links of one of the merchant's ids."""
    key = _key(request, kind, merchant)
    links = await request.app.state.runtime.journal.read(tx.links.find(key))
    if not links:
        raise _not_linked(key)
    return dict(links)


@delete(
    "/v1/links/{kind:str}/{link_id:path}",
    operation_id="delete_link",
    summary="Forget an id's links",
    tags=["links"],
    opt={"scope": "links:write"},
    status_code=204,
    responses=READ_PROBLEMS,
)
async def delete_link(
    request: Request[Any, Any, Any],
    kind: FromPath[LinkKind],
    link_id: FromPath[str],  # noqa: ARG001 - documents the address; see _key
    merchant: Merchant = None,
) -> None:
    """Delete the links of one of the merchant's ids; orders still show them."""
    key = _key(request, kind, merchant)
    if not await request.app.state.runtime.journal.write(tx.links.delete(key)):
        raise _not_linked(key)


def _key(request: Request[Any, Any, Any], kind: LinkKind, merchant: str | None) -> LinkKey:
    """Return the id in the raw rest of the path, because routing removes some of its slashes."""
    caller = caller_of(request)
    owner = caller.merchant_named(merchant)
    try:
        link_id = unquote_to_bytes(request.scope["raw_path"].split(b"/", 4)[4]).decode()
    except UnicodeDecodeError:
        raise bad_id() from None
    if not is_linkable(link_id):
        raise bad_id()
    return LinkKey(merchant=owner, world=caller.world, kind=kind, id=link_id)


def _not_linked(key: LinkKey) -> Problem:
    return Problem("not_found", f"{key.id!r} among the {key.kind} has no link.")
