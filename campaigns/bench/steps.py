"""The processor time of a create by step, of the gateway and of its floor: SQLite, 32 connections, sampled by py-spy.

Each sample of the event loop's thread counts for the innermost function that has a rule in the table. Calls into C and
into Python's standard library, system calls among them, count for the step that makes them. The time of other threads
is the system's own count, because a sampler takes some waits for work. All steps add up to the whole processor time.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from campaigns.bench import step_table
from campaigns.bench.figures import columns
from campaigns.bench.load import create_orders
from campaigns.bench.servers import MeasuringFailedError, Peer, gateway, provider, script
from campaigns.bench.step_table import CLAIM, OTHER, SETTLE, STEPS, STORE, THREADS, Rule, step_of

CONNECTIONS = 32
SAMPLES_A_SECOND = 200
SAMPLER = "py-spy"
HINT = f"the split by step needs {SAMPLER}: uv run --with {SAMPLER} python -m campaigns.bench --profile"

_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>[^()]*):\d+\)$")
_THREAD = re.compile(r"^thread \((?P<number>\d+)\)(: (?P<name>.*))?$")


class Step(msgspec.Struct, frozen=True):
    """One step of a create: microseconds of processor time, the gateway's and the floor's."""

    name: str
    gateway: float
    floor: float


class Sample(msgspec.Struct, frozen=True):
    """One stack, and how often the sampler saw it.

    Attributes:
        thread: The number that the system gives it.
        name: The name of the thread.
        calls: Its frames, outermost first.
    """

    thread: int
    name: str
    calls: list[str]
    count: int


def measure(tell: Callable[[str], None], seconds: int) -> list[Step]:
    """Sample a gateway and its floor under load.

    Raises:
        MeasuringFailedError: The sampler is missing, or may not read the process.
    """
    sampler = shutil.which(SAMPLER)
    if sampler is None:
        raise MeasuringFailedError(HINT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with provider(folder) as (stub, _):
            tell(f"{SAMPLER} samples a gateway under {CONNECTIONS} connections")
            with gateway("profile", folder, stub.url, f"sqlite:///{folder}/journal.db") as peer:
                ours = _sampled(peer, step_table.GATEWAY, sampler, folder, seconds)
            tell("and its floor")
            with script("floor", folder, "floor.py", stub.url, f"sqlite:///{folder}/floor.db") as peer:
                floor = _sampled(peer, step_table.FLOOR, sampler, folder, seconds)
    return [Step(step, round(ours.get(step, 0), 1), round(floor.get(step, 0), 1)) for step in STEPS]


def _sampled(
    peer: Peer, rules: Sequence[Rule], sampler: str, folder: Path, seconds: int
) -> Mapping[str, float]:
    """Return the microseconds of each step of one peer under load."""
    create_orders(peer, CONNECTIONS, 2)
    before = _thread_seconds(peer.process)
    run = create_orders(peer, CONNECTIONS, seconds)
    after = _thread_seconds(peer.process)
    used = {thread: (end - before.get(thread, 0.0)) / run.requests * 1e6 for thread, end in after.items()}
    return split(samples(_recorded(peer, sampler, folder, seconds)), rules, used, peer.process)


def _recorded(peer: Peer, sampler: str, folder: Path, seconds: int) -> list[str]:
    """Return the lines of the sampler about one peer under load."""
    file = folder / f"samples-{peer.name}"
    how = ["--duration", str(seconds), "--rate", str(SAMPLES_A_SECOND), "--format", "raw", "--threads"]
    with subprocess.Popen(
        [sampler, "record", "--pid", str(peer.process), "--output", str(file), *how],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as sampling:
        create_orders(peer, CONNECTIONS, seconds + 1)
        said, _ = sampling.communicate(timeout=60)
    if sampling.returncode != 0 or not file.exists():
        raise MeasuringFailedError(f"{SAMPLER} ended with {sampling.returncode}: {said.strip()}")
    return file.read_text().splitlines()


def _thread_seconds(process: int) -> dict[int, float]:
    """Return the processor time of each thread; the main one has the number of the process."""
    return {thread.id: thread.user_time + thread.system_time for thread in psutil.Process(process).threads()}


def samples(lines: Iterable[str]) -> list[Sample]:
    """Read the sampler's lines: a thread and its frames, outermost first, then how often they were seen."""
    read = []
    for line in lines:
        frames, _, count = line.rpartition(" ")
        thread, *calls = frames.split(";")
        if named := _THREAD.match(thread):
            read.append(Sample(int(named["number"]), named["name"] or "", calls, int(count)))
    return read


def split(
    seen: Sequence[Sample], rules: Sequence[Rule], used: Mapping[int, float], main: int
) -> dict[str, float]:
    """Return the microseconds of each step; together they are all that was used.

    Args:
        seen: The samples.
        rules: The steps of functions.
        used: Microseconds of processor time of each thread for each request.
        main: The thread whose samples are counted.
    """
    counted: Counter[str] = Counter()
    for sample in seen:
        if sample.thread == main:
            counted[innermost(sample.calls, rules)] += sample.count
    whole = used.get(main, 0.0)
    steps = Counter({step: whole * count / counted.total() for step, count in counted.items()})
    names = {sample.thread: sample.name for sample in seen}
    for thread, microseconds in used.items():
        if thread != main:
            steps[_step_of_thread(names.get(thread, ""))] += microseconds
    return _divided(steps)


def innermost(calls: Sequence[str], rules: Sequence[Rule]) -> str:
    """Return the step that a stack counts for."""
    for call in reversed(calls):
        frame = _FRAME.match(call)
        if frame and (step := step_of(rules, _in_package(frame["file"]), frame["function"])):
            return step
    return OTHER


def _in_package(file: str) -> str:
    """Peers are scripts: of their path only the name counts."""
    return file.rpartition("peers/")[2]


def _step_of_thread(name: str) -> str:
    return next((step for beginning, step in THREADS if name.startswith(beginning)), OTHER)


def _divided(steps: Mapping[str, float]) -> dict[str, float]:
    """Divide the code that claim and settle share in halves: each create has one of both, and each has a commit."""
    divided = {step: used for step, used in steps.items() if step != STORE}
    for step in (CLAIM, SETTLE):
        divided[step] = divided.get(step, 0.0) + steps.get(STORE, 0.0) / 2
    return divided


def table(steps: Sequence[Step]) -> str:
    """Return the steps as lines of equal columns."""
    head = (f"a create by step, SQLite, {CONNECTIONS} connections, CPU µs", "gateway", "floor", "difference")
    rows = [
        (step.name, f"{step.gateway:,.0f}", f"{step.floor:,.0f}", f"{step.gateway - step.floor:,.0f}")
        for step in (*steps, whole(steps))
    ]
    return columns([head, *rows])


def whole(steps: Sequence[Step]) -> Step:
    """Return the sum of all steps."""
    return Step("all", sum(step.gateway for step in steps), sum(step.floor for step in steps))
