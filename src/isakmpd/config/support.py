"""Say which algorithms this version carries out, which never will be, and which are weak."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from isakmpd.crypto import ciphers, groups, hashes
from isakmpd.crypto.keymat import AUTHENTICATION_KEY_OCTETS, ESP_KEYS
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    IdType,
    IpcompTransform,
    OpenEnum,
    Protocol,
)

# Members of different enumerations are equal where their numbers are: sets of them never mix.
Table = Mapping[type[OpenEnum], frozenset[OpenEnum]]

_SUPPORTED: Table = {
    ExchangeType: frozenset(
        {ExchangeType.ID_PROT, ExchangeType.AGGRESSIVE, ExchangeType.QUICK_MODE}
    ),
    EncryptionAlgorithm: frozenset(ciphers.SUPPORTED),
    HashAlgorithm: frozenset(hashes.SUPPORTED),
    AuthenticationMethod: SIGNATURES | {AuthenticationMethod.PRE_SHARED},
    GroupDescription: frozenset(groups.SUPPORTED),
    Protocol: frozenset({Protocol.IPSEC_AH, Protocol.IPSEC_ESP, Protocol.IPCOMP}),
    EspTransform: frozenset(ESP_KEYS),
    AhTransform: frozenset(AhTransform) - {AhTransform.DES},
    IpcompTransform: frozenset(IpcompTransform),
    EncapsulationMode: frozenset({EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT}),
    AuthenticationAlgorithm: (
        frozenset(AUTHENTICATION_KEY_OCTETS) - {AuthenticationAlgorithm.NONE}
    ),
    IdType: frozenset(IdType) - {IdType.IPV4_RANGE, IdType.IPV6_RANGE, IdType.DER_ASN1_GN},
}


def _each(members: Iterable[OpenEnum], reason: str) -> dict[OpenEnum, str]:
    return dict.fromkeys(members, reason)


_UNSAFE = "is unsafe and not supported"
_NOT_SOUND = "is not supported: no implementation of this curve keeps its secrets in constant time"
_DERIVED = "is not written here: TUNNEL or TRANSPORT is, and UDP follows from the NAT that is found"
_RECEIVED = "can be received and not be written"
_REASONS: Mapping[type[OpenEnum], Mapping[OpenEnum, str]] = {
    IdType: _each((IdType.IPV4_RANGE, IdType.IPV6_RANGE), _RECEIVED),
    GroupDescription: _each(
        (GroupDescription.EC2N_155, GroupDescription.EC2N_185, GroupDescription.BP_224), _NOT_SOUND
    ),
    EspTransform: _each(
        (EspTransform.DES_IV64, EspTransform.DES, EspTransform.DES_IV32, EspTransform.RC4), _UNSAFE
    ),
    AhTransform: {AhTransform.DES: _UNSAFE},
    AuthenticationAlgorithm: _each(
        (AuthenticationAlgorithm.DES_MAC, AuthenticationAlgorithm.KPDK), _UNSAFE
    ),
    EncapsulationMode: _each(
        (
            EncapsulationMode.UDP_ENCAP_TUNNEL,
            EncapsulationMode.UDP_ENCAP_TRANSPORT,
            EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
            EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT,
        ),
        _DERIVED,
    ),
}

# Carried out for whoever insists, and never suggested.
_BROKEN: Mapping[type[OpenEnum], Mapping[OpenEnum, str]] = {
    EncryptionAlgorithm: {
        EncryptionAlgorithm.DES_CBC: (
            "DES_CBC is broken: whoever records the traffic finds its 56-bit key by trial;"
            " expected AES_CBC"
        )
    }
}

_WEAK: Table = {
    # Blocks of 64 bits begin to repeat within gigabytes (CVE-2016-2183).
    EncryptionAlgorithm: frozenset(
        {
            EncryptionAlgorithm.TRIPLE_DES_CBC,
            EncryptionAlgorithm.BLOWFISH_CBC,
            EncryptionAlgorithm.CAST_CBC,
        }
    ),
    EspTransform: frozenset({EspTransform.TRIPLE_DES, EspTransform.BLOWFISH, EspTransform.CAST}),
    HashAlgorithm: frozenset({HashAlgorithm.MD5}),
    GroupDescription: frozenset({GroupDescription.MODP_768, GroupDescription.MODP_1024}),
    AhTransform: frozenset({AhTransform.MD5}),
    AuthenticationAlgorithm: frozenset({AuthenticationAlgorithm.HMAC_MD5}),
}


def refusal(member: OpenEnum) -> str | None:
    """Give the reason why a value cannot be used, None where it can."""
    kind = type(member)
    if kind not in _SUPPORTED or member in _SUPPORTED[kind]:
        return None
    reason = _REASONS.get(kind, {}).get(member, "is not supported by this version")
    return f"{member} {reason}"


# What old files and other daemons call algorithms that are refused, inside a name or alone.
_REFUSED_NAMES: tuple[tuple[str, str, OpenEnum], ...] = (
    ("DES", "DES", EspTransform.DES),
    ("RC4", "RC4", EspTransform.RC4),
    ("GRP_?3|EC2N_?155", "GRP3", GroupDescription.EC2N_155),
    ("GRP_?4|EC2N_?185", "GRP4", GroupDescription.EC2N_185),
    ("GRP_?27|BP_?224", "GRP27", GroupDescription.BP_224),
    ("DSS|DSA", "DSS", AuthenticationMethod.DSS),
)


def refused_name(name: str) -> str | None:
    """Give the reason why a name that means nothing would be refused, None where it would not.

    To whoever asks for DES, 3DES is not what they misspelt.
    """
    for pattern, spelling, member in _REFUSED_NAMES:
        reason = refusal(member)
        if reason and re.search(rf"(?<![A-Z0-9])(?:{pattern})(?![A-Z0-9])", name.upper()):
            known_as = str(member)
            return reason if spelling == known_as else f"{spelling} is {known_as}, and {reason}"
    return None


def broken(member: OpenEnum) -> str | None:
    """Give what is to be said of a value that works and protects nothing, None for others."""
    return _BROKEN.get(type(member), {}).get(member)


def recommendable(member: OpenEnum) -> bool:
    """Tell whether a value may be suggested to whoever wrote another."""
    return refusal(member) is None and broken(member) is None


def weak(*members: OpenEnum | None) -> tuple[str, ...]:
    """List the names of the weak ones among the members, each once."""
    names = (str(m) for m in members if m is not None and m in _WEAK.get(type(m), ()))
    return tuple(dict.fromkeys(names))
