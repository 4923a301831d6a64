"""Hold everything the PKI directories say about keys, as one immutable value (RFC 4945)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod

if TYPE_CHECKING:
    from isakmpd.crypto.signature_keys import PrivateKey, PublicKey
    from isakmpd.pki.certificate import Certificate
    from isakmpd.pki.revocation_list import RevocationList


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """Hold what proves our identity.

    `identity` has the octets to send: a name as its certificate encodes it. `chain` goes from our
    certificate upwards without the root, and is empty for a raw key; `remark` then says which
    certificate was missed.
    """

    identity: Identity
    key: PrivateKey
    chain: tuple[Certificate, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ProvenKey:
    """Hold a key that may speak for an identity, and why.

    `source` names what vouches for it: "certs/west.crt", "pubkeys/fqdn/west", "its certificate".
    `lists` are the revocation lists the peer sent.
    """

    key: PublicKey
    identity: Identity
    chain: tuple[Certificate, ...] = ()
    source: str = ""
    lists: tuple[RevocationList, ...] = ()


class Keyring:
    """Answer which key proves our identity and which key may speak for a peer's."""

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """Give the DER subject Names of the trusted authorities, to be asked for (CERTREQ)."""
        raise NotImplementedError

    def own(
        self,
        identity: Identity,
        methods: Collection[AuthenticationMethod],
        wanted: Sequence[bytes] = (),
    ) -> OwnCredential:
        """Find key and chain for our identity, under a wanted authority (DER Names) if there is.

        Raises Unprovable when nothing fits.
        """
        raise NotImplementedError

    def can_sign(self, identity: Identity) -> tuple[AuthenticationMethod, ...]:
        """Give the methods by which we can prove this identity."""
        raise NotImplementedError

    def prove(
        self,
        identity: Identity,
        method: AuthenticationMethod,
        certificates: Sequence[Certificate],
        lists: Sequence[RevocationList],
        at: datetime,
    ) -> ProvenKey:
        """Find the key that speaks for a peer's identity at this time (aware).

        Raises Untrusted when none does.
        """
        raise NotImplementedError

    def knows(self, identity: Identity) -> bool:
        """Tell whether a raw key or a certificate is stored for this identity."""
        raise NotImplementedError

    def still_good(self, proven: ProvenKey, at: datetime) -> None:
        """Raise Untrusted if what once vouched for this key does so no longer."""
        raise NotImplementedError


EMPTY = Keyring()
