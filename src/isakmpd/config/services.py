"""Name the protocols and ports that selectors are commonly written with."""

from __future__ import annotations

PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "ipip": 4,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmp6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "etherip": 97,
    "pim": 103,
    "ipcomp": 108,
    "carp": 112,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
    "pfsync": 240,
}
# Whose ports a routing rule of Linux can name.
WITH_PORTS = frozenset({6, 17, 33, 132})

_PORTS = {
    "ftp-data": 20,
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "tftp": 69,
    "http": 80,
    "www": 80,
    "kerberos": 88,
    "pop3": 110,
    "sunrpc": 111,
    "ntp": 123,
    "imap": 143,
    "snmp": 161,
    "bgp": 179,
    "ldap": 389,
    "https": 443,
    "isakmp": 500,
    "syslog": 514,
    "ldaps": 636,
    "imaps": 993,
    "l2tp": 1701,
    "radius": 1812,
    "nfs": 2049,
    "ipsec-nat-t": 4500,
    "ipsec-msft": 4500,
    "vxlan": 4789,
}


def well_known_port(name: str) -> int | None:
    """Find a service's port by its name, None for one that is not in this small table."""
    return _PORTS.get(name.lower())
