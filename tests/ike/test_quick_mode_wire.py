"""Offers of quick mode as another decoder reads them: tshark."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from tests.ike.scenes import begun
from tests.ike.test_quick_mode_bundles import suites
from tests.wire.test_tshark import payloads, read


def offered() -> bytes:
    """The first message of a quick mode of ours that offers two bundles, in clear."""
    daemon, _, _ = begun(suites("compressed-suite,esp-ah-suite", answers=False))
    clear = [octets for outgoing, octets in daemon.captured if outgoing]
    (qm1,) = [
        octets
        for octets in clear
        if decode_header(octets)[0].exchange_type == ExchangeType.QUICK_MODE
    ]
    return qm1


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_a_bundle_as_it_is_meant(tmp_path: Path) -> None:
    """Each protocol with its own SPI, its own transforms, its own number."""
    (lines,) = read([offered()], tmp_path, b"cookie 1", bytes(16))
    assert payloads(lines) == [
        "Hash",
        "Security Association",
        *["Proposal", "Transform"] * 5,
        "Nonce",
        "Key Exchange",
        "Identification",
        "Identification",
    ]
    wanted = ("Proposal number: ", "Protocol ID: ", "SPI Size: ", "Transform ID: ")
    found = [line for line in lines if line.startswith(wanted) and "Unused" not in line]
    assert [line.split(": ")[1] for line in found] == [
        *("1", "IPSEC_AH (2)", "4", "SHA2-256 (5)"),
        *("1", "IPCOMP (4)", "2", "DEFLATE (2)"),
        *("1", "IPSEC_ESP (3)", "4", "AES (12)"),
        *("2", "IPSEC_ESP (3)", "4", "AES (12)"),
        *("2", "IPSEC_AH (2)", "4", "SHA2-256 (5)"),
    ]
    assert not [line for line in lines if "alformed" in line]
