"""The command line. A command imports its modules when it runs, so that the help is fast."""

import click

from ordergate.cli.accounts import accounts
from ordergate.cli.adopt import import_
from ordergate.cli.check import check
from ordergate.cli.compare import compare
from ordergate.cli.db import db
from ordergate.cli.demo import demo
from ordergate.cli.emulate import emulate
from ordergate.cli.init import init
from ordergate.cli.keys import keys
from ordergate.cli.links import links
from ordergate.cli.operations import operations
from ordergate.cli.orders import orders
from ordergate.cli.reconcile import reconcile
from ordergate.cli.route import route
from ordergate.cli.serve import serve
from ordergate.cli.shadow import shadow
from ordergate.cli.switch_check import switch_check
from ordergate.cli.translate import translate
from ordergate.cli.webhooks import webhooks


class _Commands(click.Group):
    """All commands. Text that no store accepts is refused before a command runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        if any("\0" in argument for argument in args):
            raise click.UsageError("An argument cannot hold the character U+0000.", ctx)
        return super().parse_args(ctx, args)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="ordergate")
def main() -> None:
    """One HTTP API for orders in front of several payment providers.

    \b
    Try it:        ordergate demo
    Run it:        ordergate init && ordergate check && ordergate keys create --merchant acme && ordergate serve
    """


for command in (
    accounts,
    check,
    compare,
    db,
    demo,
    emulate,
    import_,
    init,
    keys,
    links,
    operations,
    orders,
    reconcile,
    route,
    serve,
    shadow,
    switch_check,
    translate,
    webhooks,
):
    main.add_command(command)
