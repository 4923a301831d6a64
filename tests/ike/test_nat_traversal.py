"""Who stands behind a NAT, by the hashes of addresses and ports (RFC 3947 section 3.2)."""

import hashlib
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from isakmpd.ike.nat_traversal import Dialect, NatSituation, agreed, detect, hashes_of_ends
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import HashAlgorithm
from isakmpd.wire.payloads import Chain, NatDiscovery, NatDiscoveryDraft
from isakmpd.wire.vendor_ids import Vendor

COOKIES = b"initiatr", b"responde"
WEST, EAST = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
NAT = IPv4Address("198.51.100.1")
AT_WEST = Transport(WEST, 500, EAST, 500)


def hashes(transport: Transport) -> tuple[bytes, bytes]:
    """What an end sends that sees itself and the other like this."""
    return hashes_of_ends(HashAlgorithm.SHA2_256, *COOKIES, transport)


def found(seen: tuple[bytes, ...], at: Transport) -> NatSituation:
    """What an end concludes from the hashes it was sent."""
    return detect(seen, [hashes(at)], Dialect.RFC)


def test_the_hash_covers_cookies_address_and_port() -> None:
    """The remote end first, then our own."""
    remote = hashlib.sha256(b"initiatrresponde" + bytes([192, 0, 2, 2]) + b"\x01\xf4").digest()
    local = hashlib.sha256(b"initiatrresponde" + bytes([192, 0, 2, 1]) + b"\x01\xf4").digest()
    assert hashes(AT_WEST) == (remote, local)


def test_ipv6_addresses_are_hashed_whole() -> None:
    """Sixteen octets."""
    six = Transport(IPv6Address("2001:db8::1"), 500, IPv6Address("2001:db8::2"), 500)
    digest = hashlib.sha256(b"initiatrresponde" + six.remote.packed + b"\x01\xf4").digest()
    assert hashes(six)[0] == digest


@pytest.mark.parametrize(
    ("seen_by_us", "seen_by_peer", "we", "they"),
    [
        (AT_WEST, Transport(EAST, 500, WEST, 500), False, False),
        # The peer sees our NAT's address, or a port that the NAT has changed.
        (AT_WEST, Transport(EAST, 500, NAT, 500), True, False),
        (AT_WEST, Transport(EAST, 500, WEST, 1024), True, False),
        # The peer has an address of its own that we do not see.
        (AT_WEST, Transport(NAT, 500, WEST, 500), False, True),
        (replace(AT_WEST, remote_port=1024), Transport(EAST, 500, WEST, 500), False, True),
        (AT_WEST, Transport(IPv4Address("10.0.0.1"), 500, NAT, 500), True, True),
    ],
)
def test_who_is_behind_a_nat(
    seen_by_us: Transport, seen_by_peer: Transport, we: bool, they: bool
) -> None:
    """Either end, both or none."""
    assert found(hashes(seen_by_peer), seen_by_us) == NatSituation(we, they, Dialect.RFC)


def test_a_peer_may_name_several_addresses_of_its_own() -> None:
    """One that fits is enough (RFC 3947 section 3.2)."""
    ours, theirs = hashes(Transport(EAST, 500, WEST, 500))
    elsewhere = bytes(20)
    assert not found((ours, elsewhere, theirs), AT_WEST).detected
    assert found((ours, elsewhere, elsewhere), AT_WEST) == NatSituation(False, True, Dialect.RFC)


def test_without_nat_discovery_there_is_no_nat_to_speak_of() -> None:
    """A peer that announces NAT-T and sends no NAT-D is taken at its word."""
    assert not found((), AT_WEST).detected


@pytest.mark.parametrize(
    ("situation", "sentence"),
    [
        (NatSituation(True, False), "we are behind a NAT"),
        (NatSituation(False, True), "the peer is behind a NAT"),
        (NatSituation(True, True), "both ends are behind a NAT"),
        (NatSituation(forced=True), "the peer speaks on the NAT-T port"),
        (NatSituation(), "no end is behind a NAT"),
    ],
)
def test_the_situation_in_words(situation: NatSituation, sentence: str) -> None:
    assert str(situation) == sentence


# Dialects: the RFC and its drafts


@pytest.mark.parametrize(
    ("vendors", "dialect"),
    [
        ((), None),
        ((Vendor.DPD,), None),
        ((Vendor.NAT_T_RFC,), Dialect.RFC),
        ((Vendor.NAT_T_DRAFT_02,), Dialect.DRAFT),
        ((Vendor.NAT_T_DRAFT_02_PLAIN,), Dialect.DRAFT),
        ((Vendor.NAT_T_DRAFT_03,), Dialect.DRAFT),
        ((Vendor.NAT_T_DRAFT_02, Vendor.NAT_T_DRAFT_03, Vendor.NAT_T_RFC), Dialect.RFC),
    ],
)
def test_the_rfc_goes_before_its_drafts(
    vendors: tuple[Vendor, ...], dialect: Dialect | None
) -> None:
    """One dialect for the whole conversation, by what the peer announces."""
    assert agreed(frozenset(vendors)) is dialect


@pytest.mark.parametrize(
    ("dialect", "numbers", "read"),
    [
        (Dialect.RFC, (20, 20), [b"0", b"1"]),
        (Dialect.DRAFT, (130, 130), [b"0", b"1"]),
        (Dialect.RFC, (130, 20), [b"1"]),
        (Dialect.DRAFT, (130, 20), [b"0"]),
        (Dialect.RFC, (130, 130), [b"0", b"1"]),
        (Dialect.DRAFT, (20, 20), [b"0", b"1"]),
    ],
)
def test_hashes_of_the_agreed_dialect_go_first(
    dialect: Dialect, numbers: tuple[int, ...], read: list[bytes]
) -> None:
    """Those of the other are read where there are no others."""
    kinds = {20: NatDiscovery, 130: NatDiscoveryDraft}
    payloads = tuple(kinds[number](b"%d" % index) for index, number in enumerate(numbers))
    message = Chain(payloads, tuple(one.body() for one in payloads), b"")
    assert dialect.hashes(message) == read


def test_each_dialect_has_its_payload_number() -> None:
    """20 and 130."""
    assert [dialect.nat_d(b"").type_on_wire for dialect in Dialect] == [20, 130]
