"""``ordergate translate``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import (
    accounts_option,
    config_option,
    environment_option,
    json_option,
    merchant_of,
    print_json,
    reports_problems,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.comparing.translate import Translation
    from ordergate.gateway.runtime.runtime import Runtime


@click.command()
@click.argument("draft", type=click.File("rb"))
@accounts_option
@click.option(
    "--merchant", envvar="ORDERGATE_MERCHANT", help="Whose order; not needed while only one has keys."
)
@config_option
@environment_option
@json_option
@reports_problems
def translate(
    draft: Any, accounts: list[str], merchant: str | None, config: Path | None, world: Any, *, as_json: bool
) -> None:
    """Show the requests for each account for the order in the JSON file DRAFT; nothing is sent.

    Exits with 1 if any account would refuse it.

    \b
    ordergate translate order.json --accounts main,second
    ordergate translate - --accounts second --merchant acme --json < order.json
    """
    import msgspec

    from ordergate.api.documents import TranslationList
    from ordergate.domain.draft import Draft
    from ordergate.domain.validation import decode_body
    from ordergate.gateway.comparing.translate import translate as translate_draft
    from ordergate.web.documents import translation_document

    body = decode_body(draft.read(), Draft)

    async def work(runtime: "Runtime") -> "list[Translation]":
        owner = await merchant_of(runtime, merchant)
        return await translate_draft(runtime, owner, world, body, accounts)

    found = with_gateway(config, work)
    if as_json:
        print_json(
            msgspec.json.encode(TranslationList(results=[translation_document(each) for each in found]))
        )
    else:
        for each in found:
            _show(each)
    if any(each.problem is not None for each in found):
        sys.exit(1)


def _show(translation: "Translation") -> None:
    from ordergate.terminal import console, plain

    screen = console()
    screen.print(f"[bold]{plain(translation.account)}[/]", highlight=False)
    if translation.problem is not None:
        screen.print(
            f"  [red]{translation.problem.code}[/]: {plain(translation.problem.detail)}", highlight=False
        )
        for error in translation.problem.errors:
            screen.print(f"  {plain(error.pointer)}  {plain(error.detail)}", highlight=False)
    for request in translation.requests:
        screen.print(f"  {request.method} {plain(request.path)}", highlight=False)
        for name, value in request.headers.items():
            screen.print(f"  [dim]{plain(name)}: {plain(value)}[/]", highlight=False)
        screen.print(f"  {plain(request.body)}", highlight=False, soft_wrap=True)
    for notice in translation.notices:
        screen.print(
            f"  [dim]{notice.kind} {plain(notice.pointer)}: {plain(notice.detail)}[/]", highlight=False
        )
