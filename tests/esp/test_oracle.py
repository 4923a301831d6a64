"""Scapy's ESP opens what we seal, and we open what it seals, for every algorithm."""

from __future__ import annotations

import random
import warnings

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from isakmpd.crypto.esp_ciphers import EspCipher
from isakmpd.esp.algorithms import cipher_for
from isakmpd.esp.inner import IPV4, IPV6
from isakmpd.esp.packet import Opener, Sealer
from isakmpd.esp.replay import ReplayWindow
from isakmpd.wire.numbers import AuthenticationAlgorithm as Auth
from isakmpd.wire.numbers import EspTransform
from tests.esp import packets

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scapy still looks for ciphers that moved
    from scapy.layers.ipsec import ESP, SecurityAssociation

SPI = 0xC0FFEE01
SUITES = [
    # transform, octets of key, scapy's name
    *[(EspTransform.AES, octets, "AES-CBC") for octets in (16, 24, 32)],
    (EspTransform.TRIPLE_DES, 24, "3DES"),
    *[(EspTransform.BLOWFISH, octets, "Blowfish") for octets in (5, 16, 56)],
    *[(EspTransform.CAST, octets, "CAST") for octets in (5, 10, 16)],
    *[(EspTransform.AES_CTR, octets, "AES-CTR") for octets in (20, 28, 36)],
    (EspTransform.NULL, 0, "NULL"),
]
HMACS = [
    (Auth.HMAC_MD5, 16, "HMAC-MD5-96"),
    (Auth.HMAC_SHA, 20, "HMAC-SHA1-96"),
    (Auth.HMAC_SHA2_256, 32, "SHA2-256-128"),
    (Auth.HMAC_SHA2_384, 48, "SHA2-384-192"),
    (Auth.HMAC_SHA2_512, 64, "SHA2-512-256"),
]
ALGORITHMS = [
    *[
        (EspTransform.AES_GCM_16, octets, "AES-GCM", Auth.NONE, 0, "NULL")
        for octets in (20, 28, 36)
    ],
    *[
        (EspTransform.AES_GMAC, octets, "AES-NULL-GMAC", Auth.NONE, 0, "NULL")
        for octets in (20, 28, 36)
    ],
    *[(*suite, *authenticator) for suite in SUITES for authenticator in HMACS],
]


def octets(number: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(number)


Algorithms = tuple[EspTransform, int, str, Auth, int, str]


def both(algorithms: Algorithms) -> tuple[EspCipher, SecurityAssociation]:
    """Give our cipher and scapy's SA with the same keys."""
    transform, key, name, auth, auth_key, auth_name = algorithms
    encryption_key, authentication_key = octets(key, 1), octets(auth_key, 2)
    ours = cipher_for(
        transform, auth, encryption_key, authentication_key, random.Random(3).randbytes
    )

    theirs = SecurityAssociation(  # type: ignore[no-untyped-call]
        ESP,
        spi=SPI,
        crypt_algo=name,
        crypt_key=encryption_key or None,
        auth_algo=auth_name,
        auth_key=authentication_key or None,
        tunnel_header=IP(src="192.0.2.1", dst="192.0.2.2"),
    )
    return ours, theirs


def inner_packets() -> list[tuple[int, bytes]]:
    """Give packets of every length modulo a cipher's block, in both families."""
    return [(4, packets.udp4(length)) for length in range(60, 77)] + [(6, packets.udp6(200))]


def parsed(version: int, octets: bytes) -> Packet:
    return IP(octets) if version == 4 else IPv6(octets)


@pytest.mark.parametrize("suite", ALGORITHMS, ids=lambda s: f"{s[2]}-{s[1] * 8} {s[5]}")
class TestAgainstScapy:
    """Both directions, with the oracle's own padding, IVs and sequence numbers."""

    def test_it_opens_what_we_seal(self, suite: Algorithms) -> None:
        ours, theirs = both(suite)
        sealer = Sealer(SPI, ours)
        for version, packet in inner_packets():
            sealed = sealer.seal(packet, IPV4 if version == 4 else IPV6)
            outer = IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / sealed
            opened = theirs.decrypt(IP(bytes(outer)))  # type: ignore[no-untyped-call]
            assert bytes(opened) == packet
            esp = IP(bytes(outer))[ESP]
            assert (esp.spi, esp.seq) == (SPI, sealer.sequence)

    def test_we_open_what_it_seals(self, suite: Algorithms) -> None:
        ours, theirs = both(suite)
        opener = Opener(ours, ReplayWindow())
        for version, packet in inner_packets():
            encrypted = theirs.encrypt(parsed(version, packet))  # type: ignore[no-untyped-call]
            sealed = bytes(encrypted.payload)
            assert opener.open(sealed) == (packet, IPV4 if version == 4 else IPV6)


@pytest.mark.parametrize("suite", ALGORITHMS, ids=lambda s: f"{s[2]}-{s[1] * 8} {s[5]}")
def test_overhead_is_what_a_packet_gains(
    suite: Algorithms,
) -> None:
    cipher, _ = both(suite)
    sealer = Sealer(SPI, cipher)
    for length in range(60, 90):
        padded = -(-(length + 2) // cipher.alignment) * cipher.alignment
        assert len(sealer.seal(bytes(length), IPV4)) == padded + cipher.overhead
