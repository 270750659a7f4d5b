"""Which addresses may a webhook be sent to?"""

import pytest

from service.domain.addresses import is_reachable, read_networks

PUBLIC = ("93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1")
NOT_PUBLIC = (
    "0.0.0.0",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.251",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:1.1.1.1",
    "::1.1.1.1",
    "64:ff9b::a00:1",
    "64:ff9b::101:101",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::",
    "2002:101:101::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reachable(address: str) -> None:
    assert is_reachable(address, ())


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_all_others_are_not(address: str) -> None:
    assert not is_reachable(address, ())


@pytest.mark.parametrize(
    ("address", "networks", "verdict"),
    [
        ("10.1.2.3", ["10.1.0.0/16"], True),
        ("10.2.2.3", ["10.1.0.0/16"], False),
        ("127.0.0.1", ["127.0.0.1"], True),
        ("::1", ["::1/128"], True),
        ("fd00::7", ["10.0.0.0/8", "fd00::/8"], True),
        # An IPv4 address in disguise needs both: the disguise allowed, and what is under it.
        ("::ffff:10.1.2.3", ["10.1.0.0/16"], False),
        ("::ffff:10.1.2.3", ["::ffff:0:0/96"], False),
        ("::ffff:10.1.2.3", ["10.1.0.0/16", "::ffff:0:0/96"], True),
        # Where a network has no IPv4, public addresses come through NAT64.
        ("64:ff9b::101:101", ["64:ff9b::/96"], True),
        ("64:ff9b::7f00:1", ["64:ff9b::/96"], False),
        ("2002:a00:1::", ["2002::/16"], False),
    ],
)
def test_the_operator_may_open_networks(address: str, networks: list[str], verdict: bool) -> None:
    assert is_reachable(address, read_networks(networks)) is verdict


@pytest.mark.parametrize("text", ["10.0.0.1/8", "ten", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("/")[0] or "''"):
        read_networks([text])
