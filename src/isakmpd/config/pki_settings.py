"""Read where certificates and keys lie, and what is let pass of them: [X509-certificates]."""

from __future__ import annotations

from posixpath import join

from isakmpd.config.model import PkiSettings
from isakmpd.config.reading import ConfigError, Reading, Section

_SELF_SIGNED = "Accept-self-signed"
_WEAK = "Allow-weak"


def pki_settings(reading: Reading) -> PkiSettings:
    """Read the tags; each directory has a default beside the configuration file."""
    section = reading.section("X509-certificates")
    self_signed = section.get(_SELF_SIGNED) is not None
    if self_signed:
        section.warn(
            _SELF_SIGNED,
            "whoever makes a certificate for itself is taken for the identity in it",
        )
    weak = _yes(section, _WEAK)
    if weak:
        section.warn(
            _WEAK,
            "certificates signed with SHA-1 and RSA keys of 1024 bits are accepted;"
            " both can be forged by who has the means",
        )
    return PkiSettings(
        ca_directory=_path(section, "CA-directory"),
        cert_directory=_path(section, "Cert-directory"),
        crl_directory=_path(section, "CRL-directory"),
        private_key=_path(section, "Private-key"),
        private_key_directory=_path(section, "Private-key-directory"),
        pubkey_directory=_path(reading.section("General"), "Pubkey-directory"),
        accept_self_signed=self_signed,
        allow_weak=weak,
    )


def _path(section: Section, tag: str) -> str:
    """Give a path, which counts from the directory of the configuration file, as defaults do."""
    value = section.get(tag) or ""
    if not value:
        section.warn(tag, "nothing is read; expected a path")
        return value
    return join(section.reading.bindings.directory, value)


def _yes(section: Section, tag: str) -> bool:
    try:
        return section.yes(tag)
    except ConfigError as fault:
        section.report(fault.problem)
        return False
