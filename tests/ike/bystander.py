"""A peer with a tunnel of its own, who must notice nothing of what others do to the daemon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from isakmpd.config.model import ClientId, Configuration
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import DAEMON, Daemon
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import DAEMON_LAN, agreed

ADDRESS = IPv4Address("198.51.100.9")
LAN = IPv4Network("10.9.0.0/24")


def with_bystander(config: Configuration) -> Configuration:
    """The configuration, and a peer beside the one it has."""
    peer, lan = config.peers["peer"], config.connections["lan"]
    other = replace(
        peer,
        section="bystander",
        address=ADDRESS,
        mode_config=False,
        remote_id=None,
        exchange_type=ExchangeType.ID_PROT,
    )
    theirs = replace(
        lan,
        section="bystanders-lan",
        peer="bystander",
        local=ClientId("here", IPv4Network("10.1.0.0/24")),
        remote=ClientId("there too", LAN),
        always_up=False,
        listed=False,
        passive=True,
    )
    return replace(
        config,
        peers={**config.peers, "bystander": other},
        peer_by_address={**config.peer_by_address, ADDRESS: "bystander"},
        connections={**config.connections, "bystanders-lan": theirs},
    )


@dataclass
class Bystander:
    """The bystander, who has a tunnel with the daemon."""

    daemon: Daemon
    peer: Peer
    quick: QuickMode

    @classmethod
    def of(cls, daemon: Daemon) -> Bystander:
        """Have it make its tunnel."""
        peer = Peer(ADDRESS, DAEMON, cookie=b"bystande")
        mm2 = daemon.answers(peer.mm1(), source=ADDRESS)
        mm4 = daemon.answers(peer.mm3(mm2), source=ADDRESS)
        peer.finish(daemon.answers(peer.mm5(mm4), source=ADDRESS))
        bystander = cls(daemon, peer, cls._quick(peer, 1))
        bystander._make(bystander.quick)
        return bystander

    @staticmethod
    def _quick(peer: Peer, number: int) -> QuickMode:
        ids = Identity.of_network(LAN), DAEMON_LAN
        return QuickMode(peer, message_id=number, spi=(0xB000 + number).to_bytes(4), ids=ids)

    def _make(self, quick: QuickMode) -> None:
        self.daemon.now += 0.125  # nothing happens at the same moment as something before it
        qm3 = quick.qm3(self.daemon.answers(quick.qm1(), source=ADDRESS))
        assert self.daemon.hears(qm3, source=ADDRESS) == []

    def held(self) -> tuple[object, ...]:
        """What the daemon holds of it: SAs in engine and stack, flows."""
        seen = self.daemon.snapshot
        pairs = [pair for pair in seen.ipsec_sas if pair.outbound.key.destination == ADDRESS]
        keys = {key for pair in pairs for key in (pair.inbound.key, pair.outbound.key)}
        return (
            [sa.responder_cookie for sa in seen.isakmp_sas if sa.transport.remote == ADDRESS],
            {key: self.daemon.stack.sas.get(key) for key in keys},
            [flow for flow in self.daemon.stack.flows.values() if keys.intersection(flow)],
        )

    def unharmed(self) -> bool:
        """Tell whether its tunnel stands as it stood, and it can make another."""
        if not agreed(self.daemon, self.quick):
            return False
        again = self._quick(self.peer, self.quick.message_id + 1)
        self._make(again)
        self.quick = again
        return agreed(self.daemon, again)
