"""The parent of workers: whom it starts again, whom it gives up, and whom it kills."""

import signal
import subprocess
import sys

SCRIPT = """
import os, signal, sys, time
from ordergate.listener.workers import Supervisor, Worker

def work(worker: Worker) -> None:
{work}

def say(what):
    print(what, flush=True)

supervisor = Supervisor(
    work,
    2,
    on_ready=lambda: say("ready"),
    on_reload=lambda: say("reloaded"),
    on_end=lambda number: say(f"ended {{number}}"),
    on_stop=lambda: say("stopping"),
    shutdown_timeout=-4,
)
sys.exit(supervisor.run(stops_with=0))
"""


class Parent:
    """A parent whose workers do this."""

    def __init__(self, work: str) -> None:
        body = "\n".join(f"    {line}" for line in work.splitlines())
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(work=body)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it has ended with {self.process.wait(10)}"
        return line.strip()

    def until(self, word: str) -> None:
        """Read on to a line with this word."""
        while word not in self.line():
            pass

    def end(self) -> tuple[int, list[str]]:
        """How it ends, and what it says until then."""
        with self.process:
            code = self.process.wait(60)
            assert self.process.stdout is not None
            return code, self.process.stdout.read().splitlines()


def test_workers_that_cannot_start_are_given_up() -> None:
    """At the beginning nothing is tried again: the others are ended, and the exit code says so."""
    code, said = Parent("if worker.number == 2:\n    sys.exit(3)\ntime.sleep(60)").end()

    assert code == 1
    assert "ready" not in said
    assert "stopping" in said


def test_worker_that_goes_on_dying_is_started_less_and_less_often() -> None:
    """Each replacement that does not last is waited for longer, and the others go on."""
    parent = Parent("worker.report('ready')\ntime.sleep(0.2 if worker.number == 2 else 60)")
    for word in ("0.5", "worker.started"):  # the pause before, and that it was kept
        parent.until(word)
    parent.process.send_signal(signal.SIGTERM)
    code, said = parent.end()

    assert code == 0
    assert "ended 1" in said  # only now


def test_worker_that_does_not_end_is_killed() -> None:
    """One that does not care about SIGTERM is killed when its time is over, and the exit code says so."""
    parent = Parent("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nworker.report('ready')\ntime.sleep(60)")
    parent.until("ready")
    assert parent.process.stdin is not None
    parent.process.stdin.close()

    assert parent.end()[0] == 1


def test_signal_for_a_new_configuration_reaches_those_that_come_later() -> None:
    """Who is not ready yet is told as soon as he is."""
    parent = Parent(
        "signal.signal(signal.SIGHUP, lambda *_: worker.report('reloaded'))\n"
        "time.sleep(0.5 if worker.number == 2 else 0)\n"
        "worker.report('ready')\n"
        "while True: signal.pause()"
    )
    for word in ("worker.started", "worker.started"):
        parent.until(word)
    parent.process.send_signal(signal.SIGHUP)
    for word in ("reloaded", "reloaded"):
        parent.until(word)
    parent.process.send_signal(signal.SIGINT)

    assert parent.end()[0] == 0
