"""``ordergate accounts``."""

from pathlib import Path

import click

from ordergate.cli.session import config_option, json_option, reports_problems, settings_of


@click.command()
@config_option
@json_option
@reports_problems
def accounts(config: Path | None, *, as_json: bool) -> None:
    """List the configured accounts and their capabilities.

    \b
    ordergate accounts
    ordergate accounts --json
    """
    import msgspec

    from ordergate.api.documents import AccountList
    from ordergate.cli.session import print_json
    from ordergate.gateway.accounts.health import Health
    from ordergate.terminal import show_rows
    from ordergate.web.documents import account_document

    configured = settings_of(config).accounts
    documents = [account_document(configured[name], Health()) for name in sorted(configured)]
    if as_json:
        print_json(msgspec.json.encode(AccountList(data=documents)))
        return
    rows = [
        (
            document.name,
            document.adapter,
            document.environment,
            document.accept,
            " ".join(kind for kind, can in document.capabilities.operations.items() if can.level != "no"),
        )
        for document in documents
    ]
    show_rows(
        ("account", "adapter", "environment", "accepts", "operations"), rows, "no accounts are configured"
    )
