"""Carry packets in transport mode: between a host's own sockets and a peer (RFC 4303 3.1.1)."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.esp.checksums import PROTOCOLS_TO_TRANSLATE, repaired, upper_layer_of
from isakmpd.esp.inner import flow_key
from isakmpd.esp.packet import Dropped
from isakmpd.esp.reassembly import Reassembler
from isakmpd.esp.transport_mode import addresses_of, is_fragment, packet_around, payload_of
from isakmpd.ipsec.client_ports import Client, ClientPorts, seen_port
from isakmpd.ipsec.sad import Inbound, TransportEnds


class TransportMode:
    """Hold what transport mode remembers between packets: fragments of the host, clients' ports.

    ``ports_changed`` hears that packets may belong to other flows than those found for them.
    """

    def __init__(self, clients: ClientPorts, ports_changed: Callable[[], object]) -> None:
        self._clients = clients
        self._ports_changed = ports_changed
        self._reassembler = Reassembler()

    def whole(self, packet: bytes, now: float) -> bytes | None:
        """Give a whole packet of the host, None until its last fragment is there."""
        return self._reassembler.add(packet, now) if is_fragment(packet) else packet

    def payload(self, packet: bytes, ends: TransportEnds) -> tuple[bytes, int]:
        """Give what of the host's packet is sent to the peer, and its next header; raises Dropped.

        A packet between other ends would arrive as if it were between these.
        """
        if addresses_of(packet) != ends.addresses:
            raise Dropped("not between the SA's ends")
        if ends.client.translated:
            packet = self._to_client(packet, ends.client)
        return payload_of(packet)

    def packet(self, inbound: Inbound, payload: bytes, next_header: int, outer_class: int) -> bytes:
        """Build the packet the host gets of what an ESP packet carried; raises Dropped."""
        ends = inbound.transport
        assert ends is not None  # noqa: S101 - the caller has looked
        packet = packet_around(payload, next_header, ends.addresses, outer_class)
        if not inbound.accepts(flow_key(packet)):
            raise Dropped("outside the selector")
        packet = repaired(packet, inbound.covered, ends.addresses)
        return self._from_client(packet, ends.client) if ends.client.translated else packet

    def _from_client(self, packet: bytes, client: Client) -> bytes:
        protocol, at = upper_layer_of(packet)
        if protocol not in PROTOCOLS_TO_TRANSLATE or not 0 < at <= len(packet) - 4:
            return packet
        port = int.from_bytes(packet[at : at + 2])
        known = (protocol, port) in client.ports
        try:
            seen = seen_port(client, protocol, port)
        except LookupError:
            raise Dropped("no port left for a client") from None
        if not known:
            self._ports_changed()
        return _with_port(packet, at, seen)

    def _to_client(self, packet: bytes, client: Client) -> bytes:
        protocol, at = upper_layer_of(packet)
        if protocol not in PROTOCOLS_TO_TRANSLATE or not 0 < at <= len(packet) - 4:
            return packet
        seen = int.from_bytes(packet[at + 2 : at + 4])
        owner = self._clients.owner(client.neighbours.address, protocol, seen)
        if owner is None or owner[0] is not client:
            return packet
        return _with_port(packet, at + 2, owner[1])


def _with_port(packet: bytes, at: int, port: int) -> bytes:
    old, new = packet[at : at + 2], port.to_bytes(2)
    if old == new:
        return packet
    packet = repaired(packet, old, new)
    return packet[:at] + new + packet[at + 2 :]
