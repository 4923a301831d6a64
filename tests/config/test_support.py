"""Which algorithms a file may name, which it may not and why, and which deserve a word."""

from __future__ import annotations

import pytest

from isakmpd.config.support import broken, recommendable, refusal, weak
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

CARRIED_OUT: dict[type[OpenEnum], str] = {
    ExchangeType: "ID_PROT AGGRESSIVE QUICK_MODE",
    EncryptionAlgorithm: "DES_CBC BLOWFISH_CBC 3DES_CBC CAST_CBC AES_CBC",
    HashAlgorithm: "MD5 SHA SHA2_256 SHA2_384 SHA2_512",
    AuthenticationMethod: "PRE_SHARED RSA_SIG ECDSA_256 ECDSA_384 ECDSA_521",
    GroupDescription: (
        "MODP_768 MODP_1024 MODP_1536 MODP_2048 MODP_3072 MODP_4096 MODP_6144 MODP_8192"
        " ECP_256 ECP_384 ECP_521 ECP_192 ECP_224 BP_256 BP_384 BP_512"
    ),
    Protocol: "IPSEC_AH IPSEC_ESP IPCOMP",
    EspTransform: "3DES CAST BLOWFISH NULL AES AES_CTR AES_GCM_16 AES_GMAC",
    AhTransform: "MD5 SHA SHA2_256 SHA2_384 SHA2_512 RIPEMD",
    IpcompTransform: "OUI DEFLATE LZS V42BIS",
    EncapsulationMode: "TUNNEL TRANSPORT",
    AuthenticationAlgorithm: (
        "HMAC_MD5 HMAC_SHA HMAC_SHA2_256 HMAC_SHA2_384 HMAC_SHA2_512 HMAC_RIPEMD"
    ),
    IdType: (
        "IPV4_ADDR FQDN USER_FQDN IPV4_ADDR_SUBNET IPV6_ADDR IPV6_ADDR_SUBNET DER_ASN1_DN KEY_ID"
    ),
}


@pytest.mark.parametrize(("kind", "names"), CARRIED_OUT.items())
def test_what_is_carried_out(kind: type[OpenEnum], names: str) -> None:
    """Every other member of the enumeration is refused with a sentence that begins with it."""
    usable = names.split()
    for member in kind:
        reason = refusal(member)
        if str(member) in usable:
            assert reason is None, member
        else:
            assert reason is not None, member
            assert reason.startswith(f"{member} ")


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (GroupDescription.EC2N_155, "no implementation of this curve keeps its secrets"),
        (GroupDescription.EC2N_185, "no implementation of this curve keeps its secrets"),
        (GroupDescription.BP_224, "no implementation of this curve keeps its secrets"),
        (EspTransform.DES, "is unsafe and not supported"),
        (EspTransform.RC4, "is unsafe and not supported"),
        (AhTransform.DES, "is unsafe and not supported"),
        (AuthenticationAlgorithm.KPDK, "is unsafe and not supported"),
        (EncryptionAlgorithm.IDEA_CBC, "is not supported by this version"),
        (AuthenticationMethod.RSA_ENC, "is not supported by this version"),
        (AuthenticationMethod.DSS, "is not supported by this version"),
        (EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT, "UDP follows from the NAT that is found"),
        (IdType.IPV6_RANGE, "can be received and not be written"),
        (EncryptionAlgorithm(99), "is not supported by this version"),
    ],
)
def test_a_reason(member: OpenEnum, words: str) -> None:
    """What is refused for good is told apart from what has yet to come."""
    assert words in (refusal(member) or "")


def test_kinds_without_a_table_refuse_nothing() -> None:
    """Numbers that share a value with a refused one are not taken for it."""
    assert refusal(AuthenticationAlgorithm.HMAC_MD5) is None
    assert broken(HashAlgorithm.MD5) is None  # the number of DES_CBC


def test_des_works_and_is_never_suggested() -> None:
    """DES is there for whoever insists."""
    des = EncryptionAlgorithm.DES_CBC
    assert refusal(des) is None
    assert not recommendable(des)
    assert "56-bit key" in (broken(des) or "")
    assert recommendable(EncryptionAlgorithm.AES_CBC)
    assert not recommendable(EncryptionAlgorithm.IDEA_CBC)


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ((EncryptionAlgorithm.AES_CBC, HashAlgorithm.SHA, GroupDescription.MODP_1536), ()),
        ((EncryptionAlgorithm.BLOWFISH_CBC, None, HashAlgorithm.MD5), ("BLOWFISH_CBC", "MD5")),
        ((EspTransform.CAST, AuthenticationAlgorithm.HMAC_MD5), ("CAST", "HMAC_MD5")),
        ((AhTransform.MD5, AhTransform.SHA, GroupDescription.MODP_768), ("MD5", "MODP_768")),
    ],
)
def test_the_weak_ones(members: tuple[OpenEnum | None, ...], names: tuple[str, ...]) -> None:
    """Blocks of 64 bits, MD5 and groups up to 1024 bits are named."""
    assert weak(*members) == names
