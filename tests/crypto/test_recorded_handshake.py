"""The original's own handshake: from its key and what crossed the wire follows all it computed."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from isakmpd.crypto.ciphers import Cbc
from isakmpd.crypto.hashes import Prf, PrfKind, digest
from isakmpd.crypto.keymat import esp_key_lengths, keymat
from isakmpd.crypto.skeyid import SkeyId, cipher_key, from_pre_shared_key
from isakmpd.wire.header import HEADER_LENGTH, decode_header
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncryptionAlgorithm,
    EspTransform,
    HashAlgorithm,
    Protocol,
)
from isakmpd.wire.payloads import (
    Chain,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    SecurityAssociation,
    decode_chain,
)
from tests.vectors.handshake import Informational, Message, QuickMode, handshake

RECORD = handshake()
MAIN = RECORD.main_mode
INITIATOR_COOKIE, RESPONDER_COOKIE = RECORD.cookies
SHA = HashAlgorithm.SHA
PRF = PrfKind(SHA)
AES = EncryptionAlgorithm.AES_CBC


def derived() -> SkeyId:
    """The ISAKMP SA's keys, computed from the record's inputs."""
    return from_pre_shared_key(
        PRF, RECORD.pre_shared_key, MAIN.ni, MAIN.nr, MAIN.g_xy, INITIATOR_COOKIE, RESPONDER_COOKIE
    )


def chain(message: Message) -> Chain:
    """The decoded payloads of a message."""
    header, _ = decode_header(message.datagram)
    return decode_chain(header.next_payload, message.body)


def messages_of(message_id: bytes) -> list[Message]:
    """The messages of one exchange, in the order they were sent."""
    return [message for message in RECORD.messages if message.datagram[20:24] == message_id]


PHASE_1 = [chain(message) for message in messages_of(bytes(4))]


def sealed() -> Iterator[tuple[Message, bytes, bytes]]:
    """Every encrypted message with its IV and ciphertext, the IVs chained as RFC 2409 says."""
    last_blocks = {bytes(4): digest(SHA, MAIN.g_xi, MAIN.g_xr)[:16]}
    for message in RECORD.messages:
        if message.plaintext is None:
            continue
        message_id = message.datagram[20:24]
        iv = last_blocks.get(message_id)
        if iv is None:
            iv = digest(SHA, last_blocks[bytes(4)], message_id)[:16]
        last_blocks[message_id] = message.datagram[-16:]
        yield message, iv, message.datagram[HEADER_LENGTH:]


def test_skeyid_and_its_three_derivatives() -> None:
    """SKEYID, SKEYID_d, _a and _e follow from key, nonces, g^xy and cookies."""
    expected = SkeyId(PRF, MAIN.skeyid, MAIN.skeyid_d, MAIN.skeyid_a, MAIN.skeyid_e)
    assert derived() == expected


def test_the_cipher_key_is_the_head_of_skeyid_e() -> None:
    """AES-128 takes the first 16 of SHA-1's 20 octets."""
    assert cipher_key(derived(), AES, 128) == MAIN.cipher_key


def test_phase_1_ivs() -> None:
    """The first IV is hash(g^xi | g^xr); what phase 2 starts from is the last ciphertext block."""
    assert digest(SHA, MAIN.g_xi, MAIN.g_xr)[:16] == MAIN.iv
    assert messages_of(bytes(4))[-1].datagram[-16:] == MAIN.last_block


@pytest.mark.parametrize("exchange", [*RECORD.quick_modes, *RECORD.informational])
def test_phase_2_ivs(exchange: QuickMode | Informational) -> None:
    """An exchange's first IV is hash(last phase 1 block | M-ID) (RFC 2409 appendix B)."""
    assert digest(SHA, MAIN.last_block, exchange.message_id)[:16] == exchange.iv


def test_every_encrypted_message_decrypts_and_encrypts_again_under_one_context() -> None:
    """Bit for bit, both ways, IVs chained across both directions."""
    cipher = Cbc(AES, MAIN.cipher_key)
    count = 0
    for message, iv, ciphertext in sealed():
        assert message.plaintext is not None
        assert cipher.decrypt(iv, ciphertext) == message.plaintext
        assert cipher.encrypt(iv, message.plaintext) == ciphertext
        count += 1
    assert count == 11


def test_hash_i_and_hash_r_cover_what_was_sent() -> None:
    """HASH_I and HASH_R take SA and ID bodies as they stood on the wire."""
    prf = Prf(SHA, MAIN.skeyid)
    sa = PHASE_1[0].body_of(SecurityAssociation)
    id_i, id_r = (PHASE_1[index].body_of(Identification) for index in (4, 5))
    hash_i = prf(MAIN.g_xi, MAIN.g_xr, INITIATOR_COOKIE, RESPONDER_COOKIE, sa, id_i)
    hash_r = prf(MAIN.g_xr, MAIN.g_xi, RESPONDER_COOKIE, INITIATOR_COOKIE, sa, id_r)
    assert (hash_i, hash_r) == (MAIN.hash_i, MAIN.hash_r)
    assert [PHASE_1[index].body_of(Hash) for index in (4, 5)] == [hash_i, hash_r]


def test_the_key_exchange_and_nonces_are_those_of_the_messages() -> None:
    """What was computed with is what was sent."""
    assert [PHASE_1[index].body_of(KeyExchange) for index in (2, 3)] == [MAIN.g_xi, MAIN.g_xr]
    assert [PHASE_1[index].body_of(Nonce) for index in (2, 3)] == [MAIN.ni, MAIN.nr]


def test_nat_discovery_hashes_the_remote_end_first() -> None:
    """NAT-D is HASH(CKY-I | CKY-R | address | port) (RFC 3947 section 3.2)."""

    def nat_d(address: IPv4Address) -> bytes:
        port = (500).to_bytes(2)
        return digest(SHA, INITIATOR_COOKIE, RESPONDER_COOKIE, address.packed, port)

    initiator, responder = nat_d(RECORD.initiator), nat_d(RECORD.responder)
    assert [item.data for item in PHASE_1[2].all(NatDiscovery)] == [responder, initiator]
    assert [item.data for item in PHASE_1[3].all(NatDiscovery)] == [initiator, responder]


@pytest.mark.parametrize("quick", RECORD.quick_modes)
def test_quick_mode_hashes(quick: QuickMode) -> None:
    """HASH(1), HASH(2) and HASH(3) cover what follows them (RFC 2409 section 5.5)."""
    prf = Prf(SHA, MAIN.skeyid_a)
    first, second, third = (chain(message) for message in messages_of(quick.message_id))
    hash_1 = prf(quick.message_id, first.after_first)
    hash_2 = prf(quick.message_id, quick.ni, second.after_first)
    hash_3 = prf(b"\0", quick.message_id, quick.ni, quick.nr)
    assert (hash_1, hash_2, hash_3) == (quick.hash_1, quick.hash_2, quick.hash_3)
    assert [c.body_of(Hash) for c in (first, second, third)] == [hash_1, hash_2, hash_3]


@pytest.mark.parametrize("quick", RECORD.quick_modes)
def test_quick_mode_carries_what_it_computes_with(quick: QuickMode) -> None:
    """Nonces, public values and SPIs are those of the messages."""
    first, second, _ = (chain(message) for message in messages_of(quick.message_id))
    assert [c.body_of(Nonce) for c in (first, second)] == [quick.ni, quick.nr]
    assert [c.body_of(KeyExchange) for c in (first, second)] == [quick.g_xi, quick.g_xr]
    spis = [c.all(SecurityAssociation)[0].proposals[0].spi for c in (first, second)]
    assert spis == [quick.keymat[1].spi, quick.keymat[0].spi]


@pytest.mark.parametrize("quick", RECORD.quick_modes)
def test_keymat_of_both_directions(quick: QuickMode) -> None:
    """Each SA's keys follow from its SPI; with PFS from the quick mode's own g^xy."""
    lengths = esp_key_lengths(EspTransform.AES, 128, AuthenticationAlgorithm.HMAC_SHA)
    assert lengths == (16, 20)
    for direction in quick.keymat:
        octets = keymat(
            PRF,
            MAIN.skeyid_d,
            quick.g_xy,
            Protocol.IPSEC_ESP,
            direction.spi,
            quick.ni,
            quick.nr,
            sum(lengths),
        )
        assert octets == direction.octets


@pytest.mark.parametrize("one", RECORD.informational)
def test_informational_hashes(one: Informational) -> None:
    """HASH(1) of a delete covers M-ID and the delete (RFC 2409 section 5.7)."""
    (message,) = messages_of(one.message_id)
    sent = chain(message)
    hash_1 = Prf(SHA, MAIN.skeyid_a)(one.message_id, sent.after_first)
    assert hash_1 == one.hash_1 == sent.body_of(Hash)
