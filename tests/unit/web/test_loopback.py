"""Who counts as being on this machine."""

import pytest

from ordergate.web.loopback import made_here

HOST = (b"host", b"127.0.0.1:8080")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost", "LocalHost:9", "[::1]", "[::1]:8080"]
)
def test_both_ends_are_here(peer: str, host: str) -> None:
    """The peer and the host that it asked for are loopback, however they are written."""
    assert made_here(peer, "1.1", [(b"host", host.encode()), (b"user-agent", b"Prometheus/3")])


@pytest.mark.parametrize("peer", [None, "10.0.0.1", "192.0.2.1", "::2", "::ffff:10.0.0.1", "fe80::1%lo", ""])
def test_the_peer_is_elsewhere(peer: str | None) -> None:
    """What the caller says of itself does not count: its address does."""
    assert not made_here(peer, "1.1", [HOST])


@pytest.mark.parametrize(
    "host",
    [
        "pay.example.com",
        "10.0.0.1",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "",
        "[::2]:80",
        "127.1",
        "é",
    ],
)
def test_the_host_is_another(host: str) -> None:
    """A proxy that passes the host on asks for a name of the outside."""
    assert not made_here("127.0.0.1", "1.1", [(b"host", host.encode())])


def test_the_host_is_missing_or_told_twice() -> None:
    """Which one was asked for is not known."""
    assert not made_here("127.0.0.1", "1.1", [])
    assert not made_here("127.0.0.1", "1.1", [HOST, HOST])


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded",
        "x-real-ip",
        "x-client-ip",
        "x-original-forwarded-for",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "true-client-ip",
        "cf-connecting-ip",
        "via",
    ],
)
def test_a_header_says_that_it_was_passed_on(name: str) -> None:
    """Any header that proxies add is enough, even an empty one."""
    assert not made_here("127.0.0.1", "1.1", [HOST, (name.encode(), b"")])


def test_what_a_proxy_speaks_by_default() -> None:
    """Nginx without any setting speaks HTTP/1.0 and names its upstream as host."""
    assert not made_here("127.0.0.1", "1.0", [HOST])
