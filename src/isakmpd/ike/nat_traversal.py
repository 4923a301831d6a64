"""Find NATs between two peers and the ports to use across them (RFC 3947 and its drafts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from isakmpd.crypto.hashes import digest
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import HashAlgorithm
from isakmpd.wire.payloads import Chain, NatDiscovery, NatDiscoveryDraft
from isakmpd.wire.vendor_ids import Vendor

NAT_T_PORT = 4500

_DRAFTS = frozenset({Vendor.NAT_T_DRAFT_02, Vendor.NAT_T_DRAFT_02_PLAIN, Vendor.NAT_T_DRAFT_03})
VENDORS = _DRAFTS | {Vendor.NAT_T_RFC}


class Dialect(Enum):
    """Name how two ends speak of NATs: payload and mode numbers of the RFC, or of its drafts."""

    RFC = "RFC 3947"
    DRAFT = "draft-ietf-ipsec-nat-t-ike"

    def nat_d(self, octets: bytes) -> NatDiscovery:
        """Make a NAT-D payload."""
        return NatDiscovery(octets) if self is Dialect.RFC else NatDiscoveryDraft(octets)

    def hashes(self, message: Chain) -> list[bytes]:
        """Read the NAT-D payloads of this dialect, or of the other where there are only those."""
        found = message.all(NatDiscovery)
        ours = [one for one in found if isinstance(one, NatDiscoveryDraft) is self.is_draft]
        return [one.data for one in ours or found]

    @property
    def is_draft(self) -> bool:
        """Tell whether the numbers are those of the drafts."""
        return self is Dialect.DRAFT


def agreed(vendors: frozenset[Vendor]) -> Dialect | None:
    """Choose the dialect of a peer that announces ``vendors``, None where it speaks none."""
    if Vendor.NAT_T_RFC in vendors:
        return Dialect.RFC
    return Dialect.DRAFT if vendors & _DRAFTS else None


@dataclass(frozen=True, slots=True)
class NatSituation:
    """Tell who stands behind a NAT, and how both ends speak of it.

    ``forced`` tells that the peer uses the NAT-T port although no NAT shows.
    """

    we_are_behind: bool = False
    peer_is_behind: bool = False
    dialect: Dialect | None = None
    forced: bool = False

    @property
    def detected(self) -> bool:
        """Tell whether ESP is to travel in UDP."""
        return self.we_are_behind or self.peer_is_behind or self.forced

    def __str__(self) -> str:
        if self.we_are_behind and self.peer_is_behind:
            return "both ends are behind a NAT"
        if self.we_are_behind or self.peer_is_behind:
            return f"{'we are' if self.we_are_behind else 'the peer is'} behind a NAT"
        return "the peer speaks on the NAT-T port" if self.forced else "no end is behind a NAT"


def hashes_of_ends(
    algorithm: HashAlgorithm, initiator_cookie: bytes, responder_cookie: bytes, transport: Transport
) -> tuple[bytes, bytes]:
    """Hash both ends as we see them: the remote one first, then ours (RFC 3947 section 3.2)."""

    def end(address: Address, port: int) -> bytes:
        return digest(
            algorithm, initiator_cookie, responder_cookie, address.packed, port.to_bytes(2)
        )

    return (
        end(transport.remote, transport.remote_port),
        end(transport.local, transport.local_port),
    )


def detect(
    seen: Sequence[bytes], ends: Sequence[tuple[bytes, bytes]], dialect: Dialect
) -> NatSituation:
    """Compare the hashes the peer sent with ours; without any there is no NAT to speak of.

    ``ends`` hashes them as they are, and as they were where the peer may still mean that: some
    hash the ports they are about to leave, others those they go to.
    """
    if not seen:
        return NatSituation(dialect=dialect)
    # The first names our end as the peer sees it, the others the ends the peer may have.
    return NatSituation(
        not any(local in seen[:1] for _, local in ends),
        not any(remote in seen[1:] for remote, _ in ends),
        dialect,
    )
