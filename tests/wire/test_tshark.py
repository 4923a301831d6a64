"""Wireshark reads, and with the key decrypts, a negotiation that our codec and crypto made."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import shake_256
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.utils import wrpcap

from isakmpd.crypto.ciphers import Cbc
from isakmpd.crypto.groups import generate
from isakmpd.crypto.hashes import Prf, PrfKind, digest
from isakmpd.crypto.skeyid import cipher_key, from_pre_shared_key
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import NO_COOKIE, Header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    AuthenticationMethod,
    Doi,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    Flags,
    GroupDescription,
    HashAlgorithm,
    IdType,
    LifeType,
    NotifyType,
    Phase1Attribute,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import (
    Delete,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    VendorId,
    decode_chain,
    encode_chain,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.vectors.handshake import handshake

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

COOKIES = b"initiateresponds"
QUICK_ID = 0xF74990D9


@dataclass(frozen=True)
class Suite:
    """What phase 1 agrees on."""

    cipher: EncryptionAlgorithm
    key_length: int | None
    hash: HashAlgorithm
    group: GroupDescription


SUITES = [
    Suite(EncryptionAlgorithm.AES_CBC, 128, HashAlgorithm.SHA, GroupDescription.MODP_1024),
    Suite(EncryptionAlgorithm.AES_CBC, 256, HashAlgorithm.SHA2_256, GroupDescription.MODP_2048),
    Suite(EncryptionAlgorithm.AES_CBC, 192, HashAlgorithm.MD5, GroupDescription.MODP_1536),
    Suite(EncryptionAlgorithm.TRIPLE_DES_CBC, None, HashAlgorithm.SHA, GroupDescription.MODP_768),
]


def counted(seed: bytes) -> Iterator[bytes]:
    """Octets to draw keys and nonces from."""
    number = 0
    while True:
        yield shake_256(seed + number.to_bytes(4)).digest(64)
        number += 1


class Negotiation:
    """Main mode with a pre-shared key and the first message of quick mode, as octets."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        entropy = counted(repr(suite).encode())
        g_i, g_r = (generate(suite.group, lambda count: next(entropy)[:count]) for _ in "ir")
        self._ni, self._nr = next(entropy)[:16], next(entropy)[:16]
        self.skeyid = from_pre_shared_key(
            PrfKind(suite.hash),
            b"mekmitasdigoat",
            self._ni,
            self._nr,
            g_i.shared_secret(g_r.public),
            COOKIES[:8],
            COOKIES[8:],
        )
        self.key = cipher_key(self.skeyid, suite.cipher, suite.key_length)
        self._cipher = Cbc(suite.cipher, self.key)
        self._publics = g_i.public, g_r.public
        size = self._cipher.block_size
        self._iv = digest(suite.hash, *self._publics)[:size]

    def datagrams(self) -> list[bytes]:
        """All messages in order, the initiator's first."""
        offer = self._offer()
        vendor = VendorId(Vendor.DPD.value)
        public_i, public_r = map(KeyExchange, self._publics)
        nat_d = NatDiscovery(digest(self._suite.hash, COOKIES))
        prf = Prf(self._suite.hash, self.skeyid.skeyid)
        end_i = Identification.of(Identity.of_address(ip_address("10.77.0.1")))
        end_r = Identification.of(Identity.of_name(IdType.FQDN, "vpn.example.org"))
        contact = Notification(Doi.IPSEC, Protocol.ISAKMP, NotifyType.INITIAL_CONTACT, COOKIES, b"")
        main = [
            self._clear(NO_COOKIE, offer, vendor),
            self._clear(COOKIES[8:], offer, vendor),
            self._clear(COOKIES[8:], public_i, Nonce(self._ni), nat_d, nat_d),
            self._clear(COOKIES[8:], public_r, Nonce(self._nr), nat_d, nat_d),
            self._sealed(0, self._iv, end_i, Hash(prf(b"i")), contact),
        ]
        size = self._cipher.block_size
        main.append(self._sealed(0, main[-1][-size:], end_r, Hash(prf(b"r"))))
        message_id = QUICK_ID.to_bytes(4)
        iv = digest(self._suite.hash, main[-1][-size:], message_id)[:size]
        return [*main, self._sealed(QUICK_ID, iv, *self._quick(message_id))]

    def _offer(self) -> SecurityAssociation:
        suite = self._suite
        pairs = [
            (Phase1Attribute.ENCRYPTION_ALGORITHM, suite.cipher),
            (Phase1Attribute.HASH_ALGORITHM, suite.hash),
            (Phase1Attribute.AUTHENTICATION_METHOD, AuthenticationMethod.PRE_SHARED),
            (Phase1Attribute.GROUP_DESCRIPTION, suite.group),
            (Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
            (Phase1Attribute.LIFE_DURATION, 86400),
        ]
        if suite.key_length is not None:
            pairs.append((Phase1Attribute.KEY_LENGTH, suite.key_length))
        transform = Transform(0, 1, tuple(Attribute.of(*pair) for pair in pairs))
        return SecurityAssociation(Doi.IPSEC, 1, (Proposal(1, Protocol.ISAKMP, b"", (transform,)),))

    def _quick(self, message_id: bytes) -> tuple[Payload, ...]:
        transform = Transform(1, EspTransform.AES, (Attribute.of(Phase2Attribute.KEY_LENGTH, 256),))
        networks = (ip_network("10.1.0.0/24"), ip_network("10.2.0.0/24"))
        rest = (
            SecurityAssociation(
                Doi.IPSEC, 1, (Proposal(1, Protocol.IPSEC_ESP, b"\xca\x0f\x5e\x86", (transform,)),)
            ),
            Nonce(self._nr),
            *(Identification.of(Identity.of_network(network)) for network in networks),
        )
        hash_1 = Prf(self._suite.hash, self.skeyid.skeyid_a)(message_id, encode_chain(rest))
        return (Hash(hash_1), *rest)

    def _clear(self, responder_cookie: bytes, *payloads: Payload) -> bytes:
        first = payloads[0].type_on_wire
        header = Header(COOKIES[:8], responder_cookie, first, ExchangeType.ID_PROT, Flags.NONE, 0)
        return header.encode(encode_chain(payloads))

    def _sealed(self, message_id: int, iv: bytes, *payloads: Payload) -> bytes:
        octets = encode_chain(payloads)
        padded = octets + bytes(-len(octets) % len(iv))
        exchange = ExchangeType.QUICK_MODE if message_id else ExchangeType.ID_PROT
        header = Header(
            COOKIES[:8],
            COOKIES[8:],
            payloads[0].type_on_wire,
            exchange,
            Flags.ENCRYPTION,
            message_id,
        )
        return header.encode(self._cipher.encrypt(iv, padded))


def read(datagrams: list[bytes], directory: Path, cookie: bytes, key: bytes) -> list[list[str]]:
    """Have tshark print each message in lines, decrypted with the key."""
    capture = directory / "ike.pcap"
    ends = ("10.77.0.1", "10.77.0.2")
    packets = [
        IP(src=ends[n % 2], dst=ends[1 - n % 2]) / UDP(sport=500, dport=500) / datagram
        for n, datagram in enumerate(datagrams)
    ]
    wrpcap(str(capture), packets)
    keys = f"uat:ikev1_decryption_table:{cookie.hex()},{key.hex()}"
    command = ["tshark", "-n", "-r", str(capture), "-o", keys, "-O", "isakmp"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [[line.strip() for line in frame.splitlines()] for frame in ran.stdout.split("\nFrame ")]


def payloads(lines: list[str]) -> list[str]:
    """The payloads tshark found, by name, those inside an SA included."""
    return [line.split(" (")[0].removeprefix("Payload: ") for line in lines if "Payload: " in line]


NAMES: dict[type[Payload], str] = {
    SecurityAssociation: "Security Association",
    VendorId: "Vendor ID",
    KeyExchange: "Key Exchange",
    Nonce: "Nonce",
    NatDiscovery: "NAT-D",
    Identification: "Identification",
    Hash: "Hash",
    Notification: "Notification",
    Delete: "Delete",
}
OFFER = ["Security Association", "Proposal", "Transform"]
PAYLOADS = [
    [*OFFER, "Vendor ID"],
    [*OFFER, "Vendor ID"],
    ["Key Exchange", "Nonce", "NAT-D", "NAT-D"],
    ["Key Exchange", "Nonce", "NAT-D", "NAT-D"],
    ["Identification", "Hash", "Notification"],
    ["Identification", "Hash"],
    ["Hash", *OFFER, "Nonce", "Identification", "Identification"],
]
DETAILS = [
    ["Life Duration: 86400", "Vendor ID: RFC 3706 DPD (Dead Peer Detection)"],
    ["Responder SPI: 726573706f6e6473", "Authentication Method: Pre-shared key (1)"],
    ["Exchange type: Identity Protection (Main Mode) (2)"],
    ["Message ID: 0x00000000"],
    [
        "ID_IPV4_ADDR: 10.77.0.1",
        "Notify Message Type: INITIAL-CONTACT (24578)",
        "SPI: 696e697469617465726573706f6e6473",
    ],
    ["ID_FQDN: vpn.example.org"],
    [
        "Message ID: 0xf74990d9",
        "Protocol ID: IPSEC_ESP (3)",
        "SPI: ca0f5e86",
        "Transform ID: AES (12)",
        "Key Length: 256",
        "Identification Data:10.1.0.0/255.255.255.0",
        "Identification Data:10.2.0.0/255.255.255.0",
    ],
]


@pytest.mark.parametrize("suite", SUITES)
def test_a_negotiation_of_ours(suite: Suite, tmp_path: Path) -> None:
    negotiation = Negotiation(suite)
    frames = read(negotiation.datagrams(), tmp_path, COOKIES[:8], negotiation.key)
    assert [payloads(lines) for lines in frames] == PAYLOADS
    for lines, details in zip(frames, DETAILS, strict=True):
        assert not [detail for detail in details if detail not in lines]
        assert not [line for line in lines if "alformed" in line]
    key_length = f"Key Length: {suite.key_length}"
    assert (key_length in frames[0]) == (suite.key_length is not None)


def test_the_wrong_key_opens_nothing(tmp_path: Path) -> None:
    negotiation = Negotiation(SUITES[0])
    frames = read(negotiation.datagrams(), tmp_path, COOKIES[:8], bytes(len(negotiation.key)))
    assert [payloads(lines) for lines in frames[:4]] == PAYLOADS[:4]
    assert not [lines for lines in frames[4:] if "ID_FQDN: vpn.example.org" in lines]
    assert PAYLOADS[4] not in map(payloads, frames[4:])


def test_it_reads_the_recorded_handshake_as_we_do(tmp_path: Path) -> None:
    record = handshake()
    datagrams = [message.datagram for message in record.messages]
    frames = read(datagrams, tmp_path, record.cookies[0], record.main_mode.cipher_key)
    for message, lines in zip(record.messages, frames, strict=True):
        ours = decode_chain(message.datagram[16], message.body).payloads
        theirs = [name for name in payloads(lines) if name not in OFFER[1:]]
        assert [NAMES[type(payload)] for payload in ours] == theirs
