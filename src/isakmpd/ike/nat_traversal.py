"""Find NATs between two peers and the ports to use across them (RFC 3947)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isakmpd.crypto.hashes import digest
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import HashAlgorithm
from isakmpd.wire.payloads import NatDiscovery

NAT_T_PORT = 4500


@dataclass(frozen=True, slots=True)
class NatSituation:
    """Tell who stands behind a NAT."""

    we_are_behind: bool = False
    peer_is_behind: bool = False

    @property
    def detected(self) -> bool:
        """Tell whether there is a NAT at all."""
        return self.we_are_behind or self.peer_is_behind

    def __str__(self) -> str:
        if self.we_are_behind and self.peer_is_behind:
            return "both ends are behind a NAT"
        return f"{'we are' if self.we_are_behind else 'the peer is'} behind a NAT"


def nat_discovery(
    algorithm: HashAlgorithm, initiator_cookie: bytes, responder_cookie: bytes, transport: Transport
) -> tuple[NatDiscovery, NatDiscovery]:
    """Make the two NAT-D payloads we send: the remote end first, then ours (section 3.2)."""

    def end(packed: bytes, port: int) -> NatDiscovery:
        return NatDiscovery(
            digest(algorithm, initiator_cookie, responder_cookie, packed, port.to_bytes(2))
        )

    return (
        end(transport.remote.packed, transport.remote_port),
        end(transport.local.packed, transport.local_port),
    )


def detect(
    received: Iterable[NatDiscovery], expected: tuple[NatDiscovery, NatDiscovery]
) -> NatSituation:
    """Compare the peer's view with ours; without NAT-D payloads there is no NAT to speak of.

    ``expected`` is what we send ourselves: the peer's end as we see it, and ours.
    """
    seen = list(received)
    if not seen:
        return NatSituation()
    remote, local = expected
    # The first names our end as the peer sees it, the others the ends the peer may have.
    return NatSituation(local not in seen[:1], remote not in seen[1:])
