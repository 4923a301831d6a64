"""Names of X.500: DER and both texts, held against the cryptography library and openssl."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire.distinguished_names import der_of, matches, oneline_of, same_name, text_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import IdType

WEST = "C=SE, O=Example, CN=west"
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)


@pytest.mark.parametrize(
    "text",
    [
        WEST,
        "C=SE, ST=Skåne, L=Malmö, O=Example, OU=a, OU=b, CN=west",
        "DC=example, DC=org, UID=ann, emailAddress=ann@example.org",
        r"O=Example\, Inc., CN=we\+st",
        r"CN=a\\b",
        r"CN=\#x",
        "2.5.4.99=x",
        "OU=x+CN=y",
    ],
)
def test_a_name_is_read_back(text: str) -> None:
    """In either form, and nothing of it is lost."""
    name = der_of(text)
    assert sorted(text_of(name).replace("+", ", ").split(", ")) == sorted(
        text.replace("+", ", ").split(", ")
    )
    assert der_of(text_of(name)) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("/C=SE/O=Example/CN=west", WEST),
        ("/C=SE/O=a/b/CN=west", "C=SE, O=a/b, CN=west"),
        ("c=SE,o=Example , cn = west", WEST),
        ("CN=x, E=a@b.c", "CN=x, emailAddress=a@b.c"),
    ],
)
def test_other_spellings(written: str, name: str) -> None:
    """Case of keywords, blanks, OpenSSL's line."""
    assert der_of(written) == der_of(name)


@pytest.mark.parametrize("written", ["west", "", "/", "=x", "CN", "bogus=x", "CN=x, y"])
def test_what_is_no_name(written: str) -> None:
    """It says what was expected."""
    with pytest.raises(ValueError, match="expected"):
        der_of(written)


def test_a_name_is_bounded() -> None:
    """Each line about a peer prints it."""
    with pytest.raises(ValueError, match="octets, expected 1024 at most"):
        der_of(f"CN={'x' * 1100}")
    with pytest.raises(Malformed):
        same_name(b"\x30" * 1025, der_of(WEST))


def test_comparison() -> None:
    """Types and values decide: neither case, blanks nor the kind of string do."""
    printable = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
            x509.NameAttribute(
                NameOID.ORGANIZATION_NAME, "EXAMPLE", x509.name._ASN1Type.PrintableString
            ),
            x509.NameAttribute(NameOID.COMMON_NAME, "west ", x509.name._ASN1Type.BMPString),
        ]
    ).public_bytes()
    assert same_name(der_of(WEST), printable)
    for other in ("O=Example, C=SE, CN=west", "C=SE, O=Example", "C=SE, O=Example, OU=west"):
        assert not same_name(der_of(WEST), der_of(other))


def test_a_wildcard_stands_for_a_value() -> None:
    """On the side of who wants, for all of a value, of that attribute."""
    wanted = der_of("C=SE, O=Example, CN=*")
    assert matches(wanted, der_of(WEST))
    assert not same_name(wanted, der_of(WEST))
    assert not matches(der_of(WEST), wanted)
    for other in ("C=SE, O=Example, OU=west", "C=SE, O=Example", "C=SE, O=Other, CN=west"):
        assert not matches(wanted, der_of(other))
    assert not matches(der_of("C=SE, CN=w*"), der_of("C=SE, CN=west"))


@given(st.lists(st.tuples(st.sampled_from(["O", "OU", "CN", "L"]), VALUES), min_size=1, max_size=5))
def test_the_library_agrees(attributes: list[tuple[str, str]]) -> None:
    """What it encodes is read as it was, and what is written it reads."""
    oid = {
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "CN": NameOID.COMMON_NAME,
        "L": NameOID.LOCALITY_NAME,
    }
    # Without its own limits on lengths, which are not those of names on the wire.
    name = x509.Name(
        [x509.NameAttribute(oid[key], value, _validate=False) for key, value in attributes]
    ).public_bytes()
    assert der_of(text_of(name)) == name
    assert der_of(oneline_of(name)) == name


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    """Whatever a peer sends is printed, in hex where it is no name."""
    assert text_of(octets).isprintable()
    assert oneline_of(octets).isprintable()
    assert str(Identity(IdType.DER_ASN1_DN, octets)) == text_of(octets)
    try:
        assert same_name(octets, octets)
    except Malformed:
        assert text_of(octets) == octets.hex()


@given(st.binary(min_size=1, max_size=4), st.integers(0, 60))
def test_broken_names(splinter: bytes, place: int) -> None:
    """A name with other octets in it is another, or none."""
    name = der_of(WEST)
    broken = name[:place] + splinter + name[place + len(splinter) :]
    assert text_of(broken).isprintable()


def test_openssl_agrees(tmp_path: Path) -> None:
    """The line that names a section of mode config is openssl's."""
    request = tmp_path / "csr"
    subprocess.run(
        [
            *("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout"),
            *(tmp_path / "key", "-subj", "/C=SE/O=Example/CN=west/emailAddress=w@example.org"),
            *("-out", request),
        ],
        check=True,
        capture_output=True,
    )
    told = subprocess.run(
        ["openssl", "req", "-in", request, "-noout", "-subject", "-nameopt", "compat"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    subject = x509.load_pem_x509_csr(request.read_bytes()).subject.public_bytes()
    assert told == f"subject={oneline_of(subject)}"
