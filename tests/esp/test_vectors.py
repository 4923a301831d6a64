"""Packets the RFCs and drafts print, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from isakmpd.crypto.esp_ciphers import AesGcm, AesGmac, CbcHmac, CtrHmac, NullHmac
from isakmpd.crypto.truncated_hmac import HMACS, truncated_hmac
from isakmpd.esp.packet import Opener, Sealer
from isakmpd.esp.replay import ReplayWindow


class NoIcv:
    """Stand for the missing authenticator of the samples of RFC 3602 and RFC 3686."""

    def copy(self) -> NoIcv:
        return self

    def update(self, data: bytes, /) -> None:
        """Look at nothing."""

    def finalize(self) -> bytes:
        return b"?"


@dataclass(frozen=True)
class Rfc3602:
    """Hold one sample packet of RFC 3602 section 4: it has no ICV."""

    case: int
    key: str
    payload: str
    next_header: int
    packet: str


PING = bytes(range(0x08, 0x38)).hex()
RFC_3602 = [
    Rfc3602(
        5,
        "90d382b410eeba7ad938c46cec1a82bf",
        "08000ebda70a00008e9c083db95b0700" + PING,
        1,
        "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849"
        "a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c"
        "538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6",
    ),
    Rfc3602(
        6,
        "90d382b410eeba7ad938c46cec1a82bf",
        "0800b5e8a80a0500a69c083d0b660e00777777777777777777777777",
        1,
        "000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109"
        "689bb379d2d750c0d915dca346a89f75",
    ),
    Rfc3602(
        7,
        "0123456789abcdef0123456789abcdef",
        "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a20400" + PING,
        4,
        "0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c"
        "237ca96cf74a93013c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b"
        "8a4d4d2decd136e5c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d",
    ),
    Rfc3602(
        8,
        "0123456789abcdef0123456789abcdef",
        "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300" + "ff" * 32,
        4,
        "000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048f"
        "e45318e11f8a0f62ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de"
        "435e7207ed971ef3d2726d9b5ef6affc6d17a0decbb13892",
    ),
]


def cbc_without_icv(key: bytes, iv: bytes) -> CbcHmac:
    """Give AES-CBC without an ICV whose first IV will be ``iv``."""
    decryptor = Cipher(AES(key), modes.ECB()).decryptor()  # noqa: S305 - one block, by intent
    drawn = decryptor.update(iv)
    return CbcHmac(AES(key), NoIcv(), 0, lambda _: drawn)


@pytest.mark.parametrize("sample", RFC_3602, ids=lambda sample: f"case {sample.case}")
def test_sealing_aes_cbc_gives_the_packets_of_rfc_3602(sample: Rfc3602) -> None:
    expected = bytes.fromhex(sample.packet)
    cipher = cbc_without_icv(bytes.fromhex(sample.key), expected[8:24])
    spi, sequence = int.from_bytes(expected[:4]), int.from_bytes(expected[4:8])
    sealer = Sealer(spi, cipher, sequence - 1)
    assert sealer.seal(bytes.fromhex(sample.payload), sample.next_header) == expected


AES_GCM = [
    # name, key, salt and IV, SPI and sequence number, padded payload, ciphertext, ICV
    (
        "128, DNS query",
        "feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "0000a5f80000000a",
        "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d001000001000000000000"
        "037369700963796265726369747902646b00000100010001",
        "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f"
        "51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1",
        "83b70d3aa8bc6ee4c309e9d85a41ad4a",
    ),
    (
        "192, TCP",
        "feffe9928665731c6d6a8f9467308308feffe9928665731c",
        "cafebabefacedbaddecaf888",
        "0000a5f80000000a",
        "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
        "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77",
        "95457b9652037f5318027b5b4cd7a636",
    ),
    (
        "256, TCP",
        "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
        "112233440102030405060708",
        "4a2cbfe300000002",
        "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000"
        "020405b40101040201020201",
        "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d34"
        "7f0545659f14e99def842d8e",
        "b335f4eecfdbf831824b4c4915956c96",
    ),
]


@pytest.mark.parametrize("case", AES_GCM, ids=lambda case: case[0])
def test_aes_gcm_opens_the_packets_of_its_esp_test_cases(case: tuple[str, ...]) -> None:
    name, key, nonce, header, padded, ciphertext, icv = case
    salt, iv = nonce[:8], nonce[8:]
    cipher = AesGcm(bytes.fromhex(key + salt))
    packet = bytes.fromhex(header + iv + ciphertext + icv)
    payload, next_header = Opener(cipher, ReplayWindow()).open(packet)
    plaintext = bytes.fromhex(padded)
    assert plaintext.startswith(payload), name
    assert plaintext[len(payload) :] == plaintext[-plaintext[-2] - 2 :]
    assert next_header == plaintext[-1] == 1


COUNTING_36 = bytes(range(36)).hex()
AES_CTR = [
    # RFC 3686 section 6: number, key, nonce, IV, plaintext, ciphertext
    (
        1,
        "ae6852f8121067cc4bf7a5765577f39e",
        "00000030",
        "0000000000000000",
        b"Single block msg".hex(),
        "e4095d4fb7a7b3792d6175a3261311b8",
    ),
    (
        2,
        "7e24067817fae0d743d6ce1f32539163",
        "006cb6db",
        "c0543b59da48d90b",
        COUNTING_36[:64],
        "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28",
    ),
    (
        3,
        "7691be035e5020a8ac6e618529f9a0dc",
        "00e0017b",
        "27777f3f4a1786f0",
        COUNTING_36,
        "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f",
    ),
    (
        4,
        "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515",
        "00000048",
        "36733c147d6d93cb",
        b"Single block msg".hex(),
        "4b55384fe259c9c84e7935a003cbe928",
    ),
    (
        7,
        "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104",
        "00000060",
        "db5672c97aa8f0b2",
        b"Single block msg".hex(),
        "145ad01dbf824ec7560863dc71e3e0c0",
    ),
    (
        9,
        "ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d",
        "001cc5b7",
        "51a51d70a1c11148",
        COUNTING_36,
        "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8",
    ),
]


@pytest.mark.parametrize("case", AES_CTR, ids=lambda case: f"test vector {case[0]}")
def test_aes_ctr_decrypts_the_vectors_of_rfc_3686(
    case: tuple[int, str, str, str, str, str],
) -> None:
    _, key, nonce, iv, plaintext, ciphertext = case
    cipher = CtrHmac(bytes.fromhex(key + nonce), NoIcv(), 1)
    packet = bytes(8) + bytes.fromhex(iv + ciphertext) + b"?"
    assert cipher.open(packet).hex() == plaintext


def test_aes_ctr_encrypts_the_first_vector_of_rfc_3686() -> None:
    _, key, nonce, iv, plaintext, ciphertext = AES_CTR[0]
    cipher = CtrHmac(bytes.fromhex(key + nonce), NoIcv(), 1)
    sealed = cipher.seal(bytes(8), bytes.fromhex(plaintext))
    assert sealed == bytes(8) + bytes.fromhex(iv + ciphertext) + b"?"


def test_aes_gmac_gives_the_packet_of_linux_self_test_of_rfc_4543() -> None:
    key = bytes.fromhex("4c80cdefbb5d10da906ac73c3613a63422433c64")
    header, iv = bytes.fromhex("0000432100000007"), bytes(8)
    ping = "45000030da3a00008001df3bc0a80005c0a800010800c6cd02000700"
    plaintext = bytes.fromhex(ping) + b"abcdefghijklmnopqrst" + b"\1\2\2\1"
    packet = header + iv + plaintext + bytes.fromhex("f2a9a836e155106aa8dcd618e4099aaa")
    assert AesGmac(key).open(packet) == plaintext
    payload, next_header = Opener(AesGmac(key), ReplayWindow()).open(packet)
    assert (payload, next_header) == (plaintext[:-4], 1)


def test_null_with_hmac_ripemd160_is_the_octets_and_twelve_more() -> None:
    """RFC 2286's text of eight octets stands for a header, and nothing follows it."""
    cipher = NullHmac(*truncated_hmac("HMAC-RIPEMD160-96", b"\x0b" * 20))
    sealed = cipher.seal(b"Hi There", b"")
    assert sealed == b"Hi There" + bytes.fromhex("24cb4bd67d20fc1a5d2ed773")


class TestHmac:
    """Truncated HMACs, with the vectors whose key has the length ESP fixes."""

    rfc_2202_md5: ClassVar = (b"\x0b" * 16, b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d")
    rfc_2202_sha1: ClassVar = (
        b"\x0b" * 20,
        b"Hi There",
        "b617318655057264e28bc0b6fb378c8ef146be00",
    )
    # RFC 4868 section 2.7.2.1, the AUTH cases: keys as long as the hash
    rfc_4868_256: ClassVar = (
        b"\x0b" * 32,
        b"Hi There",
        "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7",
    )
    rfc_4868_384: ClassVar = (
        b"\x0b" * 48,
        b"Hi There",
        "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee9737a959796489bddbc"
        "4c5df61d5b3297b4fb68dab9f1b582c2",
    )
    rfc_4868_512: ClassVar = (
        b"\x0b" * 64,
        b"Hi There",
        "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"
        "ac2878ebd5803f6f0b61dbce5e251ff8789a4722c1be65aea45fd464e89f8f5b",
    )

    rfc_2286: ClassVar = (
        b"\x0b" * 20,
        b"Hi There",
        "24cb4bd67d20fc1a5d2ed7732dcc39377f0a5668",
    )

    @pytest.mark.parametrize(
        ("name", "vector", "octets"),
        [
            ("HMAC-MD5-96", rfc_2202_md5, 12),
            ("HMAC-SHA1-96", rfc_2202_sha1, 12),
            ("HMAC-SHA2-256-128", rfc_4868_256, 16),
            ("HMAC-SHA2-384-192", rfc_4868_384, 24),
            ("HMAC-SHA2-512-256", rfc_4868_512, 32),
            ("HMAC-RIPEMD160-96", rfc_2286, 12),
        ],
    )
    def test_values_and_truncation(
        self, name: str, vector: tuple[bytes, bytes, str], octets: int
    ) -> None:
        key, data, expected = vector
        authenticator, icv_length = truncated_hmac(name, key)
        authenticator.update(data)
        assert icv_length == octets
        assert authenticator.finalize() == bytes.fromhex(expected)

    @pytest.mark.parametrize("name", HMACS)
    def test_packets_do_not_disturb_one_another(self, name: str) -> None:
        """The keyed state is copied for each packet and never fed itself."""
        keyed, _ = truncated_hmac(name, bytes(HMACS[name].key_octets))

        def digest(packet: bytes) -> bytes:
            mac = keyed.copy()
            mac.update(packet)
            return mac.finalize()

        first = digest(b"first")
        assert digest(b"second") != first
        assert digest(b"first") == first

    @pytest.mark.parametrize("name", HMACS)
    def test_keys_of_another_length_are_refused(self, name: str) -> None:
        length = HMACS[name].key_octets
        with pytest.raises(ValueError, match=f"has {length} octets, not {length - 1}"):
            truncated_hmac(name, bytes(length - 1))
