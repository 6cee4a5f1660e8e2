"""``ordergate init``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordergate.cli.session import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordergate.spi.adapter import Adapter

_ENVIRONMENTS = ("sandbox", "production", "emulator")
_EMULATOR_PORT = 9101
_DATABASE = "ORDERGATE_DATABASE_URL"
_DATABASE_URL = "postgresql://USER:PASSWORD@HOST/ordergate?target_session_attrs=read-write"


@click.command()
@click.option(
    "--config",
    "--output",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="ordergate.toml",
    show_default=True,
    help="Write it here.",
)
@click.option("--accept-defaults", is_flag=True, help="Ask nothing: one sandbox account for each adapter.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(output: Path, *, accept_defaults: bool, force: bool) -> None:
    """Write a configuration, with a comment on every key.

    \b
    ordergate init
    ordergate init --accept-defaults --config /etc/ordergate.toml
    """
    from ordergate.gateway.accounts.registry import installed_adapters

    if output.exists() and not force:
        tell(f"{output} is there already; --force overwrites it", err=True)
        sys.exit(1)
    adapters = installed_adapters()
    accounts: list[dict[str, Any]] = []
    for name in sorted(adapters):
        taken = frozenset(account["name"] for account in accounts)
        if account := _account(adapters[name], taken, accept_defaults):
            accounts.append(account)
    url = "sqlite:///ordergate.db" if accept_defaults else _store()
    try:
        output.write_text(_with_accounts(_template(), url, accounts))
    except OSError as error:
        tell(f"cannot write {output}: {error.strerror}", err=True)
        sys.exit(1)
    tell(f"{output} is written", err=True)
    if url == "postgresql":
        tell(f"  set {_DATABASE} to {_DATABASE_URL}", err=True)
    for account in accounts:
        for variable in account["variables"]:
            tell(f"  set {variable}, or change the reference to a file", err=True)
    tell(f"then: ordergate check --config {output}", err=True)


def _account(adapter: "Adapter", taken: frozenset[str], accept_defaults: bool) -> dict[str, Any] | None:
    """The answers about one account, or the defaults if the command does not ask."""
    name, environment = adapter.name, "sandbox"
    if not accept_defaults:
        if not click.confirm(f"An account at {adapter.title}?", default=True):
            return None
        name = click.prompt("  its name", default=name, value_proc=lambda text: _unused_name(text, taken))
        environment = click.prompt("  environment", type=click.Choice(_ENVIRONMENTS), default=environment)
    variables = {key: f"{name}_{key}".upper().replace("-", "_") for key in _secrets(adapter)}
    lines = [f"[accounts.{name}]", f'adapter = "{adapter.name}"', f'environment = "{environment}"']
    if environment == "emulator":
        lines.append(f'base_url = "http://127.0.0.1:{_EMULATOR_PORT}"    # as ordergate emulate prints it')
    lines += [f'{key} = {{ env = "{variable}" }}' for key, variable in variables.items()]
    return {"name": name, "lines": lines, "variables": list(variables.values())}


def _unused_name(text: str, taken: frozenset[str]) -> str:
    from ordergate.gateway.accounts.account import is_account_name

    if not is_account_name(text):
        raise click.UsageError("a name has letters, digits, - and _")
    if text in taken:
        raise click.UsageError(f"{text} is the name of another account")
    return text


def _secrets(adapter: "Adapter") -> "Iterator[str]":
    """Return the secrets that every account at this provider needs."""
    import msgspec

    from ordergate.spi.secret import Secret

    for field in msgspec.structs.fields(adapter.settings_type):
        if field.required and field.type is Secret:
            yield field.name


def _store() -> str:
    kind = click.prompt("The journal", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
    if kind == "postgresql":
        return "postgresql"
    path = click.prompt("  file", default="ordergate.db")
    return f"sqlite:///{path}"


def _template() -> str:
    from ordergate.settings import shipped_file

    return shipped_file().read_text()


def _with_accounts(template: str, url: str, accounts: list[dict[str, Any]]) -> str:
    """Return the shipped file with these accounts added; its examples stay as comments."""
    lines = []
    for line in template.splitlines():
        if line.startswith("url = "):
            database = url == "postgresql"
            shown = f'{{ env = "{_DATABASE}" }}' if database else f'"{url}"'
            comment = f"{_DATABASE_URL};" if database else line.partition("#")[2].strip()
            lines.append(f"url = {shown}   # {comment}")
        elif line.startswith("# The account of new orders."):
            lines += [text for account in accounts for text in [*account["lines"], ""]] + [line]
        elif line.startswith("default = []"):
            names = ", ".join(f'"{account["name"]}"' for account in accounts)
            lines.append(f"default = [{names}]   # if no rule matches, in order of preference")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
