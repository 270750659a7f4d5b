"""May a webhook be sent to an IP address? Only to a public one, or where the operator says so.

The tables follow the IANA registries of special-purpose addresses (RFC 6890).
"""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC_V4: tuple[IPv4Network, ...] = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by providers (CGNAT)
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, where clouds serve their metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
# Of IPv6 only global unicast is public, without what lies in it and is not.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: tuple[IPv6Network, ...] = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo tunnels among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address in disguise
            "3fff::/20",  # documentation
        ),
    )
)
# Forms that carry an IPv4 address in their last 32 bits, which decides where they lead.
_CARRY_V4: tuple[IPv6Network, ...] = tuple(
    map(IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96"))
)
_SIX_TO_FOUR = IPv6Network("2002::/16")


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks like `10.1.0.0/16`; raises ValueError that names the one that is none."""
    return tuple(ip_network(text) for text in texts)


def is_reachable(address: str, allowed: Sequence[Network]) -> bool:
    """Whether a webhook may be sent to the address: it is public, or in an allowed network.

    An IPv6 address that stands for an IPv4 one is never public, and one in an allowed network
    also needs its IPv4 address to be public or allowed.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return _is_public_v4(parsed) or _is_in(parsed, allowed)
    if parsed.scope_id is not None:
        # It means something on this machine's own networks only.
        return False
    inner = _carried(parsed)
    if inner is not None and not (_is_public_v4(inner) or _is_in(inner, allowed)):
        return False
    return _is_public_v6(parsed) or _is_in(parsed, allowed)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_PUBLIC_V6)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _carried(address: IPv6Address) -> IPv4Address | None:
    number = int(address)
    if address in _SIX_TO_FOUR:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    # ::1 is loopback, no carrier of 0.0.0.1.
    if not address.is_loopback and any(address in network for network in _CARRY_V4):
        return IPv4Address(number & 0xFFFFFFFF)
    return None
