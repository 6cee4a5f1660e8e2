"""What becomes of log lines where their file cannot be written."""

import fcntl
import os
import threading
from collections import deque
from pathlib import Path

import pytest

from ordergate.telemetry import log_writer
from ordergate.telemetry.log_writer import LogWriter


@pytest.fixture
def pipe() -> tuple[int, int]:
    """A pipe that is full after 4096 bytes; the test closes what it closes."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    return reading, writing


def read_lines(reading: int, until: str) -> list[str]:
    """What comes through the pipe, to the line that ends so."""
    text = b""
    while not text.endswith(until.encode() + b"\n"):
        text += os.read(reading, 65536)
    return text.decode().splitlines()


def test_lines_come_in_order_and_whole(tmp_path: Path) -> None:
    """From many threads, each line stands whole in the file once the writer has finished, in its thread's order."""
    file = tmp_path / "log"
    with file.open("ab") as target:
        writer = LogWriter(target.fileno())
        threads = [
            threading.Thread(target=lambda n=n: [writer.write(f"{n} {i} {'x' * i}\n") for i in range(300)])
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.finish(10)

    lines = [line.split(" ") for line in file.read_text().splitlines()]
    for n in range(4):
        assert [line[1:] for line in lines if line[0] == str(n)] == [[str(i), "x" * i] for i in range(300)]


def test_what_finds_no_room_is_counted_and_told_once(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads: writing returns at once all the same. Afterwards the rest comes, and one line with the number."""
    monkeypatch.setattr(log_writer, "MOST_BYTES", 10_000)
    reading, writing = pipe
    told: list[int] = []

    def tell(lines: int) -> None:
        told.append(lines)
        writer.write(f"{lines} lost\n")

    os.write(writing, b"-" * 4095 + b"\n")  # so that nothing is written before somebody reads
    writer = LogWriter(writing, on_recovered=tell)
    for number in range(1000):
        writer.write(f"{number:099}\n")

    assert writer.lost == 900
    writer.finish(0)  # does not wait
    lines = read_lines(reading, "900 lost")
    assert [int(line) for line in lines[1:-1]] == list(range(100))
    writer.write("after\n")
    assert read_lines(reading, "after") == ["after"]
    assert told == [900]
    assert writer.lost == 900


def test_a_reader_that_comes_back_gets_what_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails is tried again, from where it stopped; nothing is raised."""
    monkeypatch.setattr(log_writer, "_RETRY", 0.01)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(fifo, os.O_WRONLY)
    writer = LogWriter(writing)
    writer.write("first\n")
    writer.finish(10)
    assert os.read(reading, 100) == b"first\n"
    os.close(reading)
    writer.write("second\n")
    writer.finish(0.1)

    reading = os.open(fifo, os.O_RDONLY)

    assert read_lines(reading, "second") == ["second"]
    assert writer.lost == 0


def test_a_child_writes_its_own_lines_only(pipe: tuple[int, int]) -> None:
    """After a fork in the midst of what waits, the parent's lines come once, and the child's come, too."""
    reading, writing = pipe
    writer = LogWriter(writing)
    for number in range(50):
        writer.write(f"{number:099}\n")
    child = os.fork()
    if child == 0:
        writer.write("child\n")
        writer.finish(10)
        os._exit(0)

    lines: list[str] = []
    while len(lines) < 51:
        lines += os.read(reading, 65536).decode().splitlines()

    assert os.waitpid(child, 0)[1] == 0
    assert sorted(lines) == sorted([*(f"{number:099}" for number in range(50)), "child"])


def test_a_line_that_is_written_inside_a_write_waits_for_nobody(tmp_path: Path) -> None:
    """The garbage collector may run a finalizer that logs anywhere: its line is counted as lost, nothing hangs."""
    file = tmp_path / "log"
    with file.open("ab") as target:
        writer = LogWriter(target.fileno())

        class Reentering(deque[bytes]):
            def append(self, line: bytes) -> None:
                super().append(line)
                writer.write("of a finalizer\n")

        writer._lines = Reentering()
        writer.write("one\n")
        writer.finish(10)

    assert file.read_text() == "one\n"
    assert writer.lost == 1
