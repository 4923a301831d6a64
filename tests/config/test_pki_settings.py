"""Where certificates and keys lie, and what is let pass of them."""

from __future__ import annotations

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.model import PkiSettings
from isakmpd.config.read import read
from tests.config.sample import configured

PATHS = {
    "CA-directory": ("ca_directory", "ca/"),
    "Cert-directory": ("cert_directory", "certs/"),
    "CRL-directory": ("crl_directory", "crls/"),
    "Private-key": ("private_key", "private/local.key"),
    "Private-key-directory": ("private_key_directory", "private/"),
    "Pubkey-directory": ("pubkey_directory", "pubkeys/"),
}


def section_of(tag: str) -> str:
    """Name the section a tag stands in."""
    return "General" if tag == "Pubkey-directory" else "X509-certificates"


@pytest.mark.parametrize("tag", PATHS)
@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, "/srv/vpn/{default}"),
        ("/elsewhere/x", "/elsewhere/x"),
        ("keys/x", "/srv/vpn/keys/x"),
        ("", ""),
    ],
)
def test_a_path(tag: str, written: str | None, found: str) -> None:
    """It counts from the directory of the file; an empty one is none, and said to be."""
    attribute, default = PATHS[tag]
    text = "" if written is None else f"[{section_of(tag)}]\n{tag}= {written}\n"
    configuration = read(Bindings.parse(text, "f", "/srv/vpn"))
    assert getattr(configuration.pki, attribute) == found.format(default=default)
    assert configuration.problems == ()
    empty = f"f:2: [{section_of(tag)}]:{tag}= : nothing is read; expected a path"
    assert [str(each) for each in configuration.warnings] == ([empty] if written == "" else [])


def test_nothing_weak_and_nothing_self_signed_by_default() -> None:
    """Neither is opened by silence."""
    pki = configured().pki
    assert (pki.allow_weak, pki.accept_self_signed) == (False, False)
    assert PkiSettings() == PkiSettings(allow_weak=False, accept_self_signed=False)


@pytest.mark.parametrize("value", ["", "yes", "no"])
def test_self_signed_certificates(value: str) -> None:
    """The tag alone opens, as in the original, and the warning says what."""
    found = configured({"X509-certificates": {"Accept-self-signed": value}})
    assert found.pki.accept_self_signed
    (warning,) = found.warnings
    assert warning.text.endswith(
        "whoever makes a certificate for itself is taken for the identity in it"
    )


def test_weak_certificates() -> None:
    """With a warning, that says what can be forged."""
    found = configured({"X509-certificates": {"Allow-weak": "yes"}})
    assert found.pki.allow_weak
    (warning,) = found.warnings
    assert "SHA-1 and RSA keys of 1024 bits are accepted; both can be forged" in warning.text
    refused = configured({"X509-certificates": {"Allow-weak": "no"}})
    assert (refused.pki.allow_weak, refused.warnings) == (False, ())


def test_a_word_that_is_neither_opens_nothing() -> None:
    """And costs nothing else."""
    found = configured({"X509-certificates": {"Allow-weak": "true"}})
    (problem,) = found.problems
    assert problem.text == "[X509-certificates]:Allow-weak= true: expected yes or no"
    assert not found.pki.allow_weak
    assert "peer" in found.peers
