"""What senders are told about packets that policy keeps here."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, IPerror
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from isakmpd.esp.icmp import prohibited
from tests.esp import packets
from tests.esp.test_path_mtu import UNANSWERED, checked


def test_ipv4_senders_learn_that_policy_forbids_it() -> None:
    message = prohibited(packets.udp4())
    assert message is not None
    answer = checked(message)
    assert (answer.src, answer.dst) == (packets.EAST_HOST, packets.WEST_HOST)
    assert (answer[ICMP].type, answer[ICMP].code) == (3, 13)
    assert IPerror in answer
    assert IP(message)[IPerror].dst == packets.EAST_HOST


def test_ipv6_senders_learn_that_policy_forbids_it() -> None:
    message = prohibited(packets.udp6())
    assert message is not None
    answer = checked(message)
    assert isinstance(answer, IPv6)
    assert (answer[ICMPv6DestUnreach].type, answer[ICMPv6DestUnreach].code) == (1, 1)
    assert message[48:] == packets.udp6()


@pytest.mark.parametrize("packet", UNANSWERED.values(), ids=UNANSWERED)
def test_what_no_icmp_error_may_be_about(packet: bytes) -> None:
    assert prohibited(packet) is None
