"""HMAC keys padded as the original does: by vendor ID, by tag, and found out when neither says."""

from __future__ import annotations

import pytest

from isakmpd.wire.numbers import EncryptionAlgorithm, HashAlgorithm
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_aggressive_mode,
    answer_main_mode,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    proposal,
)

OPENBSD = (Vendor.OPENBSD.value, Vendor.DPD.value)
OTHERS = (Vendor.DPD.value,)
LONG_HASHES = {
    "AES-128-SHA2-384": HashAlgorithm.SHA2_384,
    "AES-128-SHA2-512": HashAlgorithm.SHA2_512,
}


def meeting(
    section: str, vendors: tuple[bytes, ...], block: int | None, tags: str = "", **how: object
) -> tuple[Daemon, Peer]:
    """A daemon and a peer with that vendor ID, which pads its HMAC keys to ``block``."""
    hashed = {**LONG_HASHES, "AES-128-SHA2-256": HashAlgorithm.SHA2_256}[section]
    config = configuration(transforms=section, peer_tags=tags, **how)  # type: ignore[arg-type]
    offer = Phase1(hash=hashed)
    return Daemon(config), a_peer(offer, vendors=vendors, hmac_block=block)


# Who the peer is, how it pads, what [peer] says.
AGREE = [
    (OPENBSD, 64, ""),
    (OTHERS, 128, ""),
    (OTHERS, 64, "HMAC-block= 64"),
    (OPENBSD, 128, "HMAC-block= 128"),
]


@pytest.mark.parametrize("section", LONG_HASHES)
@pytest.mark.parametrize(("vendors", "block", "tags"), AGREE)
def test_the_block_is_the_tags_else_the_vendors(
    section: str, vendors: tuple[bytes, ...], block: int, tags: str
) -> None:
    """In both roles and modes, down to the keys of the tunnel."""
    daemon, peer = meeting(section, vendors, block, tags)
    answer_main_mode(daemon, peer)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    daemon, peer = meeting(section, vendors, block, tags, answers=False)
    quick_1 = begin_main_mode(daemon, peer)
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, quick_1)
    assert agreed(daemon, quick)
    daemon, peer = meeting(section, vendors, block, tags, exchange="AGGRESSIVE")
    answer_aggressive_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1
    assert daemon.log == []


@pytest.mark.parametrize(("vendors", "block"), [(OPENBSD, 64), (OTHERS, 64), (OTHERS, 128)])
def test_shorter_hashes_know_no_difference(vendors: tuple[bytes, ...], block: int) -> None:
    """Their own block is 64 octets; a peer that says 128 pads like any other."""
    daemon, peer = meeting("AES-128-SHA2-256", vendors, None, f"HMAC-block= {block}")
    answer_main_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1


@pytest.mark.parametrize("section", LONG_HASHES)
@pytest.mark.parametrize(
    ("vendors", "block", "tags"),
    [(OTHERS, 64, ""), (OPENBSD, 128, ""), (OTHERS, 64, "HMAC-block= 128")],
)
def test_the_other_block_is_found_out(
    section: str, vendors: tuple[bytes, ...], block: int, tags: str
) -> None:
    """The key is right and the padding is not: the line names the tag, not the key."""
    daemon, peer = meeting(section, vendors, block, tags)
    daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    (line,) = daemon.log
    assert line.startswith(f"peer: main mode message 5 from {PEER}:500 proves nothing, ")
    assert line.endswith(
        f": it does with HMAC keys padded to {block} octets ([peer]:HMAC-block= {block} decides)"
    )


def test_the_other_block_is_found_out_in_aggressive_mode() -> None:
    """By the initiator, from message 2 in clear."""
    daemon, peer = meeting("AES-128-SHA2-512", OTHERS, 64, answers=False, exchange="AGGRESSIVE")
    daemon.hears(peer.am2(daemon.begins()))
    (line,) = daemon.log
    assert line == (
        f"peer: aggressive mode message 2 from {PEER}:500 proves nothing, its HASH is wrong: it "
        "does with HMAC keys padded to 64 octets ([peer]:HMAC-block= 64 decides)"
    )


def test_a_wrong_key_is_not_blamed_on_the_block() -> None:
    """Neither padding fits."""
    daemon, peer = meeting("AES-128-SHA2-512", OTHERS, 64)
    peer.key = b"another"
    daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    (line,) = daemon.log
    assert line.endswith("the pre-shared keys probably differ ([peer]:Authentication decides)")


# AES without KEY_LENGTH


@pytest.mark.parametrize(
    ("section", "vendors", "octets"),
    [("AES-256-SHA", OPENBSD, 32), ("AES-128-SHA", OTHERS, 16)],
)
def test_aes_without_key_length(section: str, vendors: tuple[bytes, ...], octets: int) -> None:
    """The original takes its longest key, others the RFC's: we do as the peer does."""
    offer = Phase1(key_length=None, seconds=3600, unnamed_octets=octets)
    daemon, peer = Daemon(configuration(transforms=section)), a_peer(offer, vendors=vendors)
    answer_main_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1


@pytest.mark.parametrize(
    ("section", "vendors"), [("AES-128-SHA", OPENBSD), ("AES-256-SHA", OTHERS)]
)
def test_aes_without_key_length_that_does_not_fit(section: str, vendors: tuple[bytes, ...]) -> None:
    """What the lack of it means to the peer must be what the section says."""
    offer = Phase1(EncryptionAlgorithm.AES_CBC, key_length=None)
    daemon, peer = Daemon(configuration(transforms=section)), a_peer(offer, vendors=vendors)
    daemon.hears(peer.mm1())
    assert "KEY_LENGTH: got none, which means " in daemon.log[0]
