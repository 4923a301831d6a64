"""Engines with one rule taken out: each must break a property, or the properties are worth little.

A property is a function that raises AssertionError; here each is run against the engine that
breaks its rule, and first against the engine as it is.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from isakmpd.ike import client_ids, connection_lookup, guards, peer_identity, succession
from isakmpd.ike.connections import Connections
from isakmpd.ike.context import Context
from isakmpd.ike.correspondence import Correspondence
from isakmpd.ike.engine import Engine
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.ipsec import Direction, Flow, ReleaseSpi, Request, SimplexSa
from isakmpd.ike.ipsec_sas import IpsecSas
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.liveness import Liveness
from isakmpd.ike.moved_peers import MovedPeers
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ipsec.memory import MemoryStack
from isakmpd.ipsec.memory_packets import InnerPacket
from isakmpd.simulation.play import play_seed
from tests.simulation import test_nat_scenes, test_scenes
from tests.simulation.scenes import two_gateways

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(180)]

Mutate = Callable[[pytest.MonkeyPatch], None]
Property = Callable[[], None]


def storms_are_weathered() -> None:
    """Whatever the weather, nothing is wrong afterwards."""
    for seed in range(60):
        outcome = play_seed(str(seed))
        assert not outcome.faults, f"seed {seed}: {outcome.faults[:3]}"


def both_ends_use_the_same_pair() -> None:
    """Only while they are being rekeyed two ends send on different pairs."""
    for seed in range(30):
        outcome = play_seed(str(seed))
        assert not outcome.apart, f"seed {seed}: {outcome.apart[:3]}"


def clients_share_a_nat() -> None:
    """Each client of an L2TP server gets its own answers and keeps its own SAs."""
    for seed in range(5):
        outcome = play_seed(f"l2tp/{seed}")
        assert not outcome.faults, f"seed l2tp/{seed}: {outcome.faults[:3]}"


def moved_peers_are_followed() -> None:
    """A NAT's rebinding costs next to nothing."""
    test_nat_scenes.test_a_rebinding_costs_a_moment("ID_PROT", moves=True)


def packets_bring_connections_up() -> None:
    """On demand means as soon as there are packets."""
    for seed in range(5):
        outcome = play_seed(f"demand/{seed}")
        assert not outcome.missing, f"seed demand/{seed}: {outcome.missing[:3]}"


def lost_peers_are_given_up() -> None:
    """What a peer has left behind goes, also where only the peer could come back."""
    test_nat_scenes.test_who_waits_for_its_peer_drops_what_that_has_left(told=False)


def sas_end_in_time() -> None:
    """Nothing outlives its lifetime."""
    test_scenes.test_no_sa_outlives_its_lifetime("0")


def replays_change_nothing() -> None:
    """What was received once is not taken again."""
    test_scenes.test_a_replayed_datagram_changes_nothing_and_is_not_answered()


def strangers_are_refused() -> None:
    """A peer with another identity than Remote-ID expects gets no SA."""
    tags = "\n".join(
        ("Remote-ID= expected", "", "[expected]", "ID-type= FQDN", "Name= east.example")
    )
    pair = two_gateways("stranger", peer_tags=tags, east_tags={"peer_tags": ""})
    pair.wait(60)
    assert not pair.west.stack.sas
    assert not pair.east.stack.sas


def other_networks_are_refused() -> None:
    """No tunnel joins networks that only one end has configured."""
    pair = two_gateways("networks", east_tags={"remote_net": "10.9.0.0"})
    pair.wait(60)
    assert not pair.west.stack.sas
    assert not pair.east.stack.sas


def answer_every_duplicate(patch: pytest.MonkeyPatch) -> None:
    """Both sides answer duplicates, without end."""
    accept = Exchange._accept

    def answer(self: Exchange) -> None:
        if self._sent is not None:
            self._transmit()

    def keep_what_was_sent(self: Exchange, *args: Any) -> None:
        sent = self._sent
        accept(self, *args)
        self._sent = sent

    patch.setattr(Exchange, "answer_again", answer)
    patch.setattr(Exchange, "_accept", keep_what_was_sent)


def leave_timer_armed(patch: pytest.MonkeyPatch) -> None:
    """An answer does not stop the retransmission."""
    accept = Exchange._accept

    def forgetful(self: Exchange, *args: Any) -> None:
        self._wait = None
        accept(self, *args)

    patch.setattr(Exchange, "_accept", forgetful)


def keep_replaced_pairs(patch: pytest.MonkeyPatch) -> None:
    """IPsec SAs that were replaced stay until they expire."""
    patch.setattr(IpsecSas, "_bury_later", lambda *_args: None)


def keep_replaced_isakmp_sas(patch: pytest.MonkeyPatch) -> None:
    """ISAKMP SAs that were replaced stay until they expire."""
    patch.setattr(IsakmpSas, "_bury_later", lambda *_args: None)


def keep_expired_pairs(patch: pytest.MonkeyPatch) -> None:
    """IPsec SAs stay when their time is up."""
    patch.setattr(IpsecSas, "_expired", lambda *_args: None)


def believe_any_identity(patch: pytest.MonkeyPatch) -> None:
    """Whoever knows the key may be anybody."""
    patch.setattr(peer_identity, "accept", lambda _x, identity, _key: identity)


def believe_any_network(patch: pytest.MonkeyPatch) -> None:
    """Client identities are not compared with the configuration."""
    patch.setattr(connection_lookup, "_differences", lambda *_args: [])
    patch.setattr(client_ids, "returned", lambda _reply, sent, *_args, **_tags: sent)


def leave_deletes_unacknowledged(patch: pytest.MonkeyPatch) -> None:
    """R-U-THERE, and with it every Delete, stays without an ACK."""
    patch.setattr(Liveness, "acknowledge", lambda *_args: None)


def send_deletes_once(patch: pytest.MonkeyPatch) -> None:
    """A Delete is not repeated."""

    def unanswered(self: Liveness) -> None:
        self.stop()
        self._watch()

    patch.setattr(Liveness, "_unanswered", unanswered)


def forget_what_was_deleted(patch: pytest.MonkeyPatch) -> None:
    """A Delete for an SA that is not complete yet is not remembered."""
    patch.setattr(Phase2Exchange, "spi_deleted", lambda *_args: None)


class _Amnesia(set[int]):
    """Remember nothing."""

    def add(self, element: int) -> None:
        pass


def forget_message_ids(patch: pytest.MonkeyPatch) -> None:
    """Nobody remembers which messages an ISAKMP SA has carried."""
    initialise = IsakmpSa.__post_init__

    def forgetful(self: IsakmpSa) -> None:
        initialise(self)
        self.used_message_ids = _Amnesia()

    patch.setattr(IsakmpSa, "__post_init__", forgetful)


def install_inbound_late(patch: pytest.MonkeyPatch) -> None:
    """The responder's answer leaves before its inbound SA exists."""
    install = Phase2Exchange.install
    held: dict[Phase2Exchange, SimplexSa] = {}

    async def late(self: Phase2Exchange, sa: SimplexSa) -> None:
        if not self.initiator and sa.key.direction is Direction.INBOUND:
            held[self] = sa
            return
        if self in held:
            await install(self, held.pop(self))
        await install(self, sa)

    patch.setattr(Phase2Exchange, "install", late)


def prefer_what_one_began(patch: pytest.MonkeyPatch) -> None:
    """Of two pairs each end keeps the one it began itself, and neither is deleted."""
    patch.setattr(succession, "gives_way", lambda _one, other: other.initiator)
    keep_replaced_pairs(patch)


def let_nats_forget(patch: pytest.MonkeyPatch) -> None:
    """Nobody sends NAT keepalives."""
    patch.setattr(IsakmpSas, "_keep_nat_open", lambda *_args: None)


def believe_the_peer_lives(patch: pytest.MonkeyPatch) -> None:
    """A silent peer is never asked for a sign of life."""
    patch.setattr(Liveness, "_watch", lambda *_args: None)


def await_peers_forever(patch: pytest.MonkeyPatch) -> None:
    """IPsec SAs for which no ISAKMP SA can be made wait for one."""
    patch.setattr(Correspondence, "_judge", lambda *_args: None)


def announce_once(patch: pytest.MonkeyPatch) -> None:
    """INITIAL-CONTACT after aggressive mode is not repeated."""
    patch.setattr(Liveness, "announce", lambda *_args: None)


def confuse_purposes(patch: pytest.MonkeyPatch) -> None:
    """Pairs of a connection replace each other, whichever peer and packets they are for."""
    patch.setattr(IpsecSas, "generations", lambda self, pair: self.named(pair.name))


def answer_the_newest(patch: pytest.MonkeyPatch) -> None:
    """A packet goes to the newest of the peers that share its selector."""
    narrowest = MemoryStack._narrowest_flow

    def newest(self: MemoryStack, packet: InnerPacket) -> Flow | None:
        return narrowest(self, replace(packet, peer=""))

    patch.setattr(MemoryStack, "_narrowest_flow", newest)


def follow_nobody(patch: pytest.MonkeyPatch) -> None:
    """A peer is where it was when its SAs were made."""
    patch.setattr(MovedPeers, "_follow", lambda *_args: None)


def sleep_through_acquires(patch: pytest.MonkeyPatch) -> None:
    """Packets that want a connection wait in vain."""
    patch.setattr(Connections, "acquire", lambda *_args: None)


def keep_unused_spis(patch: pytest.MonkeyPatch) -> None:
    """SPIs of failed negotiations are not given back."""
    tell = Context.tell

    def forgetful(self: Context, request: Request) -> None:
        if not isinstance(request, ReleaseSpi):
            tell(self, request)

    patch.setattr(Context, "tell", forgetful)


def guard_nothing(patch: pytest.MonkeyPatch) -> None:
    """What has no tunnel has its own way."""
    patch.setattr(guards, "_wants_guard", lambda _connection: False)


def open_guards_with_the_tunnel(patch: pytest.MonkeyPatch) -> None:
    """A guard goes when the administrator takes the tunnel down."""
    teardown = Engine.teardown

    def trusting(self: Engine, name: str, now: float) -> bool:
        self._negotiation.guards.withdraw()
        return teardown(self, name, now)

    patch.setattr(Engine, "teardown", trusting)


MUTANTS: list[tuple[Mutate, Property]] = [
    (answer_every_duplicate, test_scenes.test_late_messages_breed_no_others),
    (leave_timer_armed, storms_are_weathered),
    (keep_replaced_pairs, storms_are_weathered),
    (keep_replaced_isakmp_sas, storms_are_weathered),
    (keep_expired_pairs, sas_end_in_time),
    (believe_any_identity, strangers_are_refused),
    (believe_any_network, other_networks_are_refused),
    (leave_deletes_unacknowledged, storms_are_weathered),
    (send_deletes_once, storms_are_weathered),
    (forget_what_was_deleted, test_scenes.test_a_delete_that_overtakes_the_last_message_wins),
    (forget_what_was_deleted, test_scenes.test_a_delete_that_overtakes_the_answer_wins),
    (forget_message_ids, replays_change_nothing),
    (install_inbound_late, test_scenes.test_a_packet_that_overtakes_the_last_message_arrives),
    (prefer_what_one_began, both_ends_use_the_same_pair),
    (confuse_purposes, clients_share_a_nat),
    (answer_the_newest, clients_share_a_nat),
    (follow_nobody, moved_peers_are_followed),
    (sleep_through_acquires, packets_bring_connections_up),
    (keep_unused_spis, storms_are_weathered),
    (guard_nothing, storms_are_weathered),
    (open_guards_with_the_tunnel, storms_are_weathered),
    (let_nats_forget, test_nat_scenes.test_keepalives_hold_a_silent_mapping_open),
    (believe_the_peer_lives, storms_are_weathered),
    (await_peers_forever, lost_peers_are_given_up),
    (
        announce_once,
        test_scenes.test_who_has_nothing_left_is_believed_though_his_first_word_is_lost,
    ),
]


PROPERTIES = list(dict.fromkeys(prove for _, prove in MUTANTS))


@pytest.mark.parametrize("prove", PROPERTIES, ids=lambda prove: prove.__name__)
def test_the_engine_as_it_is_has_the_property(prove: Property) -> None:
    prove()


@pytest.mark.parametrize(
    ("mutate", "prove"), MUTANTS, ids=[f"{m.__name__}-{p.__name__}" for m, p in MUTANTS]
)
def test_a_mutant_is_found_out(
    monkeypatch: pytest.MonkeyPatch, mutate: Mutate, prove: Property
) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        prove()
