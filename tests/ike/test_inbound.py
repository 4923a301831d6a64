"""Bad input: whatever arrives is one understandable line, and nothing is lost."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.ike.exchanges import HALF_OPEN_LIMIT, HALF_OPEN_LIMIT_OF_ADDRESS
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.numbers import (
    EncryptionAlgorithm,
    ExchangeType,
    Flags,
    GroupDescription,
    NotifyType,
    PayloadType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Hash,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
    Unknown,
    VendorId,
    encode_chain,
)
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.peer import Peer, Phase1, Phase2, key_pair
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    joined,
    met,
    proposal,
)

QM, INFO = ExchangeType.QUICK_MODE, ExchangeType.INFO
DROPPED = f"dropped message from {PEER} port 500"


def due_to(kind: str, reason: str) -> str:
    """The line of a dropped message."""
    return f"{DROPPED} due to notification type {kind}: {reason}"


class Step:
    """A daemon that waits for one certain message, and what the message leads to."""

    def __init__(self, daemon: Daemon, message: bytes, accepted: Callable[[], bool]) -> None:
        self.daemon = daemon
        self.message = message
        self.accepted = accepted


def step_of(name: str) -> Step:
    """Lead to the step at which the daemon expects the named message."""
    if name in ("MM2", "MM4", "MM6", "QM2"):
        return _as_initiator(name)
    if name in ("QM1", "QM3", "INFO"):
        return _under_an_sa(name)
    daemon, peer = Daemon(configuration()), a_peer()
    message = peer.mm1()
    if name != "MM1":
        message = peer.mm3(daemon.answers(message))
    if name == "MM5":
        message = peer.mm5(daemon.answers(message))
        return Step(daemon, message, lambda: len(daemon.snapshot.isakmp_sas) == 1)
    step = {"MM1": 0, "MM3": 1}[name]
    return Step(
        daemon,
        message,
        lambda: [x.step for x in daemon.snapshot.exchanges] == [step],
    )


def _as_initiator(name: str) -> Step:
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    message = peer.mm2(daemon.begins())
    if name != "MM2":
        message = peer.mm4(daemon.answers(message))
    if name in ("MM6", "QM2"):
        message = peer.mm6(daemon.answers(message))
    if name == "QM2":
        quick_1 = daemon.answers(message)
        message = proposal(peer).qm2(quick_1)
        return Step(daemon, message, lambda: len(daemon.snapshot.ipsec_sas) == 1)
    if name == "MM6":
        return Step(daemon, message, lambda: len(daemon.snapshot.isakmp_sas) == 1)
    step = {"MM2": 1, "MM4": 2}[name]
    return Step(
        daemon,
        message,
        lambda: [x.step for x in daemon.snapshot.exchanges] == [step],
    )


def _under_an_sa(name: str) -> Step:
    daemon, peer, first = joined()
    if name == "INFO":
        message = peer.protected(peer.delete(Protocol.IPSEC_ESP, first.spi), message_id=5)
        return Step(daemon, message, lambda: daemon.snapshot.ipsec_sas == ())
    quick = proposal(peer, message_id=2, spi=b"\0\0\2\2")
    message = quick.qm1()
    if name == "QM1":
        return Step(daemon, message, lambda: len(daemon.stack.sas) == 3)
    message = quick.qm3(daemon.answers(message))
    return Step(daemon, message, lambda: len(daemon.snapshot.ipsec_sas) == 2)


STEPS = ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3", "INFO"]
# The one message whose content no key protects yet is believed as it comes.
PROTECTED = ["MM5", "MM6", "QM1", "QM2", "QM3", "INFO"]


def disturb(step: Step, disturbances: list[bytes]) -> None:
    """Nothing is raised, sent or changed, and the true message succeeds after all."""
    before = step.daemon.state()
    for octets in disturbances:
        if octets == step.message:
            continue
        step.daemon.hears(octets)
        assert step.daemon.state() == before
    step.daemon.hears(step.message)
    assert step.accepted(), step.daemon.log


@pytest.mark.parametrize("name", STEPS)
def test_every_prefix_of_every_message(name: str) -> None:
    """Datagrams cut short anywhere, also with a header that says the shorter length."""
    step = step_of(name)
    cut = [step.message[:length] for length in range(len(step.message))]
    honest = [
        octets[:24] + len(octets).to_bytes(4) + octets[28:] for octets in cut if len(octets) >= 28
    ]
    disturb(step, cut + [octets for octets in honest if name != "MM1" or len(octets) < 60])


@pytest.mark.parametrize("name", STEPS)
def test_trailing_octets(name: str) -> None:
    """A datagram longer than it says is none of ours."""
    step = step_of(name)
    disturb(step, [step.message + tail for tail in (b"\0", b"x" * 8, b"y" * 16, bytes(5000))])
    assert all("octets says it has" in line for line in step.daemon.log)


@pytest.mark.parametrize("name", PROTECTED)
def test_every_bit_of_a_protected_message(name: str) -> None:
    """A message with a flipped bit is none: the true one succeeds, the tunnels stay."""
    step = step_of(name)
    flipped = []
    for position in range(len(step.message)):
        octets = bytearray(step.message)
        octets[position] ^= 1 << (position % 8)
        flipped.append(bytes(octets))
    disturb(step, [octets for octets in flipped if not _harmless(step.message, octets)])


def _harmless(message: bytes, flipped: bytes) -> bool:
    """Tell whether only the commit or authentication flag differs, which mean nothing to us."""
    return (
        message[:19] == flipped[:19]
        and message[20:] == flipped[20:]
        and not ((message[19] ^ flipped[19]) & ~6)
    )


@pytest.mark.parametrize("name", STEPS)
def test_garbage_at_every_step(name: str) -> None:
    """Octets of all lengths that never were a message."""
    step = step_of(name)
    lengths = [*range(40), 100, 1000, 65507]
    disturb(step, [bytes([n % 251]) * n for n in lengths])


@pytest.mark.parametrize("name", STEPS)
def test_the_header_and_nothing_else(name: str) -> None:
    """Every exchange type, with these cookies and this message ID, and an empty body."""
    step = step_of(name)
    header, _ = decode_header(step.message)
    bare = [
        replace(header, exchange_type=ExchangeType(kind), flags=Flags(flags)).encode(b"")
        for kind in range(256)
        for flags in (0, 1)
    ]
    disturb(step, bare)


@pytest.mark.parametrize("name", [name for name in STEPS if name != "MM1"])
def test_the_same_message_from_somebody_without_the_key_or_cookies(name: str) -> None:
    """Wrong cookies, either of them."""
    step = step_of(name)
    other = b"otherone"
    disturb(
        step,
        [
            other + step.message[8:],
            step.message[:8] + other + step.message[16:],
            step.message[:8] + bytes(8) + step.message[16:],
            bytes(8) + step.message[8:],
        ],
    )


# Datagrams that belong nowhere: (what to send, the line)


def header(
    *,
    exchange: int = ExchangeType.ID_PROT,
    cookies: tuple[bytes, bytes] = (b"stranger", bytes(8)),
    flags: int = 0,
    message_id: int = 0,
    first: int = PayloadType.NONE,
) -> Header:
    """A stranger's header."""
    return Header(*cookies, PayloadType(first), ExchangeType(exchange), Flags(flags), message_id)


def ikev2() -> bytes:
    """IKE_SA_INIT."""
    message = bytearray(header(exchange=34).encode(bytes(100)))
    message[17] = 0x20
    return bytes(message)


def with_octet(at: int, value: int) -> bytes:
    """A stranger's message with one octet of its header changed."""
    message = bytearray(header().encode(b""))
    message[at] = value
    return bytes(message)


BELONG_NOWHERE = {
    "nothing": (
        b"",
        due_to(
            "UNEQUAL_PAYLOAD_LENGTHS",
            "datagram of 0 octets is shorter than an ISAKMP header",
        ),
    ),
    "an empty first message": (
        header().encode(b""),
        due_to("PAYLOAD_MALFORMED", "main mode message 1 without SA"),
    ),
    "IKEv2": (
        ikev2(),
        due_to("INVALID_MAJOR_VERSION", "version 2.0: the peer speaks IKEv2, not IKEv1"),
    ),
    "version 1.1": (with_octet(17, 0x11), due_to("INVALID_MINOR_VERSION", "version 1.1")),
    "a flag nobody knows": (with_octet(19, 8), due_to("INVALID_FLAGS", "flags 0x08")),
    "no initiator cookie": (
        header(cookies=(bytes(8), bytes(8))).encode(b""),
        due_to("INVALID_COOKIE", "initiator cookie is zero"),
    ),
    "aggressive mode": (
        header(exchange=ExchangeType.AGGRESSIVE).encode(b""),
        due_to(
            "UNSUPPORTED_EXCHANGE_TYPE",
            "the peer begins with aggressive mode (AGGRESSIVE), only main mode (ID_PROT) is "
            "answered",
        ),
    ),
    "base mode": (
        header(exchange=ExchangeType.BASE).encode(b""),
        due_to(
            "UNSUPPORTED_EXCHANGE_TYPE",
            "the peer begins with exchange type BASE, only main mode (ID_PROT) is answered",
        ),
    ),
    "a message ID in a first message": (
        header(message_id=5).encode(b""),
        due_to("INVALID_MESSAGE_ID", "a first message with a message ID"),
    ),
    "an encrypted first message": (
        header(flags=1).encode(bytes(16)),
        due_to("INVALID_FLAGS", "a first message that is encrypted"),
    ),
    "main mode of an SA we lost": (
        header(cookies=(b"stranger", b"whatever")).encode(bytes(16)),
        due_to(
            "INVALID_COOKIE",
            "no ISAKMP SA has these cookies: the peer may hold one we have lost",
        ),
    ),
    "quick mode of an SA we lost": (
        header(
            exchange=ExchangeType.QUICK_MODE,
            cookies=(b"stranger", b"whatever"),
            flags=1,
            message_id=7,
        ).encode(bytes(16)),
        due_to(
            "INVALID_COOKIE",
            "no ISAKMP SA has these cookies: the peer may hold one we have lost",
        ),
    ),
    "an informational message of an SA we lost": (
        header(
            exchange=ExchangeType.INFO, cookies=(b"stranger", b"whatever"), flags=1, message_id=7
        ).encode(bytes(16)),
        due_to(
            "INVALID_COOKIE",
            "no ISAKMP SA has these cookies: the peer may hold one we have lost",
        ),
    ),
    "an informational message too large": (
        header(exchange=INFO, message_id=3, first=PayloadType.VENDOR).encode(bytes(40000)),
        due_to(
            "PAYLOAD_MALFORMED",
            "a message in clear of 40028 octets, expected 16384 at most",
        ),
    ),
    "a first message too large": (
        a_peer(cookie=b"cookie 2").mm1(*[VendorId(bytes(4000))] * 5),
        due_to(
            "PAYLOAD_MALFORMED",
            "a message in clear of 20144 octets, expected 16384 at most",
        ),
    ),
}


@pytest.mark.parametrize("case", BELONG_NOWHERE)
def test_what_belongs_nowhere(case: str) -> None:
    """One line, no answer, no state: nobody learns or spends anything by it."""
    octets, line = BELONG_NOWHERE[case]
    daemon, _, quick = joined()
    before = daemon.state()
    assert daemon.hears(octets) == []
    assert daemon.log == [line]
    assert daemon.snapshot.exchanges == ()
    assert daemon.state() == before
    assert agreed(daemon, quick)


# Under an ISAKMP SA: message, line

Under = Callable[[Peer], bytes]


def sealed(*payloads: Payload, exchange: ExchangeType = INFO, message_id: int = 9) -> Under:
    """Payloads encrypted as they are, without a proof of ours."""
    return lambda peer: peer.seal(payloads, peer.phase2_iv(message_id), exchange, message_id)


def body(octets: bytes, exchange: ExchangeType = INFO) -> Under:
    """A ciphertext of any length."""
    return lambda peer: header(
        exchange=exchange, cookies=peer.cookies, flags=1, message_id=9, first=8
    ).encode(octets)


def hash_of(length: int, exchange: ExchangeType) -> Under:
    """The proof cut or stretched to ``length`` octets."""

    def make(peer: Peer) -> bytes:
        rest = (
            proposal(peer).payloads()
            if exchange == QM
            else (peer.notify(NotifyType.R_U_THERE, bytes(4)),)
        )
        proof = peer.prf(peer.skeyid_a, (9).to_bytes(4), encode_chain(rest))
        wrong = (proof + bytes(100))[:length]
        return peer.seal((Hash(wrong), *rest), peer.phase2_iv(9), exchange, 9)

    return make


HASH_LENGTHS = [0, 1, 4, 19, 21, 32, 64]
UNDER_AN_SA: dict[str, tuple[Under, str]] = {
    **{
        f"quick mode with {length} octets of HASH": (
            hash_of(length, QM),
            due_to("INVALID_HASH_INFORMATION", "HASH(1) is wrong"),
        )
        for length in HASH_LENGTHS
    },
    **{
        f"an informational message with {length} octets of HASH": (
            hash_of(length, INFO),
            due_to("INVALID_HASH_INFORMATION", "HASH of an informational message is wrong"),
        )
        for length in HASH_LENGTHS
    },
    **{
        f"{length} octets of ciphertext": (
            body(bytes(length)),
            due_to(
                "UNEQUAL_PAYLOAD_LENGTHS",
                f"{length} octets of ciphertext, expected a multiple of 16",
            ),
        )
        for length in (0, 1, 7, 8, 15, 17, 31)
    },
    "a notify without HASH": (
        sealed(VendorId(b"x")),
        due_to("PAYLOAD_MALFORMED", "informational message without HASH"),
    ),
    "a HASH that is not the first payload": (
        sealed(VendorId(b"x"), Hash(bytes(20))),
        due_to(
            "PAYLOAD_MALFORMED",
            "informational message whose first payload is VENDOR, expected HASH",
        ),
    ),
    "two HASH payloads": (
        sealed(Hash(bytes(20)), Hash(bytes(20))),
        due_to("PAYLOAD_MALFORMED", "informational message with several HASH"),
    ),
    "quick mode without a nonce": (
        sealed(Hash(bytes(20)), exchange=QM),
        due_to("PAYLOAD_MALFORMED", "quick mode message 1 without SA, NONCE"),
    ),
    "quick mode in clear": (
        lambda peer: peer.clear(
            Hash(bytes(20)), *proposal(peer).payloads(), exchange=QM, message_id=9
        ),
        due_to("INVALID_FLAGS", "a phase 2 message in clear"),
    ),
    "main mode once more": (
        lambda peer: peer.clear(peer.sa(), message_id=9),
        due_to("INVALID_FLAGS", "a phase 2 message in clear"),
    ),
    "mode config": (
        sealed(Hash(bytes(20)), exchange=ExchangeType.TRANSACTION),
        due_to(
            "UNSUPPORTED_EXCHANGE_TYPE",
            "mode config or XAUTH (TRANSACTION) under an ISAKMP SA",
        ),
    ),
    "new group mode": (
        sealed(Hash(bytes(20)), exchange=ExchangeType.NEW_GROUP_MODE),
        due_to("UNSUPPORTED_EXCHANGE_TYPE", "new group mode (NEW_GROUP_MODE) under an ISAKMP SA"),
    ),
    "an R-U-THERE that names another SA": (
        lambda peer: peer.protected(
            peer.notify(NotifyType.R_U_THERE, bytes(4), spi=b"x" * 16), message_id=9
        ),
        due_to("PAYLOAD_MALFORMED", "R_U_THERE that does not name this ISAKMP SA"),
    ),
    "an R-U-THERE without its number": (
        lambda peer: peer.protected(peer.notify(NotifyType.R_U_THERE, b"\0"), message_id=9),
        due_to("PAYLOAD_MALFORMED", "R_U_THERE that does not name this ISAKMP SA"),
    ),
    "an R-U-THERE in clear": (
        lambda peer: peer.clear(
            peer.notify(NotifyType.R_U_THERE, bytes(4)), exchange=INFO, message_id=9
        ),
        due_to("INVALID_FLAGS", "an informational message in clear is not believed: R_U_THERE"),
    ),
    "an R-U-THERE-ACK in clear under fresh cookies": (
        lambda peer: peer.clear(
            peer.notify(NotifyType.R_U_THERE_ACK, bytes(4)),
            exchange=INFO,
            cookies=(b"fresh ck", bytes(8)),
        ),
        due_to("INVALID_FLAGS", "an informational message in clear is not believed: R_U_THERE_ACK"),
    ),
    "INITIAL-CONTACT in clear": (
        lambda peer: peer.clear(
            peer.notify(NotifyType.INITIAL_CONTACT), exchange=INFO, message_id=9
        ),
        due_to(
            "INVALID_FLAGS", "an informational message in clear is not believed: INITIAL_CONTACT"
        ),
    ),
    "a Delete in clear": (
        lambda peer: peer.clear(
            peer.delete(Protocol.IPSEC_ESP, bytes.fromhex("0badcafe")), exchange=INFO, message_id=9
        ),
        due_to("INVALID_FLAGS", "an informational message in clear is not believed: DELETE"),
    ),
    "a Delete of the ISAKMP SA in clear beside an error": (
        lambda peer: peer.clear(
            peer.notify(NotifyType.INVALID_COOKIE),
            peer.delete(Protocol.ISAKMP, b"".join(peer.cookies)),
            exchange=INFO,
            message_id=9,
        ),
        due_to(
            "INVALID_FLAGS",
            "an informational message in clear is not believed: INVALID_COOKIE, DELETE",
        ),
    ),
    "an informational message of nothing in clear": (
        lambda peer: peer.clear(exchange=INFO, message_id=9),
        due_to("INVALID_FLAGS", "an informational message in clear is not believed: nothing"),
    ),
    "an error in clear that nobody awaits": (
        lambda peer: peer.clear(
            peer.notify(NotifyType.NO_PROPOSAL_CHOSEN), exchange=INFO, message_id=9
        ),
        f"{DROPPED}: the peer says NO_PROPOSAL_CHOSEN in clear, and none of our exchanges can be "
        "meant",
    ),
}


@pytest.mark.parametrize("case", UNDER_AN_SA)
def test_what_an_sa_does_not_take(case: str) -> None:
    """One line, no answer, no change, and the tunnel works on."""
    make, line = UNDER_AN_SA[case]
    daemon, peer, _ = joined()
    before = daemon.state()
    assert daemon.hears(make(peer)) == []
    assert daemon.log == [line]
    assert daemon.state() == before
    assert daemon.snapshot.exchanges == ()
    again = proposal(peer, message_id=9, spi=b"\0\0\2\2")
    if case not in ("an R-U-THERE that names another SA", "an R-U-THERE without its number"):
        answer_quick_mode(daemon, again)  # the message ID of what proved nothing is not used up
        assert agreed(daemon, again)


@pytest.mark.parametrize("exchange", [QM, INFO])
def test_message_id_zero_under_an_sa(exchange: ExchangeType) -> None:
    """Phase 2 has none (RFC 2408 section 3.1); once main mode is forgotten it still has none."""
    daemon, peer, quick = joined()
    daemon.passes(61)
    rest = proposal(peer).payloads()
    message = peer.protected(*rest, message_id=0, exchange=exchange)
    assert daemon.hears(message) == []
    assert daemon.log == [
        due_to("INVALID_MESSAGE_ID", f"{exchange} with message ID 0 under an ISAKMP SA")
    ]
    assert agreed(daemon, quick)


def test_garbage_that_decrypts_to_nothing() -> None:
    """Blocks nobody encrypted: the line says what they decrypt to."""
    daemon, peer, quick = joined()
    daemon.hears(body(bytes(64))(peer))
    (line,) = daemon.log
    assert "it decrypts to nonsense, " in line
    assert agreed(daemon, quick)


def test_replayed_messages_do_nothing() -> None:
    """A recorded QM1, QM3, Delete or R-U-THERE is not obeyed again, now or later."""
    daemon, peer, quick = joined()
    question = peer.protected(peer.notify(NotifyType.R_U_THERE, bytes(4)), message_id=70)
    assert len(daemon.hears(question)) == 1
    other = proposal(peer, message_id=71, spi=b"\0\0\7\1")
    qm1 = other.qm1()
    qm3 = other.qm3(daemon.answers(qm1))
    daemon.hears(qm3)
    delete = peer.protected(peer.delete(Protocol.IPSEC_ESP, other.spi), message_id=72)
    daemon.hears(delete)
    before = daemon.state()
    for wait in (0, 61):
        daemon.passes(wait)
        for message in (question, qm1, qm3, delete):
            assert daemon.hears(message) == []
    assert daemon.state() == before
    assert daemon.log == []
    assert agreed(daemon, quick)


def test_our_own_messages_come_back() -> None:
    """Reflected datagrams are never taken for the peer's."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm1 = daemon.begins()
    daemon.hears(mm1)
    daemon.hears(mm1[:8] + mm1[:8] + mm1[16:])  # as an answer under our own cookie
    mm3 = daemon.answers(peer.mm2(mm1))
    mm5 = daemon.answers(peer.mm4(mm3))
    daemon.hears(mm5)
    qm1 = daemon.answers(peer.mm6(mm5))
    daemon.hears(qm1)
    qm3 = daemon.answers(proposal(peer).qm2(qm1))
    before = daemon.state()
    for message in (mm1, mm3, mm5, qm1, qm3):
        daemon.hears(message)
    assert daemon.state() == before
    assert len(daemon.snapshot.ipsec_sas) == 1


def test_our_own_public_value_comes_back() -> None:
    """MM3 returned as MM4 would make both ends one: refused."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm3 = daemon.answers(peer.mm2(daemon.begins()))
    daemon.hears(mm3)
    (line,) = daemon.log
    assert "the peer sends our own Diffie-Hellman value back" in line


# Unknown things are skipped, not fatal


def test_unknown_payloads_and_vendor_ids_are_skipped() -> None:
    """In every message of either exchange."""
    more = (Unknown(132, b"fragment"), VendorId(b""), VendorId(b"unheard of" * 30))
    daemon, peer = Daemon(configuration()), a_peer()
    mm3 = peer.mm3(daemon.answers(peer.mm1(*more)))
    header_3, body_3 = decode_header(mm3)
    chain = peer.clear(*more)  # an unknown payload first
    assert decode_header(chain)[0].next_payload == 132
    patched = _append(mm3, more)
    assert header_3.message_id == 0
    assert body_3
    peer.finish(daemon.answers(peer.mm5(daemon.answers(patched))))
    quick = proposal(peer)
    rest = (*quick.payloads(), Unknown(200, b"private"))
    qm2 = daemon.answers(quick.qm1(rest))
    daemon.hears(quick.qm3(qm2))
    assert agreed(daemon, quick)
    assert daemon.log == []


def _append(message: bytes, more: tuple[Payload, ...]) -> bytes:
    """A message in clear with payloads put behind its own."""
    head, rest = decode_header(message)
    octets = bytearray(rest)
    position = 0
    while octets[position]:
        position += int.from_bytes(octets[position + 2 : position + 4])
    octets[position] = more[0].type_on_wire
    return head.encode(bytes(octets) + encode_chain(more))


# Main mode: what the messages hold

MM1_DIFFERENCES = {
    "cipher": (
        Phase1(encryption=EncryptionAlgorithm.TRIPLE_DES_CBC, key_length=None),
        "ENCRYPTION_ALGORITHM: got TRIPLE_DES_CBC, expected AES_CBC in [AES-128-SHA]",
    ),
    "key length": (Phase1(key_length=256), "KEY_LENGTH: got 256, expected 128 in [AES-128-SHA]"),
    "an impossible key length": (
        Phase1(key_length=100),
        "KEY_LENGTH: got 100, impossible for AES_CBC",
    ),
    "group": (
        Phase1(group=GroupDescription.MODP_2048),
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [AES-128-SHA]",
    ),
    "authentication": (
        Phase1(authentication=3),
        "AUTHENTICATION_METHOD: got RSA_SIG, expected PRE_SHARED in [AES-128-SHA]",
    ),
    "a life too long": (
        Phase1(seconds=90000),
        "LIFE_DURATION: got 90000, expected 60:86400 seconds in [LIFE_MAIN_MODE]",
    ),
    "a life of nothing": (Phase1(seconds=0), "LIFE_DURATION of 0 seconds is no life"),
    "a PRF": (Phase1(more=(Attribute.of(13, 1),)), "PRF is not supported"),
    "an attribute nobody knows": (
        Phase1(more=(Attribute.of(16000, 1),)),
        "Phase1Attribute_16000 is not supported",
    ),
    "an attribute twice": (
        Phase1(more=(Attribute.of(2, 1),)),
        "HASH_ALGORITHM is given twice",
    ),
    "a number of thousands of digits": (
        Phase1(key_length=None, more=(Attribute(14, b"\xff" * 4000, basic=False),)),
        "KEY_LENGTH of 4000 octets is too large",
    ),
}


@pytest.mark.parametrize("case", MM1_DIFFERENCES)
def test_a_main_mode_proposal_that_differs(case: str) -> None:
    """One line with both values, section and tag; the peer gets one notify in clear."""
    offer, difference = MM1_DIFFERENCES[case]
    daemon, peer = Daemon(configuration()), a_peer(offer)
    mm1 = peer.mm1()
    (answer,) = daemon.hears(mm1)
    (notify,) = peer.read(answer).payloads
    assert notify == replace(peer.notify(NotifyType.NO_PROPOSAL_CHOSEN), spi=answer[:16])
    assert len(answer) <= len(mm1)
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: no compatible proposal found: {difference} "
        "([main-mode]:Transforms decides)"
    ]
    for _ in range(5):
        assert daemon.hears(mm1) == [], "what is refused is refused once"
    assert len(daemon.log) == 1
    answer_main_mode(daemon, a_peer(cookie=b"cookie 2"))


def phase1_sa(peer: Peer, **changes: object) -> SecurityAssociation:
    """The phase 1 proposal, changed."""
    sa = peer.sa()
    return replace(sa, proposals=(replace(sa.proposals[0], **changes),))  # type: ignore[arg-type]


def test_phase_1_proposals_of_odd_shape() -> None:
    """DOI, situation, protocol, number of proposals and of transforms."""
    peer = a_peer()
    sa = peer.sa()
    cases: list[tuple[SecurityAssociation, str]] = [
        (replace(sa, doi=9), "DOI Doi_9 is not IPSEC"),  # type: ignore[arg-type]
        (replace(sa, situation=4), "situation 4 is not identity only"),
        (replace(sa, proposals=()), "0 proposals in phase 1, expected 1"),
        (replace(sa, proposals=sa.proposals * 2), "2 proposals in phase 1, expected 1"),
        (
            phase1_sa(peer, protocol=Protocol.IPSEC_ESP),
            "phase 1 proposal for IPSEC_ESP, expected ISAKMP",
        ),
        (phase1_sa(peer, transforms=()), "the peer offers no transform"),
        (
            phase1_sa(peer, transforms=(replace(sa.proposals[0].transforms[0], transform_id=2),)),
            "transform id 2 is not KEY_IKE",
        ),
    ]
    for odd, sentence in cases:
        daemon = Daemon(configuration())
        daemon.hears(peer.clear(odd))
        (line,) = daemon.log
        assert sentence in line, line


BAD_MM3: dict[str, tuple[tuple[Payload, ...], str]] = {
    "short KE": (
        (KeyExchange(b"\2"), Nonce(bytes(16))),
        "a Diffie-Hellman value of 1 octets, expected 128 for MODP_1024",
    ),
    "empty KE": (
        (KeyExchange(b""), Nonce(bytes(16))),
        "a Diffie-Hellman value of 0 octets, expected 128 for MODP_1024",
    ),
    "KE of another group": (
        (KeyExchange(key_pair(GroupDescription.MODP_2048)[1]), Nonce(bytes(16))),
        "a Diffie-Hellman value of 256 octets, expected 128 for MODP_1024",
    ),
    "KE 0": (
        (KeyExchange(bytes(128)), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    "KE 1": (
        (KeyExchange(bytes(127) + b"\1"), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    "KE beyond p": (
        (KeyExchange(b"\xff" * 128), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    **{
        f"nonce of {length}": (
            (KeyExchange(key_pair(GroupDescription.MODP_1024)[1]), Nonce(bytes(length))),
            f"a nonce of {length} octets, expected 8 to 256",
        )
        for length in (0, 7, 257)
    },
}


@pytest.mark.parametrize("case", BAD_MM3)
@pytest.mark.parametrize("answers", [True, False])
def test_key_exchange_and_nonce_of_main_mode(case: str, answers: bool) -> None:
    """Message 3 or 4 with unsafe values ends the exchange with one line and one notify."""
    payloads, sentence = BAD_MM3[case]
    daemon, peer = Daemon(configuration(answers=answers)), a_peer()
    if answers:
        peer.mm3(daemon.answers(peer.mm1()))
    else:
        daemon.answers(peer.mm2(daemon.begins()))
    message = peer.clear(*payloads)
    sent = daemon.hears(message)
    assert daemon.log == [f"peer: phase 1 with {PEER}:500 failed: {sentence}"]
    assert [len(octets) <= len(message) for octets in sent] == [True] * (len(message) > 100)


# Floods


def test_a_flood_of_first_messages_is_bounded_and_others_get_through() -> None:
    """The oldest half-open exchanges give way; tunnels and honest peers go on."""
    daemon, peer, _ = joined()
    for number in range(3000):
        cookie = b"f" + number.to_bytes(7)
        daemon.hears(a_peer(cookie=cookie).mm1())
    exchanges = daemon.snapshot.exchanges
    assert 0 < len(exchanges) <= HALF_OPEN_LIMIT_OF_ADDRESS
    assert len(daemon.snapshot.timers) < 100
    assert len(daemon.log) <= 60
    honest = a_peer(cookie=b"honest c")
    answer_main_mode(daemon, honest)
    again = proposal(peer, message_id=3, spi=b"\0\0\3\3")
    answer_quick_mode(daemon, again)
    assert agreed(daemon, again)


def test_a_flood_from_everywhere_is_bounded_in_all() -> None:
    """With a Default peer, addresses cost an attacker nothing: one limit holds for all."""
    more = "[everyone]\nPhase= 1\nConfiguration= main-mode\nAuthentication= mekmitasdigoat\n"
    daemon = Daemon(configuration(phase_1="Default= everyone", more=more))
    for number in range(2 * HALF_OPEN_LIMIT):
        source = IPv4Address(0x0B000000 + number)
        daemon.hears(a_peer(cookie=b"f" + number.to_bytes(7)).mm1(), source=source)
    assert len(daemon.snapshot.exchanges) == HALF_OPEN_LIMIT
    assert len(daemon.log) <= 60
    daemon.passes(200)
    assert daemon.snapshot.exchanges == ()
    assert daemon.snapshot.timers == ()


def test_peers_that_proved_to_receive_are_not_pushed_out() -> None:
    """Whoever has answered our cookie keeps its place against those who have not."""
    daemon, peer = Daemon(configuration()), a_peer(cookie=b"honest c")
    mm4 = daemon.answers(peer.mm3(daemon.answers(peer.mm1())))
    for number in range(100):
        daemon.hears(a_peer(cookie=b"f" + number.to_bytes(7)).mm1())
    peer.finish(daemon.answers(peer.mm5(mm4)))


def test_message_3_needs_our_cookie() -> None:
    """A spoofed sender cannot make us compute: message 3 under a zero cookie is none."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm3 = peer.mm3(daemon.answers(peer.mm1()))
    assert daemon.hears(mm3[:8] + bytes(8) + mm3[16:]) == []
    assert daemon.log == [
        due_to("INVALID_COOKIE", "a first message under the cookie of another exchange")
    ]
    assert [exchange.step for exchange in daemon.snapshot.exchanges] == [0]
    peer.finish(daemon.answers(peer.mm5(daemon.answers(mm3))))


def test_refusals_are_answered_rarely_and_never_at_length() -> None:
    """A flood of bad proposals gets a handful of notifies, a tiny message none at all."""
    daemon = Daemon(configuration())
    answers = [
        daemon.hears(a_peer(Phase1(key_length=256), cookie=b"f" + n.to_bytes(7)).mm1())
        for n in range(500)
    ]
    assert sum(map(len, answers)) <= 5
    tiny = replace(a_peer().sa(), proposals=())
    daemon.passes(300)
    assert daemon.hears(a_peer().clear(tiny)) == []


def test_an_address_nobody_configured() -> None:
    """The line says which section would decide."""
    daemon = Daemon(configuration())
    stranger = IPv4Address("198.51.100.9")
    assert daemon.hears(a_peer().mm1(), source=stranger) == []
    assert daemon.log == [
        f"dropped message from {stranger} port 500: no peer section for {stranger} "
        f"([Phase 1]:{stranger} or Default decides)"
    ]


def test_a_proposal_of_the_largest_size_is_read_quickly_and_refused() -> None:
    """255 transforms, none of them right."""
    peer = a_peer()
    (transform,) = peer.sa().proposals[0].transforms
    many = tuple(
        replace(transform, number=n, attributes=Phase1(key_length=256).attributes())
        for n in range(255)
    )
    daemon = Daemon(configuration(transforms="AES-128-SHA,AES-128-MD5,AES-192-SHA,3DES-SHA"))
    daemon.hears(peer.clear(phase1_sa(peer, transforms=many)))
    (line,) = daemon.log
    assert "no compatible proposal found" in line
    assert len(line) < 300


def test_the_message_ids_an_sa_remembers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the ISAKMP SA goes, the tunnel does not."""
    monkeypatch.setattr("isakmpd.ike.informational.MESSAGE_ID_LIMIT", 100)
    daemon, peer, quick = joined()
    for number in range(1, 100):
        question = peer.notify(NotifyType.R_U_THERE, number.to_bytes(4))
        daemon.hears(peer.protected(question, message_id=number))
        if not daemon.snapshot.isakmp_sas:
            break
    (line,) = daemon.log
    assert "all we remember against replay" in line
    assert daemon.snapshot.isakmp_sas == ()
    assert agreed(daemon, quick)


# Properties


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_leave_a_tunnel_alone(octets: bytes) -> None:
    daemon, _, quick = joined()
    daemon.hears(octets)
    assert agreed(daemon, quick)
    assert len(daemon.log) <= 1


@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutants_of_true_messages_leave_a_tunnel_alone(data: st.DataObject) -> None:
    """Bits flipped, parts cut and repeated, lengths corrected: nothing is raised or lost."""
    daemon, peer, quick = joined()
    other = a_peer(cookie=b"cookie 2")
    second = proposal(peer, message_id=2, spi=b"\0\0\2\2")
    mm1 = other.mm1()
    mm3 = other.mm3(daemon.answers(mm1))
    mm5 = other.mm5(daemon.answers(mm3))
    question = peer.protected(peer.notify(NotifyType.R_U_THERE, bytes(4)), message_id=5)
    for _ in range(data.draw(st.integers(1, 8))):
        message = bytearray(data.draw(st.sampled_from([mm1, mm3, mm5, second.qm1(), question])))
        for _ in range(data.draw(st.integers(0, 4))):
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(message)))
        message = message[:cut] + message[data.draw(st.integers(0, len(message))) :]
        if data.draw(st.booleans()):
            message[24:28] = len(message).to_bytes(4)
        daemon.hears(bytes(message))
        assert agreed(daemon, quick)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 30)), max_size=40))
def test_any_order_and_repetition_of_a_whole_conversation(plan: list[tuple[int, float]]) -> None:
    """A recorded conversation played to its own daemon in any order, at any time."""
    daemon, peer = Daemon(configuration()), a_peer()
    recorded = [peer.mm1()]
    recorded.append(peer.mm3(daemon.answers(recorded[-1])))
    recorded.append(peer.mm5(daemon.answers(recorded[-1])))
    peer.finish(daemon.answers(recorded[-1]))
    quick = proposal(peer, Phase2(seconds=7200))
    recorded.append(quick.qm1())
    recorded.append(quick.qm3(daemon.answers(recorded[-1])))
    daemon.hears(recorded[-1])
    recorded += [
        peer.protected(peer.notify(NotifyType.R_U_THERE, bytes(4)), message_id=n) for n in (5, 6)
    ]
    for index, wait in plan:
        daemon.passes(wait)
        daemon.hears(recorded[index % len(recorded)])
        assert agreed(daemon, quick)
    assert len(daemon.snapshot.ipsec_sas) == 1


def test_the_peer_may_begin_anew_at_any_time() -> None:
    """A second main mode and quick mode beside the first."""
    daemon, _ = met()
    for number in range(1, 6):
        peer = a_peer(cookie=b"cookie %d" % number)
        answer_main_mode(daemon, peer)
        quick = proposal(peer, spi=(0x1000 + number).to_bytes(4))
        answer_quick_mode(daemon, quick)
        assert agreed(daemon, quick)
