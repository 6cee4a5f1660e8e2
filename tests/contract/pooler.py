"""A real PgBouncer before the tests' server, which pools transactions as most hosted databases have it."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PORT = 6432
PATIENCE = 60.0


class PoolerMissing(Exception):  # noqa: N818 - a reason to skip, and not always an error
    """There is no PgBouncer to start here; the sentence says how to get one."""


@contextlib.contextmanager
def pooled(url: str, *, sessions: int) -> Iterator[str]:
    """Start a pooler that has so many sessions with a database, and return the database's URL through it.

    Raises:
        PoolerMissing: There is none to start.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise PoolerMissing(
            "install the package pgbouncer to test behind a pooler: apt-get install pgbouncer"
        )
    parts = urlsplit(url)
    server = {name: values[0] for name, values in parse_qs(parts.query).items()}
    folder = Path(tempfile.mkdtemp(prefix="ordergate-pooler-", dir="/tmp"))
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={server['host']} port={server['port']} user=postgres\n"
        f"[pgbouncer]\nunix_socket_dir = {folder}\nlisten_port = {PORT}\nauth_type = any\npool_mode = transaction\n"
        f"default_pool_size = {sessions}\nmax_client_conn = 500\nlogfile = {folder}/log\n"
    )
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        configuration.chmod(0o644)
    process = subprocess.Popen(
        [program, "-q", str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=None if user is None else user.pw_uid,
        group=None if user is None else user.pw_gid,
        extra_groups=None if user is None else [],
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (folder / f".s.PGSQL.{PORT}").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PgBouncer did not start: {(folder / 'log').read_text()}")
            time.sleep(0.01)
        yield parts._replace(query=f"host={folder}&port={PORT}").geturl()
    finally:
        process.terminate()
        process.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)
