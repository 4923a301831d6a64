"""Engines with one rule taken out: each must break a property, or the properties are worth little.

A property is a function that raises AssertionError; here each is run against the engine that
breaks its rule, and first against the engine as it is.
"""

from collections.abc import Callable
from typing import Any

import pytest

from isakmpd.ike import negotiation, peer_identity, quick_mode
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.ipsec import Direction, SimplexSa
from isakmpd.ike.ipsec_sas import IpsecSas
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.liveness import Liveness
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.sa import IsakmpSa
from isakmpd.simulation.play import play_seed
from tests.simulation import test_scenes
from tests.simulation.scenes import two_gateways

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(180)]

Mutate = Callable[[pytest.MonkeyPatch], None]
Property = Callable[[], None]


def storms_are_weathered() -> None:
    """Whatever the weather, nothing is wrong afterwards."""
    for seed in range(60):
        outcome = play_seed(str(seed))
        assert not outcome.faults, f"seed {seed}: {outcome.faults[:3]}"


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

    patch.setattr(Exchange, "_answer_duplicate", answer)
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
    patch.setattr(peer_identity, "accept", lambda _x, identity: identity)


def believe_any_network(patch: pytest.MonkeyPatch) -> None:
    """Client identities are not compared with the configuration."""
    patch.setattr(negotiation, "_same_packets", lambda *_args: True)
    patch.setattr(quick_mode, "_check_returned_ids", lambda *_args: None)


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
