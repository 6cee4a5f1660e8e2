"""Retries of outgoing webhooks, and the addresses that they may go to."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate.domain.special_networks import IANA, NEAREST, SpecialNetwork
from ordergate.domain.webhooks import (
    may_be_reached,
    next_try_in,
    seconds_until,
    url_errors,
)
from ordergate.gateway.accounts.configuration import Webhooks

PLAN = Webhooks().retries
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_ten_retries_in_about_three_days() -> None:
    """The plan has ten retries, the last two to three and a half days after the first try, however chance falls."""
    for chance in (0.0, 0.5, 1.0):
        pauses = [next_try_in(tries, PLAN, chance, None) for tries in range(1, 11)]
        total = timedelta(seconds=sum(pause for pause in pauses if pause is not None))
        assert timedelta(days=2.2) < total < timedelta(days=3.4)
    assert next_try_in(11, PLAN, 0.5, None) is None


@given(st.integers(1, 12), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_a_receiver_is_not_tried_before_it_asks_to_be(tries: int, chance: float, asked: float | None) -> None:
    """Retry-After is obeyed up to a day, and never shortens what is planned by more than chance does."""
    pause = next_try_in(tries, PLAN, chance, asked)

    if pause is None:
        assert tries > len(PLAN)
    else:
        assert pause >= min(asked or 0, 86_400)
        assert pause >= PLAN[tries - 1] * 0.8


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 40, 999999999.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or a date; what nobody can read asks for nothing."""
    assert seconds_until(header, NOW) == seconds


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fe80::1%eth0",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    """Private, loopback, link-local, multicast, reserved, and whatever leads to one of those."""
    assert not may_be_reached(ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        # Registered for special purposes, whatever the interpreter thinks of them.
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.170",
        "192.0.0.255",
        "192.88.99.1",
        "192.88.99.2",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "64:ff9b:1::1.1.1.1",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:1::1",
        "2001:1::2",
        "2001:1::3",
        "2001:2::1",
        "2001:10::1",
        "2001:1ff:ffff::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "fec0::1",
        # Not assigned to anybody.
        "::1.1.1.1",
        "::ffff:0:1.1.1.1",
        "1fff::1",
        "4000::1",
        "c000::1",
        "febf::1",
        # What leads on: to something inside, or over a tunnel, whose end is no public address itself.
        "::ffff:192.0.0.1",
        "::ffff:168.63.129.16",
        "64:ff9b::192.88.99.1",
        "64:ff9b::168.63.129.16",
        "2002:101:101::1",
        "2001:0:101:101:0:0:fefe:fefe",
        # Clouds' own services.
        "168.63.129.16",
        "100.100.100.200",
        "169.254.169.254",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "199.36.153.5",
        "199.36.153.11",
        "2600:2d00:2:2000::1",
        "161.26.0.10",
        "166.11.255.255",
    ],
)
def test_addresses_that_are_no_public_ones(address: str) -> None:
    """By IANA's registries and the clouds' documents."""
    assert not may_be_reached(ip_address(address), ())


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "172.32.0.1",
        "191.255.255.255",
        "192.0.1.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.98.255",
        "192.88.100.0",
        "192.175.48.1",
        "198.17.255.255",
        "198.20.0.0",
        "199.36.153.3",
        "199.36.153.12",
        "223.255.255.255",
        "2000::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:20::1",
        "2001:30::1",
        "2001:200::1",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700::1111",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff:1000::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ],
)
def test_addresses_that_may_be_reached(address: str) -> None:
    """Public ones, up to the edges of what is not; special ones that the registries call globally reachable."""
    assert may_be_reached(ip_address(address), ())


@pytest.mark.parametrize("entry", IANA, ids=lambda entry: str(entry.network))
def test_what_a_registry_calls_not_reachable_is_refused(entry: SpecialNetwork) -> None:
    """The first and the last address of every entry, unless a smaller entry says otherwise."""
    for address in (entry.network[0], entry.network[-1]):
        inner = max(
            (each for each in IANA if address in each.network), key=lambda each: each.network.prefixlen
        )
        nearest = any(address in each.network for each in NEAREST)
        if not inner.reachable or nearest:
            assert not may_be_reached(address, ())
        elif entry.network != ip_network("64:ff9b::/96"):  # is judged by the address in it
            assert may_be_reached(address, ())


def test_networks_that_are_allowed() -> None:
    """Only the named network, by either notation of its addresses."""
    allowed = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]

    assert may_be_reached(ip_address("10.1.2.3"), allowed)
    assert may_be_reached(ip_address("::ffff:10.1.2.3"), allowed)
    assert may_be_reached(ip_address("64:ff9b::10.1.2.3"), allowed)
    assert may_be_reached(ip_address("fd00::1"), allowed)
    assert not may_be_reached(ip_address("127.0.0.1"), allowed)
    assert not may_be_reached(ip_address("::1"), allowed)
    assert not may_be_reached(ip_address("2002:a01:203::1"), allowed)


@pytest.mark.parametrize(
    ("wide", "service"),
    [
        ("fd00::/8", "fd00:ec2::254"),
        ("fc00::/7", "fd20:ce::254"),
        ("100.64.0.0/10", "100.100.100.200"),
        ("169.254.0.0/16", "169.254.169.254"),
        ("192.0.0.0/24", "192.0.0.192"),
        ("168.63.0.0/16", "168.63.129.16"),
        ("0.0.0.0/0", "169.254.170.2"),
    ],
)
def test_a_clouds_own_service_is_allowed_by_itself_alone(wide: str, service: str) -> None:
    """Who opens a network for receivers does not mean the credentials that a machine of it can ask for."""
    address = ip_address(service)

    assert not may_be_reached(address, [ip_network(wide)])
    assert may_be_reached(address + 1, [ip_network(wide)])
    assert may_be_reached(address, [ip_network(wide), ip_network(service)])


def test_a_tunnel_is_judged_by_its_end_and_by_what_it_leads_to() -> None:
    """Where tunnels are allowed, they still lead to no address that is not."""
    tunnels = [ip_network("2002::/16"), ip_network("2001::/32")]

    assert may_be_reached(ip_address("2002:101:101::1"), tunnels)
    assert not may_be_reached(ip_address("2002:a00:1::1"), tunnels)
    assert may_be_reached(ip_address("2001:0:101:101:0:0:fefe:fefe"), tunnels)
    assert not may_be_reached(ip_address("2001:0:101:101:0:0:f5ff:fffe"), tunnels)  # 10.0.0.1 behind 1.1.1.1
    assert not may_be_reached(ip_address("2001:0:a00:1:0:0:fefe:fefe"), tunnels)


def test_a_url_says_what_is_wrong_with_it() -> None:
    """One error, at the URL, with the cure."""
    (error,) = url_errors("http://example.com", live=True, allowed=())

    assert (error.pointer, error.code) == ("/url", "invalid_value")
    assert "https://" in error.detail
    assert url_errors("http://example.com", live=False, allowed=()) == []
    assert url_errors("https://example.com:8443/x?y=z", live=True, allowed=()) == []
    assert url_errors("http://127.0.0.1/", live=False, allowed=[ip_network("127.0.0.0/8")]) == []
