"""Sealing and opening messages (RFC 2409 appendix B)."""

import pytest

from isakmpd.crypto.ciphers import Cbc
from isakmpd.ike.framing import Sealing, Unproven, frame, in_clear
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    EncryptionAlgorithm,
    ExchangeType,
    Flags,
    NotifyType,
    PayloadType,
)
from isakmpd.wire.payloads import Hash, Nonce, Payload

HEADER = Header(b"initiatr", b"responde", PayloadType.NONE, ExchangeType.INFO, Flags.NONE, 7)
PAYLOADS: tuple[Payload, ...] = (Hash(b"h" * 20), Nonce(b"n" * 16))
CIPHERS = [(EncryptionAlgorithm.AES_CBC, 16, 16), (EncryptionAlgorithm.TRIPLE_DES_CBC, 24, 8)]


def sealing(cipher: tuple[EncryptionAlgorithm, int, int], key: int = 1) -> Sealing:
    """One end of a conversation."""
    algorithm, octets, block = cipher
    return Sealing(Cbc(algorithm, bytes(range(key, key + octets))), bytes(block))


@pytest.mark.parametrize("cipher", CIPHERS)
def test_two_ends_chain_their_ivs_through_both_directions(
    cipher: tuple[EncryptionAlgorithm, int, int],
) -> None:
    """Each message starts from the last block of the one before it, whoever sent that."""
    one, other = sealing(cipher), sealing(cipher)
    for sender, receiver in ((one, other), (other, one), (one, other)):
        framed = sender.seal(HEADER, PAYLOADS)
        header, body = decode_header(framed.octets)
        assert header.encrypted
        assert header.next_payload == PayloadType.HASH
        assert receiver.open(header, body).payloads == PAYLOADS
        receiver.accept(body)
        assert sender.last_block == receiver.last_block == body[-cipher[2] :]


@pytest.mark.parametrize("length", range(33))
def test_padding_is_zeros_to_the_block_and_none_where_it_fits(length: int) -> None:
    """No pad length octet; the copy for the capture has none."""
    framed = sealing(CIPHERS[0]).seal(HEADER, (Nonce(b"n" * length),))
    assert len(framed.octets) == 28 + -(-(4 + length) // 16) * 16
    assert len(framed.clear) == 28 + 4 + length


def test_what_was_not_accepted_leaves_the_iv_alone() -> None:
    """A forgery in between does not spoil the true message."""
    one, other = sealing(CIPHERS[0]), sealing(CIPHERS[0])
    header, body = decode_header(one.seal(HEADER, PAYLOADS).octets)
    with pytest.raises(Unproven):
        other.open(header, b"forged block one" + body[16:])
    assert other.open(header, body).payloads == PAYLOADS


@pytest.mark.parametrize("length", [0, 1, 15, 17, 100])
def test_ciphertext_comes_in_blocks(length: int) -> None:
    """Nothing is decrypted otherwise, and no key is suspected."""
    with pytest.raises(Malformed) as fault:
        sealing(CIPHERS[0]).open(HEADER, bytes(length))
    assert fault.value.notify == NotifyType.UNEQUAL_PAYLOAD_LENGTHS
    assert not isinstance(fault.value, Unproven)


def test_another_key_is_suspected_where_decryption_makes_no_sense() -> None:
    """The sentence says what was found instead of payloads."""
    header, body = decode_header(sealing(CIPHERS[0]).seal(HEADER, PAYLOADS).octets)
    with pytest.raises(Unproven, match="it decrypts to nonsense"):
        sealing(CIPHERS[0], key=2).open(header, body)


def test_in_clear_a_message_is_as_it_was_before_encryption() -> None:
    """For the capture file."""
    one, other = sealing(CIPHERS[0]), sealing(CIPHERS[0])
    framed = one.seal(HEADER, PAYLOADS)
    header, body = decode_header(framed.octets)
    assert in_clear(header, other.open(header, body)) == framed.clear
    assert frame(HEADER, PAYLOADS).octets == framed.clear


def test_a_message_of_nothing() -> None:
    """A header alone announces no payload."""
    assert decode_header(frame(HEADER, ()).octets)[0].next_payload == PayloadType.NONE
