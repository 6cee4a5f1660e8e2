"""Whether a request was made on this machine, and not merely passed on by a proxy that runs here."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

_PASSED_ON = (
    b"forwarded",
    b"x-forwarded",
    b"x-original",
    b"x-real-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-envoy",
    b"true-client-ip",
    b"client-ip",
    b"cf-",
    b"fastly-",
    b"cdn-loop",
    b"via",
)
"""How the names of headers begin that proxies add."""


def made_here(peer: str | None, http_version: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether both ends are this machine and no header shows a proxy.

    Args:
        peer: Address of the other end; None without one.
        http_version: HTTP/1.0 is nginx's default for its upstreams, without any other sign of a proxy.
        headers: The headers, names in lower case.
    """
    hosts = []
    for name, value in headers:
        if name.startswith(_PASSED_ON):
            return False
        if name == b"host":
            hosts.append(value.decode("latin-1"))
    return (
        peer is not None
        and _is_loopback(peer)
        and http_version != "1.0"
        and len(hosts) == 1
        and _is_loopback(_without_port(hosts[0]))
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
