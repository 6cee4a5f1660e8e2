"""``uv run python -m campaigns.chaos``: a campaign of faults and kills; 1 if anything was violated."""

import contextlib
import sys
import tempfile
from pathlib import Path

import click

from campaigns.chaos.campaign import run
from campaigns.chaos.plan import DEFAULT_TIMING, SHORT_TIMING, Plan, Store
from campaigns.chaos.report import Ticker, show


@click.command()
@click.option("--writes", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--store", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--nodes", type=click.IntRange(min=1), help="1 with sqlite, which has one server; else 2.")
@click.option("--seed", type=int, default=0, show_default=True, help="Other seeds choose otherwise.")
@click.option("--callers", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--seconds", type=float, help="Begin no more orders after so long, however few were written.")
@click.option(
    "--default-timing", is_flag=True, help="Leave every timeout and settling time as it is shipped."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep journal and logs in this folder.")
def main(
    writes: int,
    store: Store,
    nodes: int | None,
    seed: int,
    callers: int,
    seconds: float | None,
    keep: Path | None,
    *,
    default_timing: bool,
) -> None:
    """Let callers write through nodes that are killed, to providers that fail; then compare all sides."""
    if store == "sqlite" and nodes not in {None, 1}:
        raise click.UsageError("one SQLite file has one server: --nodes is for --store postgres")
    with contextlib.ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ordergate-chaos-")))
        else:
            keep.mkdir(parents=True)
            folder = keep
        plan = Plan(
            folder=folder,
            writes=writes,
            seconds=seconds or Plan.seconds,
            store=store,
            nodes=nodes or (2 if store == "postgres" else 1),
            seed=seed,
            callers=callers,
            kills_until=0.75 if store == "postgres" else 1.0,  # the survivors have to bear cut connections
            timing=DEFAULT_TIMING if default_timing else SHORT_TIMING,
        )
        with stack.enter_context(Ticker()) as ticker:
            report = run(plan, ticker)
    show(report)
    sys.exit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
