"""The command line. Commands import what they need when they run, so that help is there at once."""

import click

from ordergate.cli.accounts import accounts
from ordergate.cli.adopt import import_
from ordergate.cli.check import check
from ordergate.cli.demo import demo
from ordergate.cli.emulate import emulate
from ordergate.cli.keys import keys
from ordergate.cli.links import links
from ordergate.cli.orders import orders
from ordergate.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ordergate")
def main() -> None:
    """One HTTP API for orders in front of several payment providers.

    \b
    Try it:        ordergate demo
    Run it:        ordergate check && ordergate keys create --merchant acme && ordergate serve
    """


for command in (accounts, check, demo, emulate, import_, keys, links, orders, serve):
    main.add_command(command)
