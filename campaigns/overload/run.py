"""Ten times the load that the gateway can serve: the share of its peak that it still serves, and its latency.

The provider is nginx, which answers at once; the journal is SQLite. *Peak* is the throughput of 32 callers who each
send the next create after the answer to the last one. Above the peak, "ten times" depends on the reaction of refused
callers, so the run shows three reactions:

- *ten times wanted*: 2,000 callers want ten times peak together, each at an even pace, and make up for what was late.
  A refused caller repeats after ``Retry-After``, as the typed client does; so fewer requests arrive than are wanted.
- *ten times arriving*: 320 callers send ten times peak together, whatever is answered: nobody waits when told to. If
  fewer arrive, the gateway takes longer for the refusals than they leave between two.
- *without a pause*: 320 callers, ten times those of peak, each sending the next request when the last is answered, or
  refused: as much as the connections can carry.

Goodput is compared in requests a second, and is comparable only on a machine without other work. The processor time of
each answered request, with the refusals, is printed beside it.
"""

import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from campaigns.bench.load import DRAFT, PATH
from campaigns.bench.servers import Peer, gateway, provider, require
from campaigns.overload.callers import REFUSED, Crowd, Seen

SECONDS = 20.0
WARM_UP = 3.0
PEAK_CALLERS = 32
PATIENT_CALLERS = 2_000
TIMES = 10


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One load.

    Attributes:
        offered: Requests a second that were answered in any way.
        answered: Of these, those with a 2xx: the goodput.
        of_peak: Goodput, as a share of peak's.
        refused: Of these, those with 503 ``overloaded``.
        others: How many had each other status, or none.
        admitted: Milliseconds at 50 and 99 % of those that were let in.
        refused_in: The same of those that were not.
        cpu: Microseconds of the gateway's processor time for each 2xx.
        cpu_refused: The processor time of each refusal: the total without the cost of the answered requests at peak.
        gateway_share: The share of a processor that the gateway had; other work on the machine lowers it.
        callers_share: The share of a processor that the callers took.
    """

    load: str
    connections: int
    offered: float
    answered: float
    of_peak: float
    refused: float
    others: dict[str, int]
    admitted: tuple[float, float] | None
    refused_in: tuple[float, float] | None
    cpu: float
    cpu_refused: float | None
    gateway_share: float
    callers_share: float


def measure(tell: Callable[[str], None], seconds: float = SECONDS) -> list[Row]:
    """Measure peak, ten times that in each way, and peak again.

    Raises:
        MeasuringFailedError: nginx is not installed.
    """
    require("nginx")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stub, _ = stack.enter_context(provider(folder))
        peer = stack.enter_context(gateway("ordergate", folder, stub.url, f"sqlite:///{folder}/journal.db"))
        _load(peer, PEAK_CALLERS, WARM_UP)

        def row(load: str, connections: int, wanted: float = 0, *, patient: bool = False) -> Row:
            tell(load)
            seen = _load(peer, connections, seconds, wanted, patient=patient)
            return _row(load, connections, seen, rows[0] if rows else None)

        rows: list[Row] = []
        rows.append(row("peak", PEAK_CALLERS))
        wanted = rows[0].answered * TIMES
        rows.append(row("ten times wanted", PATIENT_CALLERS, wanted, patient=True))
        rows.append(row("ten times arriving", PEAK_CALLERS * TIMES, wanted))
        rows.append(row("without a pause", PEAK_CALLERS * TIMES))
        rows.append(row("peak again", PEAK_CALLERS))
        return rows


def _load(peer: Peer, connections: int, seconds: float, wanted: float = 0, *, patient: bool = False) -> Seen:
    crowd = Crowd(
        url=peer.url + PATH,
        key=peer.key,
        body=json.dumps(DRAFT),
        connections=connections,
        wanted=wanted,
        patient=patient,
        seconds=seconds,
        run=secrets.token_hex(6),
        gateway=peer.process,
    )
    command = [sys.executable, "-m", "campaigns.overload.callers"]
    done = subprocess.run(command, input=msgspec.json.encode(crowd), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Seen)


def _row(load: str, connections: int, seen: Seen, peak: Row | None) -> Row:
    others = dict(seen.answers)
    total = sum(others.values())
    refused = others.pop(REFUSED, 0)
    answered = sum(others.pop(status) for status in list(others) if status.startswith("2"))
    each = seen.gateway / answered * 1e6 if answered else 0.0
    peak_each = peak.cpu if peak else each
    left = seen.gateway - answered * peak_each / 1e6
    return Row(
        load=load,
        connections=connections,
        offered=round(total / seen.seconds, 1),
        answered=round(answered / seen.seconds, 1),
        of_peak=round(answered / seen.seconds / peak.answered, 3) if peak else 1.0,
        refused=round(refused / seen.seconds, 1),
        others=others,
        admitted=_milliseconds(seen.admitted),
        refused_in=_milliseconds(seen.refused),
        cpu=round(each, 1),
        cpu_refused=round(left / refused * 1e6, 1) if refused else None,
        gateway_share=round(seen.gateway / seen.seconds, 3),
        callers_share=round(seen.processor / seen.seconds, 3),
    )


def _milliseconds(shares: tuple[int, int] | None) -> tuple[float, float] | None:
    return None if shares is None else (shares[0] / 1000, shares[1] / 1000)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as lines of equal columns."""
    head = (
        *("load", "conn", "offered/s", "2xx/s", "of peak", "503/s", "other", "p50 ms", "p99 ms"),
        *("503 p50 ms", "503 p99 ms", "CPU µs", "503 CPU µs", "gateway", "callers"),
    )
    lines = [
        (
            row.load,
            str(row.connections),
            f"{row.offered:.0f}",
            f"{row.answered:.0f}",
            f"{row.of_peak:.2f}",
            f"{row.refused:.0f}",
            str(sum(row.others.values())),
            *(f"{value:.1f}" for value in row.admitted or ()),
            *(f"{value:.1f}" for value in row.refused_in or ()),
            *(() if row.refused_in else ("-", "-")),
            f"{row.cpu:.0f}",
            f"{row.cpu_refused:.0f}" if row.cpu_refused is not None else "-",
            f"{row.gateway_share:.0%}",
            f"{row.callers_share:.0%}",
        )
        for row in rows
    ]
    return "\n".join(
        f"{line[0]:<20} " + " ".join(f"{cell:>10}" for cell in line[1:]) for line in (head, *lines)
    )
