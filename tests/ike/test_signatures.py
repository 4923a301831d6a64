"""Phase 1 with signatures between two engines: RFC 2409 section 5.1 and RFC 4754, both modes."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from isakmpd.pki.keyring import EMPTY, Keyring
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
    transforms: str = "signed",
    key: str = "mekmitasdigoat",
) -> Daemon:
    """West or east of the tunnel; their peers are named by address alone."""
    config = configuration(
        answers=not begins,
        mirrored=side == "east",
        transforms=transforms,
        key=key,
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


SIGNED, SHARED = "signed", "AES-128-SHA"
BOTH = f"{SIGNED},{SHARED}"
MIXED = {
    "both do both": (BOTH, BOTH, True, True, "RSA_SIG"),
    "east has no pre-shared key in mind": (BOTH, SIGNED, True, True, "RSA_SIG"),
    "east does not sign": (BOTH, SHARED, True, True, "PRE_SHARED"),
    "west has no certificate": (BOTH, BOTH, False, True, "PRE_SHARED"),
    "east has no certificate": (BOTH, BOTH, True, False, "PRE_SHARED"),
}


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
@pytest.mark.parametrize("case", MIXED)
def test_offers_that_mix(case: str, exchange: str) -> None:
    """The first method that both ends can prove themselves by is taken."""
    ours, theirs, west_signs, east_signs, chosen = MIXED[case]
    first = gateway(
        "west",
        own("west") if west_signs else EMPTY,
        begins=True,
        exchange=exchange,
        transforms=ours,
    )
    second = gateway(
        "east",
        own("east") if east_signs else EMPTY,
        begins=False,
        exchange=exchange,
        transforms=theirs,
    )
    meet(first, second)
    assert first.log == second.log == []
    (sa,) = first.snapshot.isakmp_sas
    assert str(sa.authentication) == chosen


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
def test_a_default_peer_is_one_whose_key_is_stored(exchange: str, stored: bool) -> None:
    """Else a certificate of any host of the authority would open the section to it."""
    issued = ROOT.issue("west", address(str(DAEMON)))
    first = gateway("west", keyring(issued, key=key_of("west")), begins=True, exchange=exchange)
    east = ROOT.issue("east", address(str(PEER)))
    known = (east, issued) if stored else (east,)
    text = "[anybody]\nPhase= 1\nConfiguration= main-mode\n"
    config = configuration(
        mirrored=True,
        transforms=SIGNED,
        exchange=exchange,
        more=_TRANSFORM.format(method="RSA_SIG") + text,
        peer=IPv4Address("192.0.2.77"),
        phase_1="Default= anybody",
    )
    second = Daemon(config, keyring=keyring(*known, key=key_of("east")), address=PEER)
    meet(first, second)
    assert bool(second.snapshot.isakmp_sas) is stored
    wanted = "neither certs/ nor pubkeys/ holds a key for IPV4_ADDR 192.0.2.1"
    assert (wanted in "\n".join(second.log)) is not stored
