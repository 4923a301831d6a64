"""The report: the original's lines without its memory addresses, and without keys."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.read import read
from isakmpd.control.report import ListeningSocket, report_lines, report_text
from isakmpd.ike.ipsec import SaKeys
from isakmpd.ike.snapshot import ConnectionSnapshot
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    IpcompTransform,
    Protocol,
)
from tests.control.snapshots import EMPTY, PHASE_2, SNAPSHOT, paired

BINDINGS = Bindings.parse(
    """\
[Phase 1]
10.77.0.2= peer-main
[Phase 2]
Passive-connections= conn
[peer-main]
Phase= 1
Address= 10.77.0.2
Configuration= main-mode
Authentication= mekmitasdigoat
[main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-SHA
[conn]
Phase= 2
ISAKMP-peer= peer-main
Configuration= quick-mode
Local-ID= net-west
Remote-ID= net-east
[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-AES-SHA-SUITE
[net-west]
ID-type= IPV4_ADDR_SUBNET
Network= 10.1.0.0
Netmask= 255.255.255.0
[net-east]
ID-type= IPV4_ADDR_SUBNET
Network= 10.2.0.0
Netmask= 255.255.255.0
""",
    "isakmpd.conf",
)
CONFIGURATION = read(BINDINGS)
SOCKETS = (
    ListeningSocket(6, IPv4Address("10.77.0.9"), 500, False),
    ListeningSocket(7, IPv4Address("10.77.0.1"), 500, False),
    ListeningSocket(8, IPv4Address("0.0.0.0"), 4500, True),  # noqa: S104
)
REPORT = """\
sa_report: #1 conn phase 2 doi 1 flags 0x3
sa_report: icookie 96b2a551d4410733 rcookie 6cc69aad8c05915f
sa_report: msgid cbe680a8
sa_report: life secs 1200 kb 0
sa_report: expires soft in 1036 seconds, hard in 1198 seconds
sa_report: suite 1 proto 3
sa_report: AES 128, HMAC_SHA
sa_report: initiator id: 10.1.0.0/24, responder id: 10.2.0.0/24, src: 10.77.0.1 dst: 10.77.0.2
sa_report: spi[0]:
2ccbf240\x20
sa_report: outbound 3 packets 252 octets
sa_report: spi[1]:
6a52867a\x20
sa_report: #2 peer-main phase 1 doi 1 flags 0x3
sa_report: icookie 96b2a551d4410733 rcookie 6cc69aad8c05915f
sa_report: msgid 00000000
sa_report: life secs 3600 kb 0
sa_report: expires soft in 3068 seconds, hard in 3598 seconds
sa_report: suite 1 proto 1
sa_report: AES_CBC 128, SHA, MODP_1024
sa_report: initiator id: 10.77.0.1, responder id: 10.77.0.2, src: 10.77.0.1 dst: 10.77.0.2
exchange_report: #1 conn quick-mode policy initiator phase 2 doi 1 exchange 32 step 3
exchange_report: icookie 96b2a551d4410733 rcookie 6cc69aad8c05915f
exchange_report: msgid cbe680a8
transport_report: transport #1 flags 0
udp_report: fd 7 src 10.77.0.1:500 dst 10.77.0.2:500
transport_report: transport #2 flags 1
udp_report: fd 6 src 10.77.0.9:500 dst <none>:0
transport_report: transport #3 flags 1
udp_report: fd 7 src 10.77.0.1:500 dst <none>:0
transport_report: transport #4 flags 1
udp_encap_report: fd 8 src 0.0.0.0:4500 dst <none>:0
connection_report: connection conn next check 33 seconds
connection_report: connection conn is up
timer_report: event sa_soft_expire scheduled in 1011 seconds
conf_report: dumping running configuration
"""


def test_the_recorded_tunnel_reads_like_the_original_s_report() -> None:
    """SAs, exchanges, transports, connections, timers, in this order."""
    lines = report_lines(SNAPSHOT, CONFIGURATION, [], SOCKETS)
    assert list(lines) == REPORT.splitlines()


def test_the_initiator_comes_first_whoever_it_is() -> None:
    """As responder, the peer's network is the initiator's."""
    answered = replace(EMPTY, ipsec_sas=(replace(PHASE_2, initiator=False),))
    assert (
        "sa_report: initiator id: 10.2.0.0/24, responder id: 10.1.0.0/24,"
        " src: 10.77.0.1 dst: 10.77.0.2"
    ) in list(report_lines(answered, CONFIGURATION, []))


def test_a_bundle_shows_each_of_its_protocols() -> None:
    """By their numbers, with algorithms and SPIs of each; a CPI has two octets."""
    none, sha = AuthenticationAlgorithm.NONE, AuthenticationAlgorithm.HMAC_SHA
    bundle = (
        paired(Protocol.IPCOMP, 0x4CAF, SaKeys(IpcompTransform.DEFLATE, none, b"", b"")),
        *PHASE_2.bundle,
        paired(Protocol.IPSEC_AH, 0xA11CAFE, SaKeys(AhTransform.SHA, sha, b"", bytes(20))),
    )
    pair = replace(PHASE_2, bundle=bundle)
    lines = list(report_lines(replace(EMPTY, ipsec_sas=(pair,)), CONFIGURATION, []))
    assert lines[5:11] == [
        "sa_report: suite 1 proto 4",
        "sa_report: DEFLATE",
        "sa_report: suite 1 proto 3",
        "sa_report: AES 128, HMAC_SHA",
        "sa_report: suite 1 proto 2",
        "sa_report: SHA, HMAC_SHA",
    ]
    spis = ["4cb0 ", "4caf ", "2ccbf240 ", "6a52867a ", "0a11caff ", "0a11cafe "]
    assert [line for line in lines if ":" not in line and line.endswith(" ")] == spis


def test_ports_of_a_selector_show() -> None:
    """Which packets are meant is more than networks."""
    selector = replace(PHASE_2.outbound.selector, protocol=17, local_port=1701)
    (esp,) = PHASE_2.bundle
    bundle = (replace(esp, outbound=replace(esp.outbound, selector=selector)),)
    shown = replace(EMPTY, ipsec_sas=(replace(PHASE_2, bundle=bundle),))
    assert (
        "sa_report: initiator id: 10.1.0.0/24 protocol 17 port 1701, responder id: 10.2.0.0/24"
        " protocol 17 port any, src: 10.77.0.1 dst: 10.77.0.2"
    ) in list(report_lines(shown, CONFIGURATION, []))


def test_every_line_carries_the_moment() -> None:
    """As on the original's report, empty lines too."""
    text = report_text(["sa_report: #1", ""], "140918.178885")
    assert text == "140918.178885 Report> sa_report: #1\n140918.178885 Report> \n"


def test_the_configuration_is_shown_as_written() -> None:
    """Sections with an empty line between, a tab after the sign, no generated default."""
    lines = list(report_lines(EMPTY, CONFIGURATION, BINDINGS.written()))
    assert lines[:7] == [
        "conf_report: dumping running configuration",
        "[Phase 1]",
        "10.77.0.2=\tpeer-main",
        "",
        "[Phase 2]",
        "Passive-connections=\tconn",
        "",
    ]
    assert "Retransmits" not in "".join(lines)


def test_no_key_gets_into_the_report() -> None:
    """The original prints passphrases in clear; nobody sends this one to a support forum."""
    lines = list(report_lines(SNAPSHOT, CONFIGURATION, BINDINGS.written(), SOCKETS))
    assert "Authentication=\t<hidden>" in lines
    text = "\n".join(lines)
    for secret in ("mekmitasdigoat", "aaaaaaaa", "bbbbbbbb"):
        assert secret not in text


@pytest.mark.parametrize(
    ("connection", "lines"),
    [
        (
            ConnectionSnapshot("conn", False, "down", None, ""),
            [
                "connection_report: passive connection conn"
                " local_id: 10.1.0.0/255.255.255.0, remote_id: 10.2.0.0/255.255.255.0",
                "connection_report: connection conn is down",
            ],
        ),
        (
            ConnectionSnapshot("by-hand", True, "negotiating", 12.9, "no answer\n"),
            [
                "connection_report: connection by-hand next check 12 seconds",
                "connection_report: connection by-hand is negotiating,"
                " last failure: no answer\\x0a",
            ],
        ),
    ],
)
def test_connections_say_how_they_are(connection: ConnectionSnapshot, lines: list[str]) -> None:
    """The original's line, then the state and why it is no better."""
    snapshot = replace(EMPTY, connections=(connection,))
    assert list(report_lines(snapshot, CONFIGURATION, []))[:2] == lines
