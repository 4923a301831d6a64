"""Scenes tests begin from: a daemon and a peer that have come some way together."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from isakmpd.config.model import Configuration
from isakmpd.ike.ipsec import Direction
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Notification, SecurityAssociation
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1, Phase2
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode

DAEMON_LAN = Identity.of_network(IPv4Network("10.1.0.0/24"))
PEER_LAN = Identity.of_network(IPv4Network("10.2.0.0/24"))


def a_peer(offer: Phase1 | None = None, **tags: object) -> Peer:
    """A peer of the daemon's."""
    return Peer(PEER, DAEMON, offer=offer or Phase1(), **tags)  # type: ignore[arg-type]


def proposal(peer: Peer, offer: Phase2 | None = None, **tags: object) -> QuickMode:
    """A quick mode the peer begins for the two LANs."""
    return QuickMode(peer, offer or Phase2(), ids=(PEER_LAN, DAEMON_LAN), **tags)  # type: ignore[arg-type]


def answer_main_mode(daemon: Daemon, peer: Peer) -> None:
    """The peer begins main mode and the daemon answers it to the end."""
    peer.finish(daemon.answers(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))))


def begin_main_mode(daemon: Daemon, peer: Peer) -> bytes:
    """The daemon begins main mode and the peer answers it; gives the quick mode that follows."""
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    return daemon.answers(peer.mm6(mm5))


def answer_aggressive_mode(daemon: Daemon, peer: Peer, *, encrypted: bool = True) -> list[bytes]:
    """The peer begins aggressive mode and the daemon answers it; gives what it says after."""
    return daemon.hears(peer.am3(daemon.answers(peer.am1()), encrypted=encrypted))


def begin_aggressive_mode(daemon: Daemon, peer: Peer) -> list[bytes]:
    """The daemon begins aggressive mode; gives what follows its third message, quick mode last."""
    am3, *more = daemon.hears(peer.am2(daemon.begins()))
    peer.finish_aggressive(am3)
    return sorted(more, key=lambda octets: decode_header(octets)[0].exchange_type)


def answer_quick_mode(daemon: Daemon, quick: QuickMode, *, port: int = 500) -> None:
    """The peer begins quick mode and the daemon answers it to the end."""
    daemon.now += 0.125  # nothing happens at the same moment as something before it
    qm3 = quick.qm3(daemon.answers(quick.qm1(), port=port))
    assert daemon.hears(qm3, port=port) == []


def begin_quick_mode(daemon: Daemon, quick: QuickMode, qm1: bytes) -> None:
    """The daemon has sent ``qm1``; the two finish what it began."""
    quick.finish(daemon.answers(quick.qm2(qm1)))


def met(config: Configuration | None = None, **tags: object) -> tuple[Daemon, Peer]:
    """A daemon that has answered a peer's main mode."""
    daemon, peer = Daemon(config or configuration()), a_peer(**tags)  # type: ignore[arg-type]
    answer_main_mode(daemon, peer)
    return daemon, peer


def joined(config: Configuration | None = None) -> tuple[Daemon, Peer, QuickMode]:
    """A daemon and a peer that share a tunnel."""
    daemon, peer = met(config)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    return daemon, peer, quick


def agreed(daemon: Daemon, quick: QuickMode) -> bool:
    """Tell whether both hold the same keys, and the daemon's flow leads through them."""
    ours, theirs = int.from_bytes(quick.spi), int.from_bytes(quick.their_spi)
    keys = {
        (key.direction, key.spi): sa.keys.encryption_key + sa.keys.authentication_key
        for key, sa in daemon.stack.sas.items()
    }
    (pair,) = [p for p in daemon.snapshot.ipsec_sas if p.outbound.key.spi == ours]
    return (
        keys[Direction.OUTBOUND, ours] == quick.inbound_keys
        and keys[Direction.INBOUND, theirs] == quick.outbound_keys
        and pair.outbound.key in {key for keys in daemon.stack.flows.values() for key in keys}
    )


def converse(first: Daemon, second: Daemon, said: list[bytes]) -> list[tuple[Daemon, bytes]]:
    """Let ``first`` hear ``said`` and pass on to and fro what follows, until both are silent."""
    heard: list[tuple[Daemon, bytes]] = []
    waiting = [(second, octets) for octets in said]
    while waiting:
        sender, octets = waiting.pop(0)
        heard.append((sender, octets))
        assert len(heard) < 100, "the two never come to an end"
        receiver = first if sender is second else second
        answers = receiver.hears(octets, source=sender.address)
        waiting += [(receiver, answer) for answer in answers]
    return heard


def begun(config: Configuration | None = None) -> tuple[Daemon, Peer, bytes]:
    """A daemon that has begun main mode with the peer, and the QM1 it sent then."""
    daemon, peer = Daemon(config or configuration(answers=False)), a_peer()
    return daemon, peer, begin_main_mode(daemon, peer)


def refusal(peer: Peer, sent: list[bytes]) -> Notification:
    """The one protected error among what was sent; a question for life may stand beside it."""
    notifies = [notify for octets in sent for notify in peer.informed(octets).all(Notification)]
    (found,) = [notify for notify in notifies if notify.type < NotifyType.CONNECTED]
    return found


def phase1_sa(peer: Peer, **changes: object) -> SecurityAssociation:
    """The phase 1 proposal, changed."""
    sa = peer.sa()
    return replace(sa, proposals=(replace(sa.proposals[0], **changes),))  # type: ignore[arg-type]
