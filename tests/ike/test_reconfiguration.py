"""A new configuration takes away what an administrator means it to, and nothing else."""

from __future__ import annotations

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike.reconfiguration import no_longer_wanted, withdrawn_connections, withdrawn_peers

TEXT = """\
[Phase 1]
192.0.2.2= east
[Phase 2]
Connections= link
[east]
Phase= 1
Address= 192.0.2.2
Configuration= main-mode
Authentication= secret
[main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-SHA
[link]
Phase= 2
ISAKMP-peer= east
Configuration= quick-mode
Local-ID= here
Remote-ID= there
[here]
ID-type= IPV4_ADDR_SUBNET
Network= 10.1.0.0
Netmask= 255.255.255.0
[there]
ID-type= IPV4_ADDR_SUBNET
Network= 10.2.0.0
Netmask= 255.255.255.0
[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-AES-SHA-SUITE
"""


def read(text: str) -> Configuration:
    """Read a configuration without faults."""
    configuration = parse(text, "isakmpd.conf")
    assert configuration.problems == ()
    return configuration


def taken_away(*changes: tuple[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Tell which connections and peers a change withdraws, and what it keeps up no longer."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    before, after = read(TEXT), read(text)
    return (
        withdrawn_connections(before, after),
        withdrawn_peers(before, after),
        no_longer_wanted(before, after),
    )


@pytest.mark.parametrize(
    "change",
    [
        ("Authentication= secret", "Authentication= another"),
        ("Transforms= AES-SHA", "Transforms= 3DES-MD5"),
        ("Suites= QM-ESP-AES-SHA-SUITE", "Suites= QM-ESP-3DES-MD5-SUITE"),
        ("[Phase 1]", "[General]\nRetransmits= 9\n[Phase 1]"),
        ("Phase= 1\n", "Phase= 1\nID= me\n[me]\nID-type= FQDN\nName= west.example\n[east]\n"),
    ],
)
def test_keys_algorithms_and_identities_wait_for_the_next_negotiation(
    change: tuple[str, str],
) -> None:
    """A tunnel that works goes on."""
    assert taken_away(change) == ([], [], [])


@pytest.mark.parametrize(
    "change",
    [
        ("Network= 10.1.0.0", "Network= 10.9.0.0"),
        ("10.1.0.0\nNetmask= 255.255.255.0", "10.1.0.0\nNetmask= 255.255.0.0"),
        ("Remote-ID= there\n", ""),
    ],
)
def test_other_ends_are_another_tunnel(change: tuple[str, str]) -> None:
    """The old one must not go on to carry packets nobody wants carried."""
    assert taken_away(change) == (["link"], [], [])


@pytest.mark.parametrize(
    "changes",
    [
        [("Connections= link\n", "")],
        [("Connections= link\n", ""), ("[link]\nPhase= 2\n", "[link]\n")],
    ],
)
def test_a_connection_that_is_removed_is_withdrawn(changes: list[tuple[str, str]]) -> None:
    """From the list alone, or altogether."""
    assert taken_away(*changes) == (["link"], [], ["link"])


def test_a_connection_that_only_answers_from_now_on_keeps_its_sas() -> None:
    """But is not brought up again."""
    change = ("Connections= link", "Passive-connections= link")
    assert taken_away(change) == ([], [], ["link"])


def test_a_peer_elsewhere_is_another_peer() -> None:
    """What was agreed with the one at the old address ends."""
    assert taken_away(("192.0.2.2", "192.0.2.3")) == ([], ["east"], [])
    assert taken_away(("Phase= 1\n", "Phase= 1\nPort= 5000\n")) == ([], ["east"], [])


def test_a_peer_that_is_removed_is_withdrawn() -> None:
    """With all it was for."""
    assert taken_away((TEXT, "[General]\nRetransmits= 3\n")) == (["link"], ["east"], ["link"])
