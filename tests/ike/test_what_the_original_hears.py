"""A peer that shows OpenBSD's vendor ID is sent nothing that OpenBSD's isakmpd cannot read.

What it cannot read it drops whole, and the peers are stuck: in every scene all we send is held
against a parser as strict as its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.config.model import AddressPool, Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Direction
from isakmpd.ike.outputs import Output, Send
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    ConfigurationAttribute,
    ConfigurationType,
    EncapsulationMode,
    IdType,
    IpcompTransform,
    NotifyType,
    Protocol,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Part, Phase1, Phase2
from tests.ike.original_parser import (
    AGGRESSIVE,
    DELETE,
    HEADER,
    ID_PROT,
    INFO,
    NOTIFY,
    QUICK_MODE,
    TRANSACTION,
    Heard,
    hear,
)
from tests.ike.peer import Peer
from tests.ike.peer_mode_config import Transaction, begun_by, given
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    a_peer,
    answer_aggressive_mode,
    answer_main_mode,
    answer_quick_mode,
    begin_aggressive_mode,
    begin_main_mode,
    begin_quick_mode,
    proposal,
)

ORIGINAL = tuple(
    vendor.value
    for vendor in (
        Vendor.OPENBSD,
        Vendor.NAT_T_DRAFT_02,
        Vendor.NAT_T_DRAFT_03,
        Vendor.NAT_T_RFC,
        Vendor.DPD,
    )
)


class Overheard(Daemon):
    """A daemon whose every datagram is kept."""

    def __init__(self, config: Configuration) -> None:
        self.said: list[bytes] = []
        super().__init__(config)

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, Send):
            self.said.append(output.octets)
        super()._carry_out(output)


def original(offer: Phase1 | None = None, **tags: object) -> Peer:
    """A peer that looks like OpenBSD's isakmpd."""
    return a_peer(offer, vendors=ORIGINAL, **tags)


def understood(daemon: Overheard) -> list[Heard]:
    """All that was sent, as the original reads it; raises Dies for what it does not."""
    assert daemon.said
    cleartexts = [octets for outgoing, octets in daemon.captured if outgoing]
    for datagram in daemon.said:
        assert HEADER.unpack_from(datagram)[-1] == len(datagram)
        assert any(same_message(datagram, clear) for clear in cleartexts), "captured as it is sent"
    return [hear(octets) for octets in cleartexts]


def same_message(datagram: bytes, clear: bytes) -> bool:
    """Tell whether a cleartext is that of a datagram, as far as can be told without the key."""
    encrypted = datagram[19] & 1
    if not encrypted:
        return datagram == clear
    ends_alike = datagram[:19] == clear[:19] and datagram[20:24] == clear[20:24]
    return ends_alike and len(clear) <= len(datagram) < len(clear) + 16


# Scenes


def met(**tags: object) -> tuple[Overheard, Peer]:
    """The original begins main mode."""
    daemon, peer = Overheard(configuration(**tags)), original()  # type: ignore[arg-type]
    answer_main_mode(daemon, peer)
    return daemon, peer


def joined(**tags: object) -> tuple[Overheard, Peer, QuickMode]:
    """A tunnel the original began."""
    daemon, peer = met(**tags)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    return daemon, peer, quick


def begun(**tags: object) -> tuple[Overheard, Peer, bytes]:
    """Main mode that we began, and QM1."""
    daemon, peer = Overheard(configuration(answers=False, **tags)), original()  # type: ignore[arg-type]
    return daemon, peer, begin_main_mode(daemon, peer)


def tunnel_we_begin() -> Overheard:
    daemon, peer, qm1 = begun()
    begin_quick_mode(daemon, proposal(peer), qm1)
    return daemon


def tunnel_it_begins() -> Overheard:
    return joined()[0]


def aggressive_mode_we_begin() -> Overheard:
    daemon, peer = Overheard(configuration(answers=False, exchange="AGGRESSIVE")), original()
    begin_aggressive_mode(daemon, peer)
    return daemon


def aggressive_mode_it_begins() -> Overheard:
    daemon, peer = Overheard(configuration(exchange="AGGRESSIVE")), original()
    answer_aggressive_mode(daemon, peer)
    return daemon


PHASE_1_TRANSFORMS = (
    "AES-128-SHA,AES-256-SHA2-512-GRP14,AES-192-SHA2-384-GRP19,3DES-MD5-GRP5,BLF-SHA,CAST-SHA,"
    "AES-SHA2-256-GRP28"
)


def every_phase_1_transform() -> Overheard:
    daemon, peer = (
        Overheard(configuration(answers=False, transforms=PHASE_1_TRANSFORMS)),
        original(),
    )
    daemon.answers(peer.mm2(daemon.begins()))
    return daemon


SUITES = ",".join(
    f"QM-{name}-SUITE"
    for name in (
        "ESP-AES-128-SHA",
        "ESP-AES-256-SHA2-512",
        "ESP-AES-SHA2-384",
        "ESP-3DES-MD5",
        "ESP-CAST-SHA",
        "ESP-BLF-RIPEMD",
        "ESP-AESCTR-256-SHA2-256",
        "ESP-AESGCM-256",
        "ESP-AESGMAC-128",
        "ESP-NULL-SHA",
        "AH-MD5",
        "AH-SHA2-512",
        "AH-RIPEMD",
        "ESP-TRP-AES-128-SHA",
    )
)


def every_suite() -> Overheard:
    return begun(suites=SUITES)[0]


BUNDLE = """\
[bundle-suite]
Protocols= bundled-ah,bundled-ipcomp,bundled-esp
[bundled-ah]
PROTOCOL_ID= IPSEC_AH
Transforms= QM-AH-SHA-PFS-XF
[bundled-esp]
PROTOCOL_ID= IPSEC_ESP
Transforms= QM-ESP-AES-128-SHA-PFS-XF
[bundled-ipcomp]
PROTOCOL_ID= IPCOMP
Transforms= bundled-deflate
[bundled-deflate]
TRANSFORM_ID= DEFLATE
ENCAPSULATION_MODE= TUNNEL
Life= LIFE_QUICK_MODE
"""


def bundle_that_is_torn_down() -> Overheard:
    none = AuthenticationAlgorithm.NONE
    daemon, peer, qm1 = begun(suites="bundle-suite", more=BUNDLE)
    authenticated = Phase2(AhTransform.SHA, None)
    beside = (
        Part(Protocol.IPSEC_AH, b"\0\0\x0a\x11", authenticated),
        Part(Protocol.IPCOMP, b"\x4c\xaf", Phase2(IpcompTransform.DEFLATE, None, none, None)),
    )
    begin_quick_mode(daemon, proposal(peer, beside=beside), qm1)
    assert len(daemon.stack.sas) == 6
    daemon.engine.teardown_all(daemon.now)
    daemon.settle()
    return daemon


def phase_1_refused() -> Overheard:
    daemon = Overheard(configuration())
    for number, offer in enumerate((Phase1(key_length=256), Phase1(authentication=3))):
        daemon.hears(original(offer, cookie=b"cookie%02d" % number).mm1())
    aggressive = original(cookie=b"cookie77")
    daemon.hears(aggressive.am1())
    return daemon


def another_key() -> Overheard:
    daemon, peer = Overheard(configuration()), original(key=b"another")
    daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    return daemon


def another_identity() -> Overheard:
    tags = "Remote-ID= it\n[it]\nID-type= FQDN\nName= west.example\n"
    daemon = Overheard(configuration(answers=False, peer_tags=tags))
    peer = original(identity=Identity.of_name(IdType.FQDN, "east.example"))
    daemon.hears(peer.mm6(daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))))
    return daemon


def quick_modes_refused() -> Overheard:
    daemon, peer = met()
    wrong = (
        proposal(peer, Phase2(key_length=256), message_id=1),
        proposal(peer, Phase2(group=None), message_id=2),
        replace(proposal(peer, message_id=3), ids=()),
        proposal(peer, nonce=b"short", message_id=4),
    )
    for quick in wrong:
        daemon.hears(quick.qm1())
    return daemon


def quick_mode_answered_wrongly() -> Overheard:
    daemon, peer, qm1 = begun()
    daemon.hears(proposal(peer, Phase2(key_length=256)).qm2(qm1))
    return daemon


def torn_down_with_several_pairs() -> Overheard:
    daemon, peer, _ = joined()
    for number in range(2, 6):
        answer_quick_mode(daemon, proposal(peer, message_id=number, spi=(number << 8).to_bytes(4)))
    daemon.engine.shutdown(daemon.now)
    daemon.settle()
    return daemon


def lived_to_the_end() -> Overheard:
    """Rekeying of both phases, that nobody answers, and both expiries."""
    daemon, peer, qm1 = begun()
    begin_quick_mode(daemon, proposal(peer), qm1)
    daemon.passes(8000)
    return daemon


def rekeyed_by_us() -> Overheard:
    daemon, peer, qm1 = begun()
    begin_quick_mode(daemon, proposal(peer), qm1)
    qm1 = next(sent for _ in range(1200) for _, sent in daemon.passes(1))
    assert qm1[18] == QUICK_MODE
    quick = proposal(peer, spi=b"\0\0\2\2")
    begin_quick_mode(daemon, quick, qm1)
    key = next(key for key in daemon.stack.sas if key.direction is Direction.INBOUND)
    daemon.engine.on_stack(ipsec.InboundSeen(key), daemon.now)
    daemon.settle()
    daemon.passes(200)
    return daemon


def esp_to_an_unknown_spi() -> Overheard:
    daemon, _, _ = joined()
    daemon.engine.on_stack(ipsec.UnknownSpi(PEER, DAEMON, 0xDEADBEEF), daemon.now)
    daemon.settle()
    return daemon


def asked_for_life() -> Overheard:
    daemon, peer, _ = joined(dpd=10)
    question = peer.notify(NotifyType.R_U_THERE, bytes(4))
    daemon.hears(peer.protected(question, message_id=9))
    daemon.passes(100)
    return daemon


SHORT_LIVES = """\
[short]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128,128:256
HASH_ALGORITHM= SHA
AUTHENTICATION_METHOD= PRE_SHARED
GROUP_DESCRIPTION= MODP_1024
Life= ten-minutes
[ten-minutes]
LIFE_TYPE= SECONDS
LIFE_DURATION= 600
[short-suite]
Protocols= short-esp
[short-esp]
PROTOCOL_ID= IPSEC_ESP
Transforms= short-xf
[short-xf]
TRANSFORM_ID= AES
KEY_LENGTH= 128,128:256
ENCAPSULATION_MODE= TUNNEL
AUTHENTICATION_ALGORITHM= HMAC_SHA
GROUP_DESCRIPTION= MODP_1024
Life= ten-minutes
"""


def shorter_lives() -> Overheard:
    return joined(transforms="short", suites="short-suite", more=SHORT_LIVES)[0]


def shorter_life_after_aggressive_mode() -> Overheard:
    config = configuration(exchange="AGGRESSIVE", transforms="short", more=SHORT_LIVES)
    daemon, peer = Overheard(config), original()
    answer_aggressive_mode(daemon, peer)
    return daemon


def behind_a_nat() -> Overheard:
    daemon = Overheard(configuration())
    peer = original(private_address=IPv4Address("10.9.9.9"))
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=4500))
    mode = EncapsulationMode.UDP_ENCAP_TUNNEL
    answer_quick_mode(daemon, proposal(peer, Phase2(mode=mode)), port=4500)
    return daemon


def transport_mode_behind_a_nat() -> Overheard:
    """NAT-OA goes with QM1 (RFC 3947 section 5.2)."""
    tags = {"suites": "QM-ESP-TRP-AES-128-SHA-PFS-SUITE"}
    config = configuration(answers=False, **tags)  # type: ignore[arg-type]
    connections = {"lan": replace(config.connections["lan"], local=None, remote=None)}
    daemon = Overheard(replace(config, connections=connections))
    peer = original(private_address=IPv4Address("10.9.9.9"))
    mm5 = daemon.hears(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))[0]
    daemon.hears(peer.mm6(mm5), port=4500)
    return daemon


def nobody_answers() -> Overheard:
    daemon = Overheard(configuration(answers=False))
    daemon.passes(300)
    return daemon


POOL = AddressPool(
    "ipv4/192.0.2.2",
    push=True,
    address=IPv4Address("10.9.0.5"),
    netmask=IPv4Address("255.255.255.0"),
    name_servers=(IPv4Address("10.2.0.53"),),
)
WISHES = AddressPool("ipv4/192.0.2.2", push=False, wanted=("Address", "Netmask", "Lifetime"))


def with_mode_config(pool: AddressPool, *, answers: bool) -> Overheard:
    """A gateway that tells its peer, or asks it."""
    config = configuration(answers=answers)
    peers = {"peer": replace(config.peers["peer"], mode_config=True)}
    return Overheard(replace(config, peers=peers, address_pools={pool.section: pool}))


def told_an_address() -> Overheard:
    daemon, peer = with_mode_config(POOL, answers=True), original()
    mm4 = daemon.answers(peer.mm3(daemon.answers(peer.mm1())))
    mm6, *pushed = daemon.hears(peer.mm5(mm4))
    peer.finish(mm6)
    assert len(pushed) == 1
    request = Transaction(peer, 0x77).says(
        ConfigurationType.REQUEST, given(ConfigurationAttribute.INTERNAL_IP4_ADDRESS)
    )
    daemon.hears(request)
    return daemon


def asked_for_an_address() -> Overheard:
    daemon, peer = with_mode_config(WISHES, answers=False), original()
    transaction, _ = begun_by(begin_main_mode(daemon, peer), peer)
    address = given(ConfigurationAttribute.INTERNAL_IP4_ADDRESS, IPv4Address("10.9.0.5").packed)
    daemon.hears(transaction.says(ConfigurationType.REPLY, address))
    daemon.hears(Transaction(peer, 0x78).says(ConfigurationType.SET, address))
    return daemon


def told_strange_things() -> Overheard:
    """Errors, deletes and notifies of its own: none of them draws out anything it cannot read."""
    daemon, peer, quick = joined()
    messages = (
        peer.notify(NotifyType.INVALID_COOKIE),
        peer.notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=quick.spi, protocol=Protocol.IPSEC_ESP),
        peer.delete(Protocol.IPSEC_ESP, b"\1\2\3\4"),
        peer.notify(NotifyType.INITIAL_CONTACT),
        peer.delete(Protocol.ISAKMP, b"".join(peer.cookies)),
    )
    for number, payload in enumerate(messages, 1):
        daemon.hears(peer.protected(payload, message_id=number))
    return daemon


# What must have been said in a scene, lest it prove nothing: (exchange, payload or notify).
N = NotifyType
SCENES: dict[Callable[[], Overheard], list[tuple[int, int]]] = {
    tunnel_we_begin: [(ID_PROT, 1), (ID_PROT, 20), (QUICK_MODE, 1), (QUICK_MODE, 5)],
    tunnel_it_begins: [(ID_PROT, 13), (ID_PROT, 20), (QUICK_MODE, 4)],
    aggressive_mode_we_begin: [(AGGRESSIVE, 1), (QUICK_MODE, 1), (INFO, N.INITIAL_CONTACT)],
    aggressive_mode_it_begins: [(AGGRESSIVE, 13), (AGGRESSIVE, 20), (INFO, N.INITIAL_CONTACT)],
    every_phase_1_transform: [(ID_PROT, 1)],
    every_suite: [(QUICK_MODE, 1)],
    bundle_that_is_torn_down: [(QUICK_MODE, 1), (INFO, DELETE)],
    phase_1_refused: [(INFO, N.NO_PROPOSAL_CHOSEN)],
    another_key: [(INFO, NOTIFY)],
    another_identity: [(INFO, N.INVALID_ID_INFORMATION), (INFO, DELETE)],
    quick_modes_refused: [(INFO, N.NO_PROPOSAL_CHOSEN), (INFO, N.INVALID_ID_INFORMATION)],
    quick_mode_answered_wrongly: [(INFO, N.NO_PROPOSAL_CHOSEN)],
    torn_down_with_several_pairs: [(INFO, DELETE)],
    lived_to_the_end: [(INFO, DELETE), (QUICK_MODE, 1)],
    rekeyed_by_us: [(INFO, DELETE), (QUICK_MODE, 1)],
    esp_to_an_unknown_spi: [(INFO, DELETE)],
    asked_for_life: [(INFO, N.R_U_THERE), (INFO, N.R_U_THERE_ACK)],
    shorter_lives: [(ID_PROT, N.RESPONDER_LIFETIME), (QUICK_MODE, N.RESPONDER_LIFETIME)],
    shorter_life_after_aggressive_mode: [(INFO, N.RESPONDER_LIFETIME)],
    behind_a_nat: [(ID_PROT, 20), (QUICK_MODE, 1)],
    transport_mode_behind_a_nat: [(QUICK_MODE, 1), (QUICK_MODE, 21)],
    nobody_answers: [(ID_PROT, 1)],
    told_an_address: [(TRANSACTION, 14)],
    asked_for_an_address: [(TRANSACTION, 14)],
    told_strange_things: [(ID_PROT, N.INITIAL_CONTACT)],
}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_the_original_understands_all_we_say(scene: Callable[[], Overheard]) -> None:
    """In both roles and modes, in agreement and refusal, in life and death."""
    messages = understood(scene())
    said = {(m.exchange_type, kind) for m in messages for kind, _ in m.payloads}
    said |= {(m.exchange_type, notify) for m in messages for notify in m.notifies}
    assert said.issuperset(SCENES[scene]), said


def test_deletes_that_await_an_acknowledgement_are_for_ourselves() -> None:
    """The original's parser takes one SPI a message; our own vendor ID does not make it one of us.

    It repeats no vendor ID of ours, and would lose the Deletes beside an SPI that it knows no more.
    """
    daemon, _, _ = joined()
    daemon.engine.teardown_all(daemon.now)
    daemon.settle()
    deletes = [m for m in understood(daemon) if m.bodies(DELETE)]
    assert [len(m.payloads) for m in deletes] == [2], "HASH and the Delete"
    assert all(not m.notifies for m in deletes)
