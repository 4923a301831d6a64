"""Find the ways to peers: from which of our addresses, to which of theirs phase 1 is to begin.

This host's addresses change too: what had no way to its peer is tried as soon as it may have one,
and SAs at an address that is gone are made anew from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from isakmpd.config.model import Peer
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

LocalAddress = Callable[[Address], Address | None]
ListensOn = Callable[[Address], bool]


class Ways:
    """Know which of this host's addresses leads to a peer, and which peers none leads to."""

    def __init__(
        self,
        negotiation: Negotiation,
        local_address: LocalAddress,
        listens_on: ListensOn,
        ike_port: int,
    ) -> None:
        self._negotiation = negotiation
        self._local_address = local_address
        self._listens_on = listens_on
        self._ike_port = ike_port
        self._without: set[str] = set()  # peers that phase 1 could not begin with

    def to(self, section: str, toward: IsakmpSa | None = None) -> Transport | str:
        """Find the ends of a phase 1 to begin, or say in a sentence why there is no way.

        A section without Address leads to whoever holds ``toward``, where it was last heard.
        """
        peer = self._negotiation.context.configuration.peers.get(section)
        found = self._find(peer, toward)
        if isinstance(found, str):
            self._without.add(section)
        else:
            self._without.discard(section)
        return found

    def _find(self, peer: Peer | None, toward: IsakmpSa | None) -> Transport | str:
        if peer is None:
            return "the peer is not configured any more"
        if toward is not None and (peer.address is None or toward.nat.peer_is_behind):
            return toward.transport  # a NAT has no other way to it open
        if peer.address is None:
            return f"the peer's section has no address ([{peer.section}]:Address decides)"
        local = peer.local_address or self._local_address(peer.address)
        if local is None:
            return (
                f"no local address leads to {peer.address} ([{peer.section}]:Address and the "
                "routing table decide)"
            )
        if not self._listens_on(local):
            return (
                f"it would begin at {local}, where isakmpd does not listen: the host has no such "
                f"address ([{peer.section}]:Local-address decides), or [General]:Listen-on leaves "
                "it out"
            )
        return Transport(local, self._ike_port, peer.address, peer.port)

    def look_again(self) -> None:
        """Follow the addresses and routes of this host, which have changed."""
        sas = list(self._negotiation.isakmp_sas)
        # Asking takes a system call, and a thousand SAs share an address.
        gone = {one for one in {sa.transport.local for sa in sas} if not self._listens_on(one)}
        for sa in sas:
            if sa.transport.local in gone:
                self._leave(sa)
        without, self._without = self._without, set()
        if without:
            for name, connection in self._negotiation.context.configuration.connections.items():
                if connection.peer in without:
                    self._negotiation.connections.try_soon(name)

    def _leave(self, sa: IsakmpSa) -> None:
        """Begin anew with a peer that another address of ours reaches, since this one is gone.

        As long as there is no other, the address may come back and its SAs serve on. Whose peer
        calls leaves it to the peer, which alone knows where.
        """
        pairs = self._negotiation.ipsec_sas.of_peer(sa)
        connections = self._negotiation.connections
        if not self._negotiation.context.active:
            return
        if not any(connections.cares_for(pair.name) for pair in pairs):
            return
        if sa.peer.address is None or isinstance(self._find(sa.peer, None), str):
            return
        self._negotiation.context.log(
            f"{sa.name}: this host no longer has {sa.transport.local}: the SAs with {sa.remote_id}"
            " are made anew from another address"
        )
        self.give_up_unusable([sa])
        for pair in pairs:
            if pair.isakmp.transport.local == sa.transport.local:
                self._negotiation.ipsec_sas.remove(pair, tell_peer=True)
                connections.try_soon(pair.name)

    def give_up_unusable(self, sas: Iterable[IsakmpSa]) -> None:
        """Remove ISAKMP SAs at addresses this host has no more.

        What the peer is to be told of their IPsec SAs waits for the next.
        """
        for sa in sas:
            if not self._listens_on(sa.transport.local):
                self._negotiation.isakmp_sas.remove(sa, tell_peer=False)
