"""Names of X.500: DER and both texts, held against the cryptography library and openssl."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire.distinguished_names import (
    der_of,
    has_wildcard,
    matches,
    oneline_of,
    same_name,
    text_of,
)
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


@pytest.mark.parametrize(
    "written",
    [
        *("west", "", "/", "=x", "CN", "CN=", "bogus=x", "CN=x, y", "3.1=x", "2.5.4=\udcff"),
        *(r"CN=\ff", "CN=#0c", "CN=#0500" + "0500"),
    ],
)
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


@pytest.mark.parametrize(
    ("wanted", "given_name", "suits"),
    [
        ("CN=*+CN=b", "CN=a+CN=b", True),
        ("CN=b+CN=*", "CN=b+CN=c", True),
        ("CN=*+CN=*", "CN=b+CN=c", True),
        ("CN=*+CN=b", "CN=a+CN=c", False),
        ("CN=*+CN=b", "CN=b", False),
        ("OU=*+CN=b", "CN=a+CN=b", False),
    ],
)
def test_wildcards_within_a_relative_name(wanted: str, given_name: str, suits: bool) -> None:
    """Each stands for one value, in any order: a set has none."""
    assert matches(der_of(wanted), der_of(given_name)) is suits
    assert has_wildcard(der_of(wanted))
    assert not has_wildcard(der_of(given_name))


def test_a_value_that_is_no_text() -> None:
    """It is another than the text that shows it."""
    octets, text = der_of("CN=#0500"), der_of(r"CN=\#0500")
    assert octets.endswith(b"\x06\x03\x55\x04\x03\x05\x00")
    assert (text_of(octets), text_of(text)) == ("CN=#0500", r"CN=\#0500")
    assert der_of(text_of(octets)) == octets
    assert der_of(text_of(text)) == text
    assert not same_name(octets, text)


@pytest.mark.parametrize(
    "value", [" ", " x ", "a\x00b", "\n", "/O=evil", "a, CN=b", "a+CN=b", "\u202ex", "#", "\\"]
)
def test_no_value_passes_for_another_attribute(value: str) -> None:
    """Neither printed nor read back, in either form."""
    oid = NameOID.COMMON_NAME
    name = x509.Name([x509.NameAttribute(oid, value, _validate=False)]).public_bytes()
    for text in (text_of(name), oneline_of(name)):
        assert text.isprintable()
        assert der_of(text) == name


@pytest.mark.property
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


@pytest.mark.property
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


@pytest.mark.property
@given(st.binary(min_size=1, max_size=4), st.integers(0, 60))
def test_broken_names(splinter: bytes, place: int) -> None:
    """A name with other octets in it is another, or none."""
    name = der_of(WEST)
    broken = name[:place] + splinter + name[place + len(splinter) :]
    assert text_of(broken).isprintable()
    for compared in (same_name, matches):
        try:
            assert compared(broken, name) == compared(name, broken)
        except Malformed:
            assert text_of(broken) == broken.hex()


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


@pytest.mark.parametrize("value", ["Example, Inc.", "a+b", "back\\slash", "#x", "x=y"])
def test_openssl_escapes_the_same(value: str, tmp_path: Path) -> None:
    """What would end a value, in the order of the encoding."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, value),
        ]
    )
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    file = tmp_path / "csr"
    file.write_bytes(request.public_bytes(Encoding.PEM))
    told = subprocess.run(
        [
            *("openssl", "req", "-in", file, "-noout", "-subject"),
            *("-nameopt", "esc_2253,utf8,sep_comma_plus_space,sname"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert told == f"subject={text_of(name.public_bytes())}"
