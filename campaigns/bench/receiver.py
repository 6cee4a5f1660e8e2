"""A receiver of webhooks that answers at once and counts, and the endpoints of a gateway that it is behind."""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.scenarios.shop import free_port

from campaigns.bench.servers import MeasuringFailedError, Peer, listens, running, tool


class Receiver:
    """nginx, which counts its requests."""

    def __init__(self, url: str) -> None:
        """Receive at this URL, and below it."""
        self.url = url
        self._asked = 0

    def received(self) -> int:
        """Return how many requests have arrived; the questions for the number are none of them."""
        self._asked += 1
        with urllib.request.urlopen(f"{self.url}/status", timeout=10) as answer:
            counted = int(answer.read().splitlines()[2].split()[2])
        return counted - self._asked

    def wait_for(self, number: int, patience: float) -> None:
        """Wait until so many requests have arrived.

        Raises:
            MeasuringFailedError: They have not in so many seconds.
        """
        deadline = time.monotonic() + patience
        while (received := self.received()) < number:
            if time.monotonic() > deadline:
                raise MeasuringFailedError(
                    f"of {number} events {received} were delivered in {patience:.0f} s"
                )
            time.sleep(0.05)


@contextlib.contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Start a receiver."""
    port, own = free_port(), folder / "receiver"
    own.mkdir()
    own.joinpath("nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {own}/nginx.pid; error_log {own}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {own}/body;
  proxy_temp_path {own}/proxy; fastcgi_temp_path {own}/f; uwsgi_temp_path {own}/u; scgi_temp_path {own}/s;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ return 204; }}
    location /status {{ stub_status; }}
  }}
}}
"""
    )
    command = [tool("nginx"), "-c", str(own / "nginx.conf"), "-p", str(own)]
    with running(command, own / "nginx.out", lambda: listens(port)):
        yield Receiver(f"http://127.0.0.1:{port}")


def add_endpoint(peer: Peer, url: str) -> str:
    """Let a gateway deliver its events to a URL; return the endpoint's id."""
    return str(call(peer, "/v1/webhook_endpoints", {"url": url})["id"])


def call(peer: Peer, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Send one request to a gateway, a POST if it has a body, and return its answer.

    Raises:
        MeasuringFailedError: The gateway refused it.
    """
    headers = {"Authorization": f"Bearer {peer.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        peer.url + path, None if body is None else json.dumps(body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answered: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        raise peer.failed(f"{path} was answered {refused.code}: {refused.read().decode()}") from refused
    return answered
