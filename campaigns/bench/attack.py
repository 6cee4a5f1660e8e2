"""The latency of another caller while a gateway is attacked: ``uv run python -m campaigns.bench.attack``.

The attackers are those of :mod:`tests.attack`: slow heads, unfinished bodies, heads of many megabytes.
"""

import json
import tempfile
import time
from pathlib import Path

import click
import httpx
import psutil
from tests import attack

from campaigns.bench.servers import Peer, gateway, provider, require

REQUESTS_BEFORE = 300
_ORDER = {
    "currency": "USD",
    "line_items": [{"description": "Chair", "quantity": 2, "unit_amount": 20000}],
}


def _creates(caller: httpx.Client, number: int) -> float:
    """Create one order; return the seconds that it took."""
    began = time.perf_counter()
    answer = caller.post("/v1/orders", json=_ORDER, headers={"Idempotency-Key": f"attack-{number}"})
    seconds = time.perf_counter() - began
    if answer.status_code != 201:
        raise click.ClickException(f"a create was answered {answer.status_code}: {answer.text[:300]}")
    return seconds


def _told(name: str, seconds: list[float], memory: list[int]) -> str:
    ordered = sorted(seconds)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return (
        f"{name:<14}{len(ordered):>6} creates, p50 {p50 * 1000:6.1f} ms, p99 {p99 * 1000:6.1f} ms, "
        f"longest {ordered[-1] * 1000:6.1f} ms; memory at most {max(memory) / 10**6:.0f} MB"
    )


def _measure(peer: Peer) -> None:
    process = psutil.Process(peer.process)
    headers = {"Authorization": f"Bearer {peer.key}"}
    with httpx.Client(base_url=peer.url, headers=headers, timeout=30) as caller:
        memory = [process.memory_info().rss]
        before = [_creates(caller, number) for number in range(REQUESTS_BEFORE)]
        click.echo(_told("at rest", before, memory))
        attackers, during = attack.begin(peer.url), list[float]()
        while attackers.poll() is None:
            during.append(_creates(caller, REQUESTS_BEFORE + len(during)))
            memory.append(process.memory_info().rss)
        answered, _ = attackers.communicate()
    click.echo(_told("under attack", during, memory))
    click.echo(f"the attackers were answered {json.loads(answered)}")


@click.command()
def main() -> None:
    """Measure the creates of one caller, alone and while the gateway is attacked; a minute."""
    require("nginx")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = f"sqlite:///{folder}/journal.db"
        with provider(folder) as (stub, _), gateway("SQLite", folder, stub.url, store) as peer:
            _measure(peer)


if __name__ == "__main__":
    main()
