"""The text that is made from a run: tables, the sentences with figures, and the README's summary."""

import itertools
from collections.abc import Callable, Mapping, Sequence

from campaigns.bench.load import Run
from campaigns.bench.report import Report
from campaigns.bench.steps import whole
from campaigns.bench.throughput import (
    CONNECTIONS,
    DURABLE,
    FLOOR,
    FLOOR_POSTGRESQL,
    HANDWRITTEN,
    POSTGRESQL,
    SQLITE,
)

NODES = 10
"""Nodes of the calculation on paper."""


def sections(report: Report) -> dict[str, str]:
    """Return the generated parts of the page, by the names of their places."""
    return {name: section(report) for name, section in _SECTIONS.items()}


def summary(report: Report) -> str:
    """Return the README's three lines: throughput, a create alone, the marks."""
    found = _found(report)
    ours, floor, peer = (found[name, 32] for name in (SQLITE, FLOOR, HANDWRITTEN))
    alone, floor_alone = found[SQLITE, 1], found[FLOOR, 1]
    judged = [mark for mark in report.judge() if mark.judged]
    reached = sum(mark.reached for mark in judged)
    throughput = (
        f"- One process on SQLite: {ours.rate:,.0f} creates/s over 32 connections, {ours.rate / floor.rate:.2f} times "
        f"its floor, and {ours.rate / peer.rate:.1f} times a hand-written service that keeps nothing."
    )
    latency = (
        f"- A create alone: p50 {alone.p50 / 1000:.1f} ms, the floor's is {floor_alone.p50 / 1000:.1f} ms; its "
        f"processor time over 32 connections: {ours.cpu:,.0f} µs, the floor's is {floor.cpu:,.0f} µs."
    )
    marks = f"- {reached} of {len(judged)} marks are reached; a worker holds {ours.resident:.0f} MiB."
    return "\n".join([throughput, latency, marks])


def _found(report: Report) -> dict[tuple[str, int], Run]:
    return {(run.peer, run.connections): run for run in report.throughput}


def _machine(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    told = [sentence for sentences in report.told.values() for sentence in sentences]
    run = (
        f"Run on {machine.date}: {machine.processor}, {machine.cores} cores, {machine.memory} GiB, {machine.system}, "
        f"Python {machine.python}; {report.load_seconds} s each load. {versions}."
    )
    return "\n\n".join([run, *([f"Left out, or failed: {'; '.join(told)}."] if told else [])])


def _peers(report: Report) -> str:
    found = _found(report)
    head = ["creates", *(f"req/s, {number} conn." for number in CONNECTIONS)]
    head += ["p50 alone, ms", "p99 at 32, ms", "CPU at 32, µs", "database's CPU, µs", "RSS, MiB", "failed"]
    whole = [
        peer
        for peer in dict.fromkeys(run.peer for run in report.throughput)
        if all((peer, number) in found for number in CONNECTIONS)
    ]
    return _rows(head, [_peer(peer, [found[peer, number] for number in CONNECTIONS]) for peer in whole])


def _peer(peer: str, runs: Sequence[Run]) -> list[str]:
    alone, busy = (next(run for run in runs if run.connections == number) for number in (1, 32))
    return [
        peer,
        *(f"{run.rate:,.0f}" for run in runs),
        f"{alone.p50 / 1000:.2f}",
        f"{busy.p99 / 1000:.1f}",
        f"{busy.cpu:,.0f}",
        "" if busy.database_cpu is None else f"{busy.database_cpu:,.0f}",
        f"{max(run.resident for run in runs):.0f}",
        str(sum(run.failed for run in runs)),
    ]


def _marks(report: Report) -> str:
    rows = [
        [mark.name, mark.aim, f"{mark.measured} ({mark.how})" if mark.how else mark.measured, mark.verdict]
        for mark in report.judge()
    ]
    return _rows(["mark", "aim", "measured", "reached"], rows, left=4)


def _steps(report: Report) -> str:
    rows = [
        [step.name, f"{step.gateway:,.0f}", f"{step.floor:,.0f}", f"{step.gateway - step.floor:,.0f}"]
        for step in (*report.profile, whole(report.profile))
    ]
    return _rows(["step, µs of processor time", "ordergate", "floor", "difference"], rows)


def _largest_steps(report: Report) -> str:
    steps = sorted(report.profile, key=lambda step: step.floor - step.gateway)[:4]
    over = whole(report.profile).gateway - whole(report.profile).floor
    named = ", ".join(f"{step.name} ({step.gateway - step.floor:,.0f} µs)" for step in steps)
    return f"Of {over:,.0f} µs more than the floor's, most are in these steps: {named}."


def _connections(report: Report) -> str:
    found = _found(report)
    pairs = list(itertools.pairwise(CONNECTIONS))
    rows = [
        [peer, *(f"{found[peer, after].rate / found[peer, before].rate:.2f}" for before, after in pairs)]
        for peer in (SQLITE, FLOOR, POSTGRESQL, FLOOR_POSTGRESQL, HANDWRITTEN, DURABLE)
        if all((peer, number) in found for number in CONNECTIONS)
    ]
    return _rows(["throughput, times that of fewer connections", *(f"{a} → {b}" for a, b in pairs)], rows)


def _orders(report: Report) -> str:
    head = ["orders in SQLite", "MiB", "creates/s, 32 conn.", "p50, ms", "p99, ms"]
    head += ["list of 100, p50, ms", "inside the gateway, ms"]
    rows = [
        [
            f"{size.orders:,}",
            f"{size.mebibytes:,.0f}",
            f"{size.rate:,.0f}",
            f"{size.p50 / 1000:.1f}",
            f"{size.p99 / 1000:.1f}",
            f"{size.list_p50 / 1000:.2f}",
            f"{size.list_inside / 1000:.2f}",
        ]
        for size in report.growth
    ]
    return _rows(head, rows, left=0)


def _workers(report: Report) -> str:
    rows = [
        [
            str(one.workers),
            f"{one.rate:,.0f}",
            f"{one.rate / report.scaling[0].rate:.2f}",
            f"{one.p99 / 1000:.1f}",
            f"{one.cpu:,.0f}",
            "" if one.database_cpu is None else f"{one.database_cpu:,.0f}",
        ]
        for one in report.scaling
    ]
    head = ["workers", "creates/s, 32 conn.", "times one", "p99, ms", "CPU, µs", "database's CPU, µs"]
    return _rows(head, rows, left=0)


def _receivers(report: Report) -> str:
    rows = [
        [
            str(one.endpoints),
            f"{one.rate:,.0f}",
            f"{one.p99 / 1000:.1f}",
            f"{one.delivered:,.0f}",
            f"{one.rate * one.endpoints:,.0f}",
            f"{one.cpu:,.0f}",
        ]
        for one in report.receivers
    ]
    head = [
        "endpoints",
        "creates/s, 32 conn.",
        "p99, ms",
        "events delivered/s",
        "events queued/s",
        "CPU of a create, µs",
    ]
    return _rows(head, rows, left=0)


def _memory(report: Report) -> str:
    if report.soak is None:
        return ""
    rows = [[f"{weight.requests:,}", f"{weight.resident:.1f}"] for weight in report.soak.weights]
    table = _rows(["creates so far", "RSS, MiB"], rows, left=0)
    between = f"{report.soak.smallest:.1f} and {report.soak.largest:.1f} MiB"
    return (
        f"{table}\n\nAfter the first tenth it stays between {between}; {report.soak.failed} creates failed."
    )


def _events(report: Report) -> str:
    figures = [figure for part in ("webhooks", "events") for figure in report.figures.get(part, [])]
    rows = []
    for name in dict.fromkeys(figure.name for figure in figures):
        who, _, what = name.partition(": ")
        rate, cpu = (figure.value for figure in figures if figure.name == name)
        rows.append([what, who, f"{rate:,.0f}", f"{cpu:,.0f}"])
    return _rows(["event", "by", "a second", "CPU each, µs"], rows, left=2)


def _on_paper(report: Report) -> str:
    """Ten nodes on one PostgreSQL, from the processor time of its server for each create."""
    busy = _found(report).get((POSTGRESQL, 32))
    if busy is None or busy.database_cpu is None or not report.growth:
        return "The run has no processor time of PostgreSQL's server."
    largest = max(report.growth, key=lambda size: size.orders)
    own, core = 1e6 / busy.cpu, 1e6 / busy.database_cpu
    wanted = NODES * own
    kilobytes = largest.mebibytes * 2**20 / largest.orders / 1000
    millions = wanted * 86_400 / 1e6
    nodes = (
        f"- A create costs {busy.cpu:,.0f} µs of a node's core, so one core of its own lets a node make at most "
        f"{own:,.0f} creates/s, and {NODES} nodes {wanted:,.0f}."
    )
    server = (
        f"- It costs {busy.database_cpu:,.0f} µs of the database's, so one core of its server carries {core:,.0f} "
        f"creates/s. {NODES} nodes keep {wanted / core:.1f} of its cores busy."
    )
    writers = "postgresql durable write: claim, 32 at once"
    commits = next((figure.value for figure in report.all_figures if figure.name == writers), 0.0)
    disk = (
        f"- A create commits twice: {2 * wanted:,.0f} commits/s, of {NODES} nodes with 10 connections each, of which "
        f"at most {NODES * 10} share a flush. On this disk, 10 connections of one process get {commits:,.0f}/s."
    )
    size = (
        f"- An order takes {kilobytes:.1f} kB with its operation, its event and their indexes (in SQLite, among "
        f"{largest.orders:,}). At that rate a day has {millions:,.0f} million orders, and "
        f"{millions * kilobytes:,.0f} GB."
    )
    return "\n".join([nodes, server, disk, size])


def _others(report: Report) -> str:
    figures = [
        figure
        for part in ("command", "adapters", "journal", "lists")
        for figure in report.figures.get(part, [])
    ]
    rows = [[figure.name, figure.measure, f"{figure.value:,.1f} {figure.unit}"] for figure in figures]
    return _rows(["other measurements", "measure", "value"], rows, left=2)


_SECTIONS: Mapping[str, Callable[[Report], str]] = {
    "machine": _machine,
    "peers": _peers,
    "marks": _marks,
    "steps": _steps,
    "largest steps": _largest_steps,
    "connections": _connections,
    "orders": _orders,
    "workers": _workers,
    "receivers": _receivers,
    "memory": _memory,
    "events": _events,
    "on paper": _on_paper,
    "others": _others,
}


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    rule = ["---" if column < left else "--:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
