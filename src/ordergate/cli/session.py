"""Shared by the commands: options, configuration, a gateway for one command, and the output of results and errors."""

import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ordergate.telemetry.printable import printable, printable_json

if TYPE_CHECKING:
    from ordergate.gateway.access.caller import Caller
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.settings import Settings

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])

_DRAIN_SECONDS = 60
"""A command waits this long for a write that it started; the timeouts of the provider are shorter."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3650)


class Duration(click.ParamType[timedelta]):
    """A length of time: ``30m``, ``24h``, ``90d``."""

    name = "duration"

    def __init__(self, *, none_at_all: bool = False) -> None:
        """Accept ``0m`` too if `none_at_all`."""
        self._shortest = timedelta(0) if none_at_all else timedelta(minutes=1)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the duration, at most 10 years."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,7})([mhd])", str(value))
        length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None
        if length is None or not self._shortest <= length <= _LONGEST:
            self.fail(f"{value!r} is not a duration like 30m, 24h or 90d, up to {_LONGEST.days}d", param, ctx)
        return length


def _names(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    """Split names at commas."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        raise click.BadParameter("name at least one account")
    return names


accounts_option = click.option(
    "--accounts",
    required=True,
    callback=_names,
    metavar="A,B",
    help="Names of accounts, separated by commas.",
)
config_option = click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file; default: $ORDERGATE_CONFIG, then config/default.toml.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on stdout, and no other output there."
)
environment_option = click.option(
    "--env",
    "world",
    type=click.Choice(["test", "live"]),
    default="test",
    show_default=True,
    help="Test keys and accounts, or live ones.",
)


def page_options(noun: str) -> Callable[[Command], Command]:
    """Declare ``--limit`` and ``--starting-after`` for a command that lists `noun`, newest first.

    The command receives them as `limit` and `starting_after`, the names that each query has in the journal.
    """

    def declare(command: Command) -> Command:
        after = click.option("--starting-after", help=f"Only {noun} older than this one.")
        limit = click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
        return limit(after(command))

    return declare


def settings_of(config: Path | None, *, as_json: bool = False) -> "Settings":
    """Read the configuration; print its errors and exit with 1 if it has any."""
    from ordergate.gateway.accounts.configuration import ConfigurationError
    from ordergate.settings import find_file, load_settings

    try:
        return load_settings(find_file(config))
    except ConfigurationError as error:
        fail_with(error.lines, as_json=as_json)


def with_gateway(config: Path | None, work: "Callable[[Runtime], Awaitable[T]]") -> T:
    """Open a gateway on the configured store for one command, and run it."""
    import asyncio

    from ordergate.gateway.writes.lease import leased
    from ordergate.server.bootstrap import open_gateway
    from ordergate.telemetry.log import configure_logging

    settings = settings_of(config)
    configure_logging(settings.server.log_format, "warning")

    async def run() -> T:
        async with open_gateway(settings) as runtime, leased(runtime, drain=_DRAIN_SECONDS, serves=False):
            return await work(runtime)

    return asyncio.run(run())


def operator(world: str) -> "Caller":
    """Return an operator as the caller of a command, because access to the store implies access to all its data."""
    from ordergate.gateway.access.caller import Caller

    return Caller(
        key="cli",
        merchant=None,
        world="live" if world == "live" else "test",
        operator=True,
        scopes=frozenset(),
    )


async def merchant_of(runtime: "Runtime", named: str | None) -> str:
    """Return the merchant of a command: `named`, or the only merchant that has keys.

    Raises:
        UsageError: No merchant is named, and not exactly one has keys.
    """
    from ordergate.journal import transactions as tx

    if named is not None:
        return named
    known = sorted({key.merchant for key in await runtime.journal.read(tx.keys.list_all()) if key.merchant})
    if len(known) != 1:
        names = ", ".join(known) or "none has a key"
        raise click.UsageError(f"name the merchant with --merchant ({names})")
    return known[0]


async def merchant_caller(runtime: "Runtime", named: str | None, world: str) -> "Caller":
    """Return the merchant as a caller with all scopes of a merchant."""
    import msgspec

    from ordergate.gateway.access.caller import MERCHANT_SCOPES

    merchant = await merchant_of(runtime, named)
    return msgspec.structs.replace(
        operator(world), merchant=merchant, operator=False, scopes=frozenset(MERCHANT_SCOPES)
    )


def reports_problems(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command so that it prints a problem or an unavailable store, and exits with 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from ordergate.domain.errors import Problem
        from ordergate.journal.errors import JournalUnavailableError

        try:
            return command(*args, **kwargs)
        except Problem as problem:
            fail(problem, as_json=kwargs.get("as_json", False))
        except JournalUnavailableError as error:
            fail(Problem("store_unavailable", f"{error}."), as_json=kwargs.get("as_json", False))

    return wrapped


def fail(problem: Any, *, as_json: bool) -> NoReturn:
    """Print a problem and exit with 1."""
    import msgspec

    from ordergate.web.problems import document

    if as_json:
        print_json(msgspec.json.encode(document(problem, instance="", reads=False)))
    else:
        tell(f"{problem.code}: {problem.detail}", err=True)
        for error in problem.errors:
            said = "" if error.detail in problem.detail else f"  {error.detail}"
            tell(f"  {error.pointer}{said}", err=True)
        if problem.operation:
            tell(f"  operation {problem.operation}", err=True)
    sys.exit(1)


def fail_with(lines: list[str], *, as_json: bool) -> NoReturn:
    """Print errors and exit with 1."""
    import json

    if as_json:
        tell(json.dumps({"errors": lines}))
    else:
        tell(*lines, err=True)
    sys.exit(1)


def tell(*lines: str, err: bool = False) -> None:
    """Print lines. Control characters are escaped, because providers and merchants wrote some of the text."""
    for line in lines:
        click.echo(printable(line), err=err)


def print_json(document: bytes) -> None:
    """Write one JSON document to stdout."""
    click.echo(printable_json(document))
