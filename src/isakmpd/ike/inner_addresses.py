"""Keep the addresses of road warriors inside their tunnels apart: each is one living peer's.

Where many peers share a section without Address, one of them can propose what another has, and a
later flow would take its packets. So who has an address keeps it for as long as he lives, and is
asked for a sign of life (RFC 3706) when another wants it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from isakmpd.ike.grouped import Grouped
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.wire.addresses import Network
from isakmpd.wire.numbers import EncapsulationMode, NotifyType

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

ESP_VOUCHES = 60.0  # seconds for which ESP or a new SA shows life where R-U-THERE is not spoken

_Order = tuple[int, int, int]  # IP version, first address, prefix length


class InnerNetworks:
    """Find tunnels of road warriors by the network at their end, without looking at all."""

    def __init__(self) -> None:
        self._network_of: dict[IpsecSa, Network] = {}
        self._pairs: Grouped[_Order, IpsecSa] = Grouped()
        self._ordered: list[_Order] = []
        self._prefix_lengths: Counter[int] = Counter()  # of the networks in order

    def add(self, pair: IpsecSa) -> None:
        """Take a pair, if it is a tunnel of one of many who share a section."""
        if pair.isakmp.peer.address is not None or pair.choice.mode == EncapsulationMode.TRANSPORT:
            return
        network = self._network_of[pair] = pair.selector.remote
        order = _order(network)
        if not self._pairs.of(order):
            insort(self._ordered, order)
            self._prefix_lengths[network.prefixlen] += 1
        self._pairs.add(order, pair)

    def remove(self, pair: IpsecSa) -> None:
        """Let a pair go, if it was taken."""
        network = self._network_of.pop(pair, None)
        if network is None:
            return
        order = _order(network)
        self._pairs.remove(order, pair)
        if not self._pairs.of(order):
            del self._ordered[bisect_left(self._ordered, order)]
            self._prefix_lengths -= Counter((network.prefixlen,))

    def overlapping(self, network: Network) -> Iterator[IpsecSa]:
        """List the pairs whose network has an address in common with ``network``."""
        for length in sorted(self._prefix_lengths):
            if length < network.prefixlen:
                yield from self._pairs.of(_order(network.supernet(new_prefix=length)))
        at = bisect_left(self._ordered, _order(network))
        last = int(network.broadcast_address)
        within = []
        while at < len(self._ordered) and self._ordered[at][:2] <= (network.version, last):
            within.append(self._ordered[at])
            at += 1
        for order in within:
            yield from self._pairs.of(order)


def _order(network: Network) -> _Order:
    return network.version, int(network.network_address), network.prefixlen


class InnerAddresses:
    """Judge who has an address inside his tunnel."""

    def __init__(self, negotiation: Negotiation) -> None:
        self._context = negotiation.context
        self._negotiation = negotiation

    def check(self, sa: IsakmpSa, network: Network) -> None:
        """Raise Refused while another living peer has what the peer of ``sa`` wants in a tunnel.

        Who has it is asked for a sign of life; who cannot be asked and has been silent loses it.
        """
        if sa.peer.address is not None:
            return
        others = [
            pair
            for pair in self._negotiation.ipsec_sas.overlapping(network)
            if not _is_same(pair.isakmp, sa)
        ]
        for pair in others:
            if self._lives(pair):
                holder = pair.isakmp
                raise Refused(
                    f"peer {sa.remote_id} proposed {_shown(network)} inside the tunnel, where "
                    f"{holder.remote_id} at {holder.transport.peer} has "
                    f"{_shown(pair.selector.remote)} (connection [{pair.name}]): give each "
                    "client an address of its own, by mode config or as its Local-ID",
                    NotifyType.INVALID_ID_INFORMATION,
                )
        for pair in others:
            self._context.log(
                f"{pair.name}: {pair.isakmp.remote_id} has been silent for {ESP_VOUCHES:g} s and "
                f"{sa.remote_id} wants {_shown(network)}: the SA goes"
            )
            self._negotiation.ipsec_sas.remove(pair, tell_peer=True)

    def _lives(self, pair: IpsecSa) -> bool:
        """Tell whether the peer of a pair is not known to be gone, and have that found out."""
        channel = self._negotiation.isakmp_sas.channel(pair.isakmp)
        if channel is not None and channel.liveness is not None and channel.liveness.watching:
            channel.liveness.probe()
            return True
        heard = self._negotiation.correspondence.last_inbound(pair.isakmp) or 0.0
        return self._context.now < max(heard, pair.established) + ESP_VOUCHES


def _is_same(holder: IsakmpSa, sa: IsakmpSa) -> bool:
    """Tell whether two SAs lead to one peer, which moves can have given two names."""
    alike = holder.name == sa.name and holder.remote_id.same_subject(sa.remote_id)
    there = holder.transport.place == sa.transport.place
    return holder.same_peer(sa) or (alike and there and holder.key_section == sa.key_section)


def _shown(network: Network) -> str:
    return str(network.network_address if network.num_addresses == 1 else network)
