"""Identities: lengths, masks, ranges, what they print, and who counts as the same."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire.identities import LONGEST, Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import IdType
from isakmpd.wire.payloads import Identification

# Type, data, and the text in logs.
TEXTS = [
    (IdType.IPV4_ADDR, "0a4d0001", "10.77.0.1"),
    (IdType.IPV6_ADDR, "20010db8000000000000000000000001", "2001:db8::1"),
    (IdType.IPV4_ADDR_SUBNET, "0a010000ffffff00", "10.1.0.0/255.255.255.0"),
    (IdType.IPV4_RANGE, "0a0100010a010009", "10.1.0.1-10.1.0.9"),
    (IdType.IPV6_ADDR_SUBNET, "fd" + "00" * 15 + "ff" + "00" * 15, "fd00::/ff00::"),
    (IdType.IPV6_RANGE, "00" * 15 + "01" + "00" * 15 + "09", "::1-::9"),
    (IdType.FQDN, b"vpn.example.org".hex(), "vpn.example.org"),
    (IdType.USER_FQDN, b"eve@example.org".hex(), "eve@example.org"),
    (IdType.FQDN, b"two\nlines\x1b[2J\x7f".hex(), r"two\x0alines\x1b[2J\x7f"),
    (IdType.FQDN, "c3a4ff2e6f7267", r"\xc3\xa4\xff.org"),
    (IdType.KEY_ID, b"router".hex(), b"router".hex()),
    (IdType.DER_ASN1_DN, "30020500", "30020500"),
    (IdType(200), "c0ffee", "c0ffee"),
    (IdType.IPV4_ADDR, "0a4d00", "0a4d00"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "text"), TEXTS)
def test_texts(kind: IdType, data: str, text: str) -> None:
    assert str(Identity(kind, bytes.fromhex(data))) == text


@pytest.mark.property
@given(st.sampled_from(IdType), st.binary(max_size=40))
def test_no_identity_forges_a_log_line(kind: IdType, data: bytes) -> None:
    text = str(Identity(kind, data))
    assert text.isascii() or kind is IdType.DER_ASN1_DN  # whose letters have an alphabet
    assert text.isprintable() or text == ""


LENGTHS = {
    IdType.IPV4_ADDR: 4,
    IdType.IPV4_ADDR_SUBNET: 8,
    IdType.IPV4_RANGE: 8,
    IdType.IPV6_ADDR: 16,
    IdType.IPV6_ADDR_SUBNET: 32,
    IdType.IPV6_RANGE: 32,
}


@pytest.mark.parametrize("kind", LENGTHS, ids=str)
@pytest.mark.parametrize("off_by", [-4, -1, 1, 4, 12])
def test_addresses_of_another_length_are_malformed(kind: IdType, off_by: int) -> None:
    right, wrong = LENGTHS[kind], LENGTHS[kind] + off_by
    assert Identification(kind, 0, 0, bytes(right)).identity == Identity(kind, bytes(right))
    with pytest.raises(Malformed, match=f"{kind} identity of {wrong} octets, expected {right}"):
        _ = Identification(kind, 0, 0, bytes(wrong)).identity
    identity = Identity(kind, bytes(wrong))
    if kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR):
        with pytest.raises(Malformed, match="expected"):
            _ = identity.address
    if kind not in (IdType.IPV4_RANGE, IdType.IPV6_RANGE):
        with pytest.raises(Malformed, match="expected"):
            _ = identity.network


def test_an_identity_of_any_length_is_malformed_beyond_the_longest() -> None:
    """Whose identity it is must fit into a line."""
    assert Identification(IdType.KEY_ID, 0, 0, bytes(LONGEST)).identity.type == IdType.KEY_ID
    with pytest.raises(Malformed, match="KEY_ID identity of 1025 octets, expected 1024 at most"):
        _ = Identification(IdType.KEY_ID, 0, 0, bytes(LONGEST + 1)).identity


@pytest.mark.parametrize("kind", [k for k in IdType if k not in LENGTHS], ids=str)
def test_names_of_no_octets_are_malformed(kind: IdType) -> None:
    assert Identification(kind, 0, 0, b"x").identity == Identity(kind, b"x")
    with pytest.raises(Malformed, match=f"empty {kind} identity"):
        _ = Identification(kind, 0, 0, b"").identity


@pytest.mark.property
@given(st.ip_addresses())
def test_addresses(address: IPv4Address | IPv6Address) -> None:
    identity = Identity.of_address(address, protocol=17, port=1701)
    assert (identity.protocol, identity.port) == (17, 1701)
    assert identity.address == address
    assert identity.network == ip_network(address)
    assert str(identity) == str(address)
    assert Identification.of(identity).identity == identity


@pytest.mark.property
@given(st.ip_addresses(), st.data())
def test_networks(address: IPv4Address | IPv6Address, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    network = ip_network((address, prefix), strict=False)
    identity = Identity.of_network(network)
    assert identity.network == network
    assert identity.address is None
    half = address.max_prefixlen // 8
    with_host_bits = Identity(identity.type, address.packed + identity.data[half:])
    assert with_host_bits.network == network
    assert Identification.of(identity).identity == identity


@pytest.mark.property
@given(st.sampled_from([4, 16]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_masks_with_holes_are_malformed(mask: bytes) -> None:
    kind = IdType.IPV4_ADDR_SUBNET if len(mask) == 4 else IdType.IPV6_ADDR_SUBNET
    identity = Identity(kind, bytes(len(mask)) + mask)
    bits = f"{int.from_bytes(mask):0{len(mask) * 8}b}"
    if "01" in bits:
        with pytest.raises(Malformed, match="mask that has holes"):
            _ = identity.network
    else:
        assert identity.network == ip_network((bytes(len(mask)), bits.count("1")))


@pytest.mark.parametrize("mask", ["ff00ff00", "00000001", "fffffffd", "7fffffff"])
def test_some_masks_with_holes(mask: str) -> None:
    identity = Identity(IdType.IPV4_ADDR_SUBNET, bytes(4) + bytes.fromhex(mask))
    with pytest.raises(Malformed, match=r"holes: 0\.0\.0\.0/"):
        _ = identity.network


@pytest.mark.parametrize(
    "identity",
    [
        Identity.of_name(IdType.FQDN, "a.org"),
        Identity.of_name(IdType.KEY_ID, "four"),
        Identity(IdType.IPV4_RANGE, bytes(8)),
    ],
)
def test_other_identities_are_no_address_and_no_network(identity: Identity) -> None:
    assert identity.address is None
    assert identity.network is None


A_ORG = Identity.of_name(IdType.FQDN, "a.org")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Identity.of_name(IdType.FQDN, "a.org"), True),
        (Identity(IdType.FQDN, b"a.org", protocol=17, port=500), True),
        # The original compared only as far as the expected name reached, and no type.
        (Identity.of_name(IdType.FQDN, "a.org.evil"), False),
        (Identity.of_name(IdType.FQDN, "a.or"), False),
        (Identity.of_name(IdType.KEY_ID, "a.org"), False),
        (Identity.of_name(IdType.USER_FQDN, "a.org"), False),
        (Identity.of_name(IdType.FQDN, "A.ORG"), False),
    ],
)
def test_the_same_subject_has_the_same_type_and_all_its_octets(other: Identity, same: bool) -> None:
    assert A_ORG.same_subject(other) is same
    assert other.same_subject(A_ORG) is same


def test_equality_counts_protocol_and_port() -> None:
    assert Identity(IdType.FQDN, b"a.org", 17, 500) != A_ORG
    assert len({A_ORG, Identity.of_name(IdType.FQDN, "a.org")}) == 1


def test_versions_are_kept_apart() -> None:
    assert Identity.of_address(ip_address("10.0.0.1")).type == IdType.IPV4_ADDR
    assert Identity.of_address(ip_address("::1")).type == IdType.IPV6_ADDR
    assert Identity.of_network(IPv4Network("10.0.0.0/8")).type == IdType.IPV4_ADDR_SUBNET
    assert Identity.of_network(IPv6Network("fd00::/8")).type == IdType.IPV6_ADDR_SUBNET
