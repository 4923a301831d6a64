"""Peers whose signature proves nothing, or not who is wanted: both ends say so, in both modes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from isakmpd.pki.keyring import EMPTY, Keyring
from tests.ike.authority import ROOT, Authority, address, host, key_of, keyring
from tests.ike.daemon import DAEMON, PEER
from tests.ike.test_signatures import gateway, meet, own

OTHER = Authority("Other")
WEST, EAST = address(str(DAEMON)), address(str(PEER))
EARLY = datetime(2026, 2, 1, tzinfo=UTC)
NAMED = "Remote-ID= them\n[them]\nID-type= FQDN\nName= {name}"
AS = "ID= us\n[us]\nID-type= FQDN\nName= {name}"
REVOKED = ROOT.issue("east", EAST)


@dataclass(frozen=True)
class Case:
    """What each end holds and says; ``seen`` by the end that refuses, ``told`` to the other."""

    theirs: Keyring  # east's
    seen: str  # in west's log
    told: str  # in east's
    ours: Keyring | None = None  # west's
    tags: str = ""  # west's


CASES = {
    "unknown authority": Case(
        keyring(OTHER.issue("east", EAST), key=key_of("east"), authorities=(ROOT, OTHER)),
        "signed by unknown authority",
        "it does not trust the authority that signed our certificate (ca/ there decides): "
        "it trusts C=SE, O=Example, CN=Root",
    ),
    "expired": Case(
        keyring(ROOT.issue("east", EAST, ends=EARLY), key=key_of("east")),
        "certificate C=SE, O=Example, CN=east expired 2026-02-01",
        "it refuses the certificate of IPV4_ADDR 192.0.2.2",
    ),
    "revoked": Case(
        keyring(REVOKED, key=key_of("east")),
        "certificate C=SE, O=Example, CN=east is revoked",
        "it refuses the certificate of IPV4_ADDR 192.0.2.2",
        keyring(ROOT.issue("west", WEST), key=key_of("west"), lists=[ROOT.revokes(REVOKED)]),
    ),
    "no certificate, and no key of it": Case(
        keyring(key=key_of("east")),
        "no certificate was sent with the identity ipv4/192.0.2.2",
        "it has neither certificate nor key for IPV4_ADDR 192.0.2.2",
    ),
    "another key is stored": Case(
        keyring(key=key_of("east")),
        "the signature of IPV4_ADDR 192.0.2.2 is wrong: none of the RSA 2048 key of "
        "pubkeys/ipv4/192.0.2.2",
        "it has another certificate or key for IPV4_ADDR 192.0.2.2 than the one we sign with",
        keyring(
            ROOT.issue("west", WEST),
            key=key_of("west"),
            raw=[("ipv4", "192.0.2.2", key_of("another"))],
        ),
    ),
    "another identity than Remote-ID": Case(
        own("east"),
        "expected FQDN other.example ([peer]:Remote-ID decides)",
        "it expects FQDN other.example, we are IPV4_ADDR 192.0.2.2",
        tags=NAMED.format(name="other.example"),
    ),
}


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_both_ends_name_the_cause(case: str, begins: bool, exchange: str) -> None:
    """Refused under the keys; what comes in clear, aggressive mode's message 2, never came."""
    given = CASES[case]
    ours = given.ours or own("west")
    first = gateway("west", ours, begins=begins, exchange=exchange, tags=given.tags)
    second = gateway("east", given.theirs, begins=not begins, exchange=exchange)
    meet(first, second)
    assert given.seen in "\n".join(first.log)
    assert len(first.log) == 1
    second.passes(200.0)
    assert given.told in "\n".join(second.log)
    assert not first.snapshot.isakmp_sas
    assert not second.snapshot.isakmp_sas


def test_who_cannot_prove_itself_does_not_begin() -> None:
    """One line names the directory and the ID."""
    daemon = gateway("west", keyring(key=None), begins=True)
    assert daemon.passes(0.0) == []
    (line,) = daemon.log
    assert "we cannot prove who we are: RSA_SIG: there is no private key" in line
    assert "([peer]:ID and [main-mode]:Transforms decide)" in line


def test_who_cannot_prove_itself_does_not_answer() -> None:
    """It chooses no method by which it could not finish; the other end hears what that can mean."""
    first, second = gateway("west", own("west"), begins=True), gateway("east", EMPTY, begins=False)
    meet(first, second)
    assert "we cannot prove who we are with RSA_SIG: there is no private key" in second.log[0]
    first.passes(200.0)
    assert "cannot prove itself by their signatures" in "\n".join(first.log)


def test_without_remote_id_a_peer_with_an_address_proves_that() -> None:
    """A certificate of the same authority for another identity is not this peer's."""
    theirs = keyring(ROOT.issue("east", host("east.example")), key=key_of("east"))
    first, second = (
        gateway("west", own("west"), begins=True),
        gateway("east", theirs, begins=False, tags=AS.format(name="east.example")),
    )
    meet(first, second)
    assert (
        "the peer proves to be FQDN east.example, expected its address 192.0.2.2 "
        "([peer]:Remote-ID decides)" in first.log[0]
    )
    assert "it expects IPV4_ADDR 192.0.2.2, we are FQDN east.example" in "\n".join(second.log)


def test_remote_id_any_opens_it() -> None:
    """As the tag says; -v tells who was let in."""
    theirs = keyring(ROOT.issue("east", host("east.example")), key=key_of("east"))
    first = gateway("west", own("west"), begins=True, tags="Remote-ID-any= yes")
    second = gateway("east", theirs, begins=False, tags=AS.format(name="east.example"))
    meet(first, second)
    assert len(first.snapshot.isakmp_sas) == len(second.snapshot.isakmp_sas) == 1
    assert any("accepted as anybody is" in line for line in first.verbose)


def test_a_revoked_peer_loses_what_it_has() -> None:
    """Also one that was proved before the list came; the peer hears a Delete."""
    certificate = ROOT.issue("east", EAST)
    theirs = keyring(certificate, key=key_of("east"))
    first, second = gateway("west", own("west"), begins=True), gateway("east", theirs, begins=False)
    meet(first, second)
    assert first.snapshot.ipsec_sas
    assert second.snapshot.ipsec_sas
    issued = ROOT.issue("west", WEST)
    harmless = keyring(issued, key=key_of("west"), lists=[ROOT.revokes()])
    first.engine.take_keyring(harmless, first.now)
    first.settle()
    assert first.snapshot.ipsec_sas
    assert first.log == []
    revoking = keyring(issued, key=key_of("west"), lists=[ROOT.revokes(certificate)])
    first.now += 10
    first.engine.take_keyring(revoking, first.now)
    first.settle()
    (line,) = first.log
    assert "IPV4_ADDR 192.0.2.2 at 192.0.2.2:500 is trusted no longer: certificate" in line
    assert "is revoked" in line
    assert not first.snapshot.ipsec_sas
    assert not first.snapshot.isakmp_sas
    for send in first.sent():
        second.hears(send.octets, source=DAEMON)
    assert not second.snapshot.ipsec_sas
