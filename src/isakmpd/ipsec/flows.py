"""Lead packets to outbound SAs: the part of the SPD that protects (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from dataclasses import replace

from isakmpd.esp.inner import PROTOCOLS_WITH_PORTS, Endpoints, endpoints
from isakmpd.esp.selectors import TrafficSelector
from isakmpd.ike.ipsec import Flow
from isakmpd.ipsec.client_ports import ClientPorts
from isakmpd.ipsec.narrowest import NarrowestFirst, compiled
from isakmpd.ipsec.sad import Outbound


class RoutedFlow:
    """One flow and the outbound SA its packets go through, None once that is gone."""

    __slots__ = ("compiled", "flow", "outbound")

    def __init__(self, flow: Flow, outbound: Outbound) -> None:
        self.flow = flow
        self.compiled: TrafficSelector = compiled(flow.selector)
        self.outbound: Outbound | None = outbound


class Flows:
    """Hold the flows; ``remembered`` maps flow keys that were looked up to what was found.

    The narrowest selector wins, of equal ones the latest; but what answers a client's translated
    port goes to that client, whatever the order.
    """

    def __init__(self, clients: ClientPorts) -> None:
        self._clients = clients
        self._flows: dict[Flow, RoutedFlow] = {}
        self._narrowest: NarrowestFirst[RoutedFlow] = NarrowestFirst()
        self.remembered = self._narrowest.remembered

    def put(self, flow: Flow, outbound: Outbound) -> None:
        """Lead a flow to an SA; raises ValueError for a selector of mixed families."""
        held = self._flows.get(flow)
        if held is None:
            held = self._flows[flow] = RoutedFlow(flow, outbound)
        held.outbound = outbound
        self.reconsider()

    def remove(self, flow: Flow) -> None:
        """Forget a flow; removing what is not there is no error."""
        if self._flows.pop(flow, None) is not None:
            self.reconsider()

    def clear(self) -> None:
        """Forget every flow."""
        self._flows.clear()
        self.reconsider()

    def lose(self, outbound: Outbound) -> None:
        """Let no flow use an SA any more."""
        for routed in self._flows.values():
            if routed.outbound is outbound:
                routed.outbound = None

    def reconsider(self) -> None:
        """Find anew for every packet: flows or clients have changed."""
        self._narrowest.hold(self._flows.values())

    def through(self, outbound: Outbound) -> list[Flow]:
        """List the flows that use an SA."""
        return [flow for flow, routed in self._flows.items() if routed.outbound is outbound]

    def others(self, flow: Flow) -> list[Flow]:
        """List other peers' flows of the same selector."""
        return [one for one in self._flows if one != flow and one.selector == flow.selector]

    def largest_inner(self) -> int | None:
        """Tell the longest packet any flow can carry whole, None without flows."""
        used = (routed.outbound for routed in self._flows.values())
        return max((sa.largest_inner for sa in used if sa is not None), default=None)

    def find(self, key: bytes) -> RoutedFlow | None:
        """Find the flow of the packets with this flow key."""
        packet = endpoints(key)
        found = None
        if self._clients:
            found = self._of_client(packet) or self._of_fragment(packet)
        return self._narrowest.remember(key, found or self._narrowest.first(packet))

    def _of_client(self, packet: Endpoints) -> RoutedFlow | None:
        """Find the flow to the client whose port a packet answers."""
        if packet.destination_port is None:
            return None
        owner = self._clients.owner(packet.destination, packet.protocol, packet.destination_port)
        if owner is None:
            return None
        client, port = owner
        as_the_client = packet._replace(destination_port=port)
        for routed in self._narrowest:
            ends = routed.outbound.transport if routed.outbound is not None else None
            if ends is not None and ends.client is client and routed.compiled.sends(as_the_client):
                return routed
        return None

    def _of_fragment(self, packet: Endpoints) -> RoutedFlow | None:
        """Find a transport mode flow for a later fragment, whose ports nobody sees yet."""
        if packet.destination_port is not None or packet.protocol not in PROTOCOLS_WITH_PORTS:
            return None
        for routed in self._narrowest:
            portless = replace(routed.compiled, local_port=0, remote_port=0)
            if (
                routed.outbound is not None
                and routed.outbound.transport is not None
                and portless.sends(packet)
            ):
                return routed
        return None
