"""Carry DSCP and congestion marks across the tunnel (RFC 4301 section 5.1.2, RFC 6040)."""

from __future__ import annotations

NOT_ECT, ECT_1, ECT_0, CE = range(4)


def traffic_class(packet: bytes) -> int:
    """Give the octet of DSCP and ECN, which the outer header repeats (RFC 6040 section 4.1)."""
    if packet[0] >> 4 == 4:
        return packet[1]
    return (packet[0] & 15) << 4 | packet[1] >> 4


def with_congestion(packet: bytes, outer: int) -> bytes | None:
    """Repeat an outer congestion mark in the inner packet; None when it must be dropped instead.

    The outer DSCP is never copied inward: it belongs to the network between (RFC 4301 5.1.2.1).
    """
    if outer & 3 != CE:
        return packet
    ecn = traffic_class(packet) & 3
    if ecn == CE:
        return packet
    if ecn == NOT_ECT:
        return None  # RFC 6040 section 4.2: the sender would never learn of the congestion
    if packet[0] >> 4 == 6:
        return packet[:1] + bytes((packet[1] | CE << 4,)) + packet[2:]
    marked = bytearray(packet)
    marked[1] |= CE
    # RFC 1624: only the first 16 bit word changed, the checksum follows from the difference.
    before, after = packet[1], marked[1]
    total = (~int.from_bytes(packet[10:12]) & 0xFFFF) + (~before & 0xFFFF) + after
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    marked[10:12] = (~total & 0xFFFF).to_bytes(2)
    return bytes(marked)
