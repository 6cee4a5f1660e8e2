"""Networks that are not the public internet, as IANA and the cloud providers list them.

Python's ``is_global`` follows the registries of the day when the interpreter was released. These were copied on
2026-12-01 from

- https://www.iana.org/assignments/iana-ipv4-special-registry
- https://www.iana.org/assignments/iana-ipv6-special-registry
- https://www.iana.org/assignments/ipv4-address-space, https://www.iana.org/assignments/ipv6-address-space and
  https://www.iana.org/assignments/multicast-addresses for multicast addresses
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class SpecialNetwork(NamedTuple):
    """An entry of a registry.

    Attributes:
        network: The network.
        name: Its name in the registry.
        source: The specification.
        reachable: It is globally reachable; "N/A" in the registry counts as no.
    """

    network: Network
    name: str
    source: str
    reachable: bool = False


def _entries(*rows: tuple[str, str, str] | tuple[str, str, str, bool]) -> tuple[SpecialNetwork, ...]:
    return tuple(SpecialNetwork(ip_network(network), *rest) for network, *rest in rows)


IANA = _entries(
    ("0.0.0.0/8", '"This network"', "RFC 791"),
    ("0.0.0.0/32", '"This host on this network"', "RFC 1122"),
    ("10.0.0.0/8", "Private-Use", "RFC 1918"),
    ("100.64.0.0/10", "Shared Address Space", "RFC 6598"),
    ("127.0.0.0/8", "Loopback", "RFC 1122"),
    ("169.254.0.0/16", "Link Local", "RFC 3927"),
    ("172.16.0.0/12", "Private-Use", "RFC 1918"),
    ("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890"),
    ("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335"),
    ("192.0.0.8/32", "IPv4 dummy address", "RFC 7600"),
    ("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", True),
    ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", True),
    ("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 8880"),
    ("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880"),
    ("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737"),
    ("192.31.196.0/24", "AS112-v4", "RFC 7535", True),
    ("192.52.193.0/24", "AMT", "RFC 7450", True),
    ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526"),
    ("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751"),
    ("192.168.0.0/16", "Private-Use", "RFC 1918"),
    ("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", True),
    ("198.18.0.0/15", "Benchmarking", "RFC 2544"),
    ("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737"),
    ("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737"),
    ("224.0.0.0/4", "Multicast", "RFC 5771"),
    ("240.0.0.0/4", "Reserved", "RFC 1112"),
    ("255.255.255.255/32", "Limited Broadcast", "RFC 8190"),
    # Of IPv6 only 2000::/3 is global unicast. The rest is listed, because a larger part may be assigned later.
    ("::/3", "Reserved by IETF, with the entries below", "RFC 4291"),
    ("::1/128", "Loopback Address", "RFC 4291"),
    ("::/128", "Unspecified Address", "RFC 4291"),
    ("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291"),
    ("64:ff9b::/96", "IPv4-IPv6 Translation", "RFC 6052", True),
    ("64:ff9b:1::/48", "IPv4-IPv6 Translation", "RFC 8215"),
    ("100::/64", "Discard-Only Address Block", "RFC 6666"),
    ("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780"),
    ("2001::/23", "IETF Protocol Assignments", "RFC 2928"),
    ("2001::/32", "TEREDO", "RFC 4380"),
    ("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", True),
    ("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", True),
    ("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", True),
    ("2001:2::/48", "Benchmarking", "RFC 5180"),
    ("2001:3::/32", "AMT", "RFC 7450", True),
    ("2001:4:112::/48", "AS112-v6", "RFC 7535", True),
    ("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843"),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343", True),
    ("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374", True),
    ("2001:db8::/32", "Documentation", "RFC 3849"),
    ("2002::/16", "6to4", "RFC 3056"),
    ("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", True),
    ("3fff::/20", "Documentation", "RFC 9637"),
    ("4000::/2", "Reserved by IETF, with the entries below", "RFC 4291"),
    ("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602"),
    ("8000::/1", "Reserved by IETF, with the entries below", "RFC 4291"),
    ("fc00::/7", "Unique-Local", "RFC 4193"),
    ("fe80::/10", "Link-Local Unicast", "RFC 4291"),
    ("fec0::/10", "Deprecated (site-local)", "RFC 3879"),
    ("ff00::/8", "Multicast", "RFC 4291"),
)
"""IANA's registries. Of several entries with an address, the one with the longest prefix counts."""

NEAREST = _entries(
    ("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723"),
    ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155"),
    ("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723"),
    ("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155"),
    ("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665"),
)
"""Globally reachable by the registry, and yet answered by the nearest server: mostly one of this very network."""

CLOUD = _entries(
    (
        "168.63.129.16/32",
        "Azure: the host's services",
        "learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16",
    ),
    (
        "169.254.169.254/32",
        "AWS, Azure, Google Cloud and others: instance metadata",
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    (
        "169.254.169.253/32",
        "AWS: name server",
        "docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html",
    ),
    (
        "169.254.170.2/32",
        "AWS: credentials of tasks",
        "docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    ),
    (
        "169.254.170.23/32",
        "AWS: credentials of pods",
        "docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html",
    ),
    (
        "fd00:ec2::254/128",
        "AWS: instance metadata",
        "docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html",
    ),
    (
        "fd00:ec2::253/128",
        "AWS: name server",
        "docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html",
    ),
    (
        "fd00:ec2::23/128",
        "AWS: credentials of pods",
        "docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html",
    ),
    (
        "fd20:ce::254/128",
        "Google Cloud: instance metadata",
        "cloud.google.com/compute/docs/metadata/querying-metadata",
    ),
    (
        "199.36.153.4/30",
        "Google Cloud: APIs from inside (restricted)",
        "cloud.google.com/vpc/docs/configure-private-google-access",
    ),
    (
        "199.36.153.8/30",
        "Google Cloud: APIs from inside (private)",
        "cloud.google.com/vpc/docs/configure-private-google-access",
    ),
    (
        "2600:2d00:2:1000::/56",
        "Google Cloud: APIs from inside (restricted)",
        "cloud.google.com/vpc/docs/configure-private-google-access",
    ),
    (
        "2600:2d00:2:2000::/56",
        "Google Cloud: APIs from inside (private)",
        "cloud.google.com/vpc/docs/configure-private-google-access",
    ),
    (
        "100.100.100.200/32",
        "Alibaba Cloud: instance metadata",
        "alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata",
    ),
    (
        "100.100.2.136/31",
        "Alibaba Cloud: name servers",
        "alibabacloud.com/help/en/dns/pvtz-product-introduction",
    ),
    (
        "192.0.0.192/32",
        "Oracle Cloud Classic: instance metadata",
        "docs.oracle.com/en/cloud/iaas/compute-iaas-cloud/stcsg/retrieving-instance-metadata.html",
    ),
    (
        "fd00:c1::a9fe:a9fe/128",
        "Oracle Cloud: instance metadata",
        "docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm",
    ),
    ("169.254.42.42/32", "Scaleway: instance metadata", "scaleway.com/en/docs/instances"),
    ("fd00:42::42/128", "Scaleway: instance metadata", "scaleway.com/en/docs/instances"),
    ("169.254.0.23/32", "Tencent Cloud: instance metadata", "tencentcloud.com/document/product/213/4934"),
    (
        "161.26.0.0/16",
        "IBM Cloud: services from inside",
        "cloud.ibm.com/docs/vpc?topic=vpc-service-endpoints-for-vpc",
    ),
    (
        "166.8.0.0/14",
        "IBM Cloud: services from inside",
        "cloud.ibm.com/docs/vpc?topic=vpc-service-endpoints-for-vpc",
    ),
)
"""Addresses of cloud services for their own machines, some of which return credentials.

A few are nominally public. They stay closed within a larger allowed network, such as fd00::/8.
"""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet by IANA's registries, and no service of the nearest network."""
    if any(address in entry.network for entry in NEAREST):
        return False
    holding = [entry for entry in IANA if address in entry.network]
    return not holding or max(holding, key=lambda entry: entry.network.prefixlen).reachable


def cloud_service(address: Address) -> Network | None:
    """Return the entry's network if an address is that of a cloud's own service."""
    return next((entry.network for entry in CLOUD if address in entry.network), None)
