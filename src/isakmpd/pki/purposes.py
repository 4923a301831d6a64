"""Refuse certificates used for what their issuer did not mean them for (RFC 5280 section 4.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

from isakmpd.pki.certificate import Certificate
from isakmpd.pki.untrusted import Untrusted
from isakmpd.wire.numbers import NotifyType

# Any of these lets a certificate speak in IKE (RFC 4945 section 5.1.3.12 and what others issue).
_FIT_FOR_IKE = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.5": "ipsecEndSystem",
    "1.3.6.1.5.5.7.3.6": "ipsecTunnel",
    "1.3.6.1.5.5.7.3.7": "ipsecUser",
    "1.3.6.1.5.5.7.3.17": "ipsecIKE",
    "1.3.6.1.5.5.8.2.2": "iKEIntermediate",
}
_SIGNING_USAGES = {"digital_signature", "content_commitment"}


def judge_purposes(chain: Sequence[Certificate]) -> None:
    """Raise Untrusted for a chain, from leaf to trust anchor, used against its purpose."""
    leaf, *authorities = chain
    judge_leaf(leaf)
    between = 0  # authorities below that are not self-issued: what pathLenConstraint counts
    for authority in authorities:
        _judge_authority(authority, is_anchor=authority is chain[-1])
        limit = authority.purposes.path_length
        if limit is not None and between > limit:
            raise _refusal(
                f"certificate {authority} allows {limit} authorities below it, found {between}"
            )
        between += not authority.is_self_issued


def judge_leaf(leaf: Certificate) -> None:
    """Raise Untrusted for a certificate whose key may not sign in IKE."""
    usages, extended = leaf.purposes.usages, leaf.purposes.extended
    if usages is not None and not usages & _SIGNING_USAGES:
        raise Untrusted(
            f"certificate {leaf} may not sign: "
            "its keyUsage lacks digitalSignature and nonRepudiation",
            NotifyType.INVALID_CERTIFICATE,
        )
    if extended is not None and not any(each in _FIT_FOR_IKE for each in extended):
        raise Untrusted(
            f"certificate {leaf} is not meant for IKE: its extendedKeyUsage is "
            f"{', '.join(extended[:4])}, expected ipsecIKE, serverAuth or clientAuth",
            NotifyType.INVALID_CERTIFICATE,
        )


def _judge_authority(authority: Certificate, is_anchor: bool) -> None:
    purposes = authority.purposes
    if purposes.usages is not None and "key_cert_sign" not in purposes.usages:
        raise _refusal(
            f"certificate {authority} may not sign certificates: its keyUsage lacks keyCertSign"
        )
    # A root of 2003 is of version 1 and cannot say what it is; that it lies in ca/ says it.
    if purposes.authority or (is_anchor and purposes.authority is None):
        return
    raise _refusal(f"certificate {authority} is no authority's: its basicConstraints lack CA:TRUE")


def _refusal(reason: str) -> Untrusted:
    return Untrusted(reason, NotifyType.INVALID_CERT_AUTHORITY)
