"""Which addresses are of the public internet, in every form that a resolver reads."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.fetching.address_guard import AllowedHosts, is_public, read_literal

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "192.168.1.1",
    "192.0.2.7", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::1",
    "2002:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2606:2800::5efe:10.0.0.1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_no_public_one(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_as_private_as_the_address_itself(inner: IPv4Address) -> None:
    for outer in (IPv6Address(f"::ffff:{inner}"), IPv6Address(f"64:ff9b::{inner}")):
        assert is_public(outer) == is_public(inner)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "[::1]", "::ffff:127.0.0.1"]
)
def test_loopback_is_known_in_every_spelling(host: str) -> None:
    address = read_literal(host)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize("host", ["example.org", "a.b", "127.0.0.1.example.org", "0xzz", "", "１２７.1"])
def test_a_name_is_no_address(host: str) -> None:
    assert read_literal(host) is None


@given(st.text(max_size=30))
def test_any_host_is_read_or_is_a_name(host: str) -> None:
    assert read_literal(host) is None or isinstance(read_literal(host), IPv4Address | IPv6Address)


def test_hosts_are_allowed_by_name_address_and_network() -> None:
    allowed = AllowedHosts.parse(["Intranet.example.org", "127.0.0.1", "10.0.0.0/8", "[::1]"])
    assert allowed.allow_name("intranet.example.org.")
    assert not allowed.allow_name("other.example.org")
    assert [*map(allowed.allow_address, map(ip_address, ["127.0.0.1", "10.200.0.1", "::1", "8.8.8.8"]))] == [True] * 4
    assert not allowed.allow_address(ip_address("127.0.0.2"))


@pytest.mark.parametrize("entry", ["", "10.0.0.0/99", "a/b", "https://example.org", "a b", "example.org:80"])
def test_what_names_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="names neither"):
        AllowedHosts.parse([entry])
