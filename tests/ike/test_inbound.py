"""Bad input: whatever arrives is one understandable line, and nothing is lost."""

from collections.abc import Callable

import pytest

from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.numbers import (
    ConfigurationType,
    ExchangeType,
    Flags,
    NotifyType,
    PayloadType,
    Protocol,
)
from isakmpd.wire.payloads import (
    AttributePayload,
    Hash,
    Payload,
    Unknown,
    VendorId,
    encode_chain,
)
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.peer import Peer
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
    "version 1.1": (with_octet(17, 0x11), due_to("INVALID_MINOR_VERSION", "version 1.1")),
    "a flag nobody knows": (with_octet(19, 8), due_to("INVALID_FLAGS", "flags 0x08")),
    "no initiator cookie": (
        header(cookies=(bytes(8), bytes(8))).encode(b""),
        due_to("INVALID_COOKIE", "initiator cookie is zero"),
    ),
    "aggressive mode": (
        header(exchange=ExchangeType.AGGRESSIVE).encode(b""),
        due_to("PAYLOAD_MALFORMED", "aggressive mode message 1 without SA, KE, NONCE, ID"),
    ),
    "base mode": (
        header(exchange=ExchangeType.BASE).encode(b""),
        due_to(
            "UNSUPPORTED_EXCHANGE_TYPE",
            "the peer begins with exchange type BASE, only main mode (ID_PROT) and aggressive "
            "mode (AGGRESSIVE) are answered",
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
        rest: tuple[Payload, ...] = (peer.notify(NotifyType.R_U_THERE, bytes(4)),)
        if exchange == QM:
            rest = proposal(peer).payloads()
        elif exchange == ExchangeType.TRANSACTION:
            rest = (AttributePayload(ConfigurationType.REQUEST, 1, ()),)
        proof = peer.prf(peer.skeyid_a, (9).to_bytes(4), encode_chain(rest))
        wrong = (proof + bytes(100))[:length]
        return peer.seal((Hash(wrong), *rest), peer.phase2_iv(9), exchange, 9)

    return make


HASH_LENGTHS = [0, 1, 4, 19, 21, 32, 64]
UNDER_AN_SA: dict[str, tuple[Under, str]] = {
    **{
        f"quick mode with {length} octets of HASH": (
            hash_of(length, QM),
            due_to("INVALID_HASH_INFORMATION", "HASH of quick mode message 1 is wrong"),
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
        f"a transaction with {length} octets of HASH": (
            hash_of(length, ExchangeType.TRANSACTION),
            due_to("INVALID_HASH_INFORMATION", "HASH of transaction message 1 is wrong"),
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
    "a transaction without attributes": (
        sealed(Hash(bytes(20)), exchange=ExchangeType.TRANSACTION),
        due_to("PAYLOAD_MALFORMED", "transaction message 1 without ATTRIBUTE"),
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
    assert "it decrypts to nonsense" in line
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


def test_the_peer_may_begin_anew_at_any_time() -> None:
    """A second main mode and quick mode beside the first."""
    daemon, _ = met()
    for number in range(1, 6):
        peer = a_peer(cookie=b"cookie %d" % number)
        answer_main_mode(daemon, peer)
        quick = proposal(peer, spi=(0x1000 + number).to_bytes(4))
        answer_quick_mode(daemon, quick)
        assert agreed(daemon, quick)
