"""DSCP and ECN across the tunnel (RFC 4301 section 5.1.2, RFC 6040 figure 4)."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP

from isakmpd.esp.congestion import CE, ECT_0, ECT_1, NOT_ECT, traffic_class, with_congestion
from tests.esp import packets

DSCP_EF = 46 << 2


def in_ipv4(octet: int) -> bytes:
    return packets.udp4(tos=octet)


def in_ipv6(octet: int) -> bytes:
    return packets.udp6(tc=octet)


@pytest.mark.parametrize("value", [0, 1, 2, 3, DSCP_EF, 0xFF])
def test_the_outer_header_repeats_the_inner_octet(value: int) -> None:
    assert traffic_class(packets.udp4(tos=value)) == value
    assert traffic_class(packets.udp6(tc=value)) == value


@pytest.mark.parametrize(
    ("inner", "outer", "result"),
    [
        (inner, outer, inner)
        for inner in (NOT_ECT, ECT_0, ECT_1, CE)
        for outer in (NOT_ECT, ECT_0, ECT_1)
    ]
    + [(ECT_0, CE, CE), (ECT_1, CE, CE), (CE, CE, CE), (NOT_ECT, CE, None)],
)
def test_decapsulation(inner: int, outer: int, result: int | None) -> None:
    for make in (in_ipv4, in_ipv6):
        packet = make(DSCP_EF | inner)
        marked = with_congestion(packet, outer)
        assert marked == (None if result is None else make(DSCP_EF | result))


def test_the_header_checksum_follows() -> None:
    for identification in range(0, 0x10000, 257):
        packet = packets.udp4(tos=ECT_0, id=identification)
        marked = with_congestion(packet, CE)
        assert marked is not None
        again = IP(marked)
        del again.chksum
        assert bytes(again)[:20] == marked[:20]


def test_the_outer_dscp_stays_outside() -> None:
    assert with_congestion(packets.udp4(tos=ECT_0), DSCP_EF | ECT_0) == packets.udp4(tos=ECT_0)
