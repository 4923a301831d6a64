"""Phase 1 with signatures between two engines: RFC 2409 section 5.1 and RFC 4754, both modes."""

from __future__ import annotations

import pytest

from isakmpd.pki.keyring import Keyring
from tests.ike.authority import ROOT, address, host, key_of, keyring
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.scenes import converse

_TRANSFORM = """\
[signed]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128
HASH_ALGORITHM= SHA
AUTHENTICATION_METHOD= {method}
GROUP_DESCRIPTION= MODP_1024
"""
METHODS = {
    "RSA_SIG": 0,
    "ECDSA_256": 9,
    "ECDSA_384": 10,
    "ECDSA_521": 11,
}


def gateway(
    side: str,
    keys: Keyring,
    *,
    begins: bool,
    exchange: str = "ID_PROT",
    tags: str = "",
    method: str = "RSA_SIG",
) -> Daemon:
    """West or east of the tunnel; their peers are named by address alone."""
    config = configuration(
        answers=not begins,
        mirrored=side == "east",
        transforms="signed",
        exchange=exchange,
        peer_tags=tags,
        more=_TRANSFORM.format(method=method),
    )
    return Daemon(config, keyring=keys, address=PEER if side == "east" else DAEMON)


def own(side: str, curve: int = 0) -> Keyring:
    """A certificate for a gateway's address and name, with its key."""
    at = address(str(DAEMON if side == "west" else PEER))
    issued = ROOT.issue(side, at, host(f"{side}.example"), curve=curve)
    return keyring(issued, key=key_of(side, curve))


def meet(first: Daemon, second: Daemon) -> None:
    """All that follows when one of the two begins."""
    converse(second, first, [octets for _, octets in first.passes(0.0)])
    converse(first, second, [octets for _, octets in second.passes(0.0)])


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
@pytest.mark.parametrize("method", METHODS)
def test_two_of_ours(method: str, exchange: str) -> None:
    """Every method in either mode."""
    curve = METHODS[method]
    first = gateway("west", own("west", curve), begins=True, exchange=exchange, method=method)
    second = gateway("east", own("east", curve), begins=False, exchange=exchange, method=method)
    meet(first, second)
    assert first.log == second.log == []
    (ours,), (theirs,) = first.snapshot.isakmp_sas, second.snapshot.isakmp_sas
    assert ours.responder_cookie == theirs.responder_cookie
    assert len(first.snapshot.ipsec_sas) == len(second.snapshot.ipsec_sas) == 1
