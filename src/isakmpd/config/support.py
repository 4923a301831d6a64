"""Say which algorithms this version carries out, which never will be, and which are weak."""

from __future__ import annotations

from collections.abc import Mapping

from isakmpd.config.constants import spell
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    OpenEnum,
    Protocol,
)

# Members of different enumerations are equal where their numbers are: sets of them never mix.
Table = Mapping[type[OpenEnum], frozenset[OpenEnum]]

_SUPPORTED: Table = {
    ExchangeType: frozenset({ExchangeType.ID_PROT, ExchangeType.QUICK_MODE}),
    EncryptionAlgorithm: frozenset(
        {EncryptionAlgorithm.AES_CBC, EncryptionAlgorithm.TRIPLE_DES_CBC}
    ),
    HashAlgorithm: frozenset(
        {
            HashAlgorithm.MD5,
            HashAlgorithm.SHA,
            HashAlgorithm.SHA2_256,
            HashAlgorithm.SHA2_384,
            HashAlgorithm.SHA2_512,
        }
    ),
    AuthenticationMethod: frozenset({AuthenticationMethod.PRE_SHARED}),
    GroupDescription: frozenset(
        {
            GroupDescription.MODP_768,
            GroupDescription.MODP_1024,
            GroupDescription.MODP_1536,
            GroupDescription.MODP_2048,
            GroupDescription.MODP_3072,
            GroupDescription.MODP_4096,
            GroupDescription.MODP_6144,
            GroupDescription.MODP_8192,
        }
    ),
    Protocol: frozenset({Protocol.IPSEC_ESP}),
    EspTransform: frozenset({EspTransform.TRIPLE_DES, EspTransform.AES, EspTransform.AES_GCM_16}),
    EncapsulationMode: frozenset({EncapsulationMode.TUNNEL}),
    AuthenticationAlgorithm: frozenset(
        {
            AuthenticationAlgorithm.HMAC_MD5,
            AuthenticationAlgorithm.HMAC_SHA,
            AuthenticationAlgorithm.HMAC_SHA2_256,
            AuthenticationAlgorithm.HMAC_SHA2_384,
            AuthenticationAlgorithm.HMAC_SHA2_512,
        }
    ),
}

_BROKEN: Table = {
    EncryptionAlgorithm: frozenset({EncryptionAlgorithm.DES_CBC}),
    GroupDescription: frozenset({GroupDescription.EC2N_155, GroupDescription.EC2N_185}),
    EspTransform: frozenset(
        {EspTransform.DES_IV64, EspTransform.DES, EspTransform.DES_IV32, EspTransform.RC4}
    ),
    AuthenticationAlgorithm: frozenset(
        {AuthenticationAlgorithm.DES_MAC, AuthenticationAlgorithm.KPDK}
    ),
}

_WEAK: Table = {
    EncryptionAlgorithm: frozenset({EncryptionAlgorithm.TRIPLE_DES_CBC}),
    HashAlgorithm: frozenset({HashAlgorithm.MD5}),
    GroupDescription: frozenset({GroupDescription.MODP_768, GroupDescription.MODP_1024}),
    EspTransform: frozenset({EspTransform.TRIPLE_DES}),
    AuthenticationAlgorithm: frozenset({AuthenticationAlgorithm.HMAC_MD5}),
}


def unsupported_yet(member: OpenEnum) -> str | None:
    """Give the reason why a value cannot be used, None where it can."""
    kind = type(member)
    if member in _BROKEN.get(kind, ()):
        return f"{spell(member)} is unsafe and not supported"
    if kind in _SUPPORTED and member not in _SUPPORTED[kind]:
        return f"{spell(member)} is not supported by this version"
    return None


def weak(*members: OpenEnum | None) -> tuple[str, ...]:
    """List the names of the weak ones among the members, each once."""
    names = (spell(m) for m in members if m is not None and m in _WEAK.get(type(m), ()))
    return tuple(dict.fromkeys(names))
