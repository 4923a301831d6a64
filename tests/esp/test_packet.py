"""One SA's packets: numbered, authenticated before anything else is believed, padding checked."""

from __future__ import annotations

import random
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.crypto.esp_ciphers import AesGcm, EspCipher, NotAuthentic
from isakmpd.esp.algorithms import Unsupported, cipher_for
from isakmpd.esp.inner import IPV4
from isakmpd.esp.packet import LAST_SEQUENCE, Dropped, Opener, Sealer, largest_payload
from isakmpd.esp.replay import ReplayWindow
from isakmpd.wire.numbers import AuthenticationAlgorithm as Auth
from isakmpd.wire.numbers import EspTransform

SPI = 0x12345678
SUITES = {
    "gcm": (EspTransform.AES_GCM_16, Auth.NONE, bytes(20), b""),
    "cbc": (EspTransform.AES, Auth.HMAC_SHA2_256, bytes(16), bytes(32)),
    "3des": (EspTransform.TRIPLE_DES, Auth.HMAC_SHA, bytes(range(24)), bytes(20)),
    "blowfish": (EspTransform.BLOWFISH, Auth.HMAC_MD5, bytes(16), bytes(16)),
    "cast": (EspTransform.CAST, Auth.HMAC_RIPEMD, bytes(16), bytes(20)),
    "ctr": (EspTransform.AES_CTR, Auth.HMAC_SHA, bytes(20), bytes(20)),
    "null": (EspTransform.NULL, Auth.HMAC_SHA2_384, b"", bytes(48)),
    "gmac": (EspTransform.AES_GMAC, Auth.NONE, bytes(20), b""),
}


def cipher(name: str) -> EspCipher:
    return cipher_for(*SUITES[name], random.Random(1).randbytes)


def pair(name: str) -> tuple[Sealer, Opener]:
    return Sealer(SPI, cipher(name)), Opener(cipher(name), ReplayWindow())


@pytest.mark.parametrize("name", SUITES)
class TestPacket:
    """What holds for every cipher."""

    def test_sequence_numbers_start_at_one(self, name: str) -> None:
        sealer, _ = pair(name)
        assert [sealer.seal(b"", IPV4)[:8] for _ in range(3)] == [
            pack(">II", SPI, number) for number in (1, 2, 3)
        ]

    def test_they_end_and_never_wrap(self, name: str) -> None:
        sealer = Sealer(SPI, cipher(name), LAST_SEQUENCE - 1)
        assert sealer.seal(b"", IPV4)[4:8] == b"\xff\xff\xff\xff"
        for _ in range(2):
            with pytest.raises(Dropped, match="sequence numbers exhausted"):
                sealer.seal(b"", IPV4)

    def test_a_packet_altered_anywhere_is_not_authentic(self, name: str) -> None:
        sealer, opener = pair(name)
        packet = sealer.seal(b"payload", IPV4)
        for position in range(len(packet)):
            altered = bytearray(packet)
            altered[position] ^= 0x80
            with pytest.raises(NotAuthentic):
                opener.open(bytes(altered))
        assert opener.open(packet) == (b"payload", IPV4)

    def test_a_packet_cut_anywhere_is_not_authentic(self, name: str) -> None:
        sealer, opener = pair(name)
        packet = sealer.seal(b"payload", IPV4)
        for length in range(8, len(packet)):
            with pytest.raises(NotAuthentic):
                opener.open(packet[:length])

    def test_a_forged_number_does_not_move_the_window(self, name: str) -> None:
        sealer, opener = pair(name)
        first = sealer.seal(b"1", IPV4)
        with pytest.raises(NotAuthentic):
            opener.open(first[:4] + b"\xff" * 4 + first[8:])
        assert opener.open(first) == (b"1", IPV4)

    def test_a_replay_is_dropped(self, name: str) -> None:
        sealer, opener = pair(name)
        packet = sealer.seal(b"1", IPV4)
        opener.open(packet)
        with pytest.raises(Dropped, match="replayed"):
            opener.open(packet)

    @pytest.mark.parametrize(
        "trailer",
        [
            b"\x01\x02\x04" + bytes((3, IPV4)),  # 1, 2, 4
            b"\x00" * 3 + bytes((3, IPV4)),
            b"\x01\x02\x03" + bytes((255, IPV4)),  # longer than the packet
        ],
    )
    def test_bad_padding_is_dropped(self, name: str, trailer: bytes) -> None:
        sealing, opener = cipher(name), Opener(cipher(name), ReplayWindow())
        payload = bytes(sealing.alignment - len(trailer) % sealing.alignment)
        with pytest.raises(Dropped, match="bad padding"):
            opener.open(sealing.seal(pack(">II", SPI, 1), payload + trailer))

    def test_padding_beyond_need_is_accepted(self, name: str) -> None:
        sealing, opener = cipher(name), Opener(cipher(name), ReplayWindow())
        padding = bytes(range(1, 255))
        trailer = padding + bytes((254, IPV4))
        plaintext = bytes(-len(trailer) % sealing.alignment) + trailer
        payload, _ = opener.open(sealing.seal(pack(">II", SPI, 1), plaintext))
        assert payload == plaintext[: -len(trailer)]

    def test_the_largest_payload_fits_and_one_octet_more_does_not(self, name: str) -> None:
        sealer, _ = pair(name)
        for room in range(100, 140):
            largest = largest_payload(room, sealer.cipher)
            assert len(sealer.seal(bytes(largest), IPV4)) <= room
            assert len(sealer.seal(bytes(largest + 1), IPV4)) > room

    def test_garbage_is_refused_without_a_traceback(self, name: str) -> None:
        _, opener = pair(name)
        source = random.Random(7)
        for length in range(8, 200):
            with pytest.raises((NotAuthentic, Dropped)):
                opener.open(source.randbytes(length))


@pytest.mark.property
@given(st.binary(max_size=300), st.sampled_from(sorted(SUITES)), st.integers(0, 255))
def test_what_is_sealed_opens_to_the_same(payload: bytes, name: str, next_header: int) -> None:
    sealer, opener = pair(name)
    assert opener.open(sealer.seal(payload, next_header)) == (payload, next_header)


def test_cbc_ivs_come_from_the_entropy_and_do_not_repeat() -> None:
    draws: list[int] = []

    def entropy(octets: int) -> bytes:
        draws.append(octets)
        return bytes(octets)  # the worst source there is

    sealer = Sealer(SPI, cipher_for(*SUITES["cbc"], entropy))
    ivs = {sealer.seal(b"same", IPV4)[8:24] for _ in range(100)}
    assert (len(ivs), draws) == (100, [16] * 100)


@pytest.mark.parametrize("name", ["gcm", "gmac", "ctr"])
def test_ivs_of_counter_modes_are_the_sequence_numbers(name: str) -> None:
    sealer, _ = pair(name)
    assert [sealer.seal(b"", IPV4)[8:16] for _ in range(3)] == [pack(">Q", n) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("suite", "reason"),
    [
        ((EspTransform.AES, Auth.NONE, bytes(16), b""), "no authentication protects nothing"),
        ((EspTransform.AES, Auth.HMAC_MD5, bytes(17), bytes(16)), "16, 24 or 32 octets, not 17"),
        ((EspTransform.AES, Auth.HMAC_MD5, bytes(16), bytes(20)), "16 octets, not 20"),
        ((EspTransform.TRIPLE_DES, Auth.HMAC_MD5, bytes(16), bytes(16)), "24 octets, not 16"),
        ((EspTransform.AES_GCM_16, Auth.NONE, bytes(16), b""), "20, 28 or 36 octets, not 16"),
        ((EspTransform.AES_GCM_16, Auth.HMAC_SHA, bytes(20), bytes(20)), "authenticates by itself"),
        ((EspTransform.AES_GMAC, Auth.NONE, bytes(16), b""), "20, 28 or 36 octets, not 16"),
        ((EspTransform.AES_GMAC, Auth.HMAC_SHA, bytes(20), bytes(20)), "authenticates by itself"),
        ((EspTransform.AES_CTR, Auth.NONE, bytes(20), b""), "no authentication protects nothing"),
        ((EspTransform.AES_CTR, Auth.HMAC_MD5, bytes(16), bytes(16)), "20, 28 or 36 octets"),
        ((EspTransform.BLOWFISH, Auth.HMAC_SHA, bytes(57), bytes(20)), "5 to 56 octets, not 57"),
        ((EspTransform.BLOWFISH, Auth.HMAC_SHA, bytes(4), bytes(20)), "5 to 56 octets, not 4"),
        ((EspTransform.CAST, Auth.HMAC_SHA, bytes(17), bytes(20)), "5 to 16 octets, not 17"),
        ((EspTransform.CAST, Auth.NONE, bytes(16), b""), "no authentication protects nothing"),
        ((EspTransform.NULL, Auth.NONE, b"", b""), "NULL and no authentication protects nothing"),
        ((EspTransform.NULL, Auth.HMAC_SHA, bytes(16), bytes(20)), "NULL takes no key"),
        ((EspTransform.AES, Auth.KPDK, bytes(16), bytes(20)), "KPDK is not available"),
        ((EspTransform.AES, Auth.HMAC_RIPEMD, bytes(16), bytes(16)), "20 octets, not 16"),
        ((EspTransform.DES, Auth.HMAC_SHA, bytes(8), bytes(20)), "with DES is not available"),
        ((EspTransform(77), Auth.HMAC_SHA, bytes(16), bytes(20)), "EspTransform_77 is not"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    suite: tuple[EspTransform, Auth, bytes, bytes], reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        cipher_for(*suite, random.Random(1).randbytes)


def test_no_key_shows_in_a_repr() -> None:
    assert "41414141" not in repr(AesGcm(b"A" * 20)).encode().hex()
