"""Whole files as administrators write them, and what each comes to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from isakmpd.config.model import ClientId, Configuration, OfferAccept, WithoutSa
from isakmpd.config.read import parse
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    AhTransform,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    IdType,
    IpcompTransform,
    Protocol,
)

L2TP_SERVER = """\
# /etc/isakmpd/isakmpd.conf of the dial-in server, 2005
[General]
Retransmits=		5
Exchange-max-time=	120
Listen-on=		192.0.2.1
Check-interval=		60
Renegotiate-on-HUP=	yes

[Phase 1]
Default=		roadwarrior

[Phase 2]
Passive-Connections=	l2tp-windows,l2tp-mac

[roadwarrior]
Phase=			1
Transport=		udp
Local-address=		192.0.2.1
Configuration=		l2tp-main-mode
Authentication=		everybodyknowsit
ID=			my-id

[my-id]
ID-type=		IPV4_ADDR
Address=		192.0.2.1

# The head office has a key of its own.
[198.51.100.7]
Authentication=		0x5f0c3b1e77

[l2tp-main-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		ID_PROT
Transforms=		3DES-SHA,3DES-MD5,AES-SHA-GRP14

[l2tp-windows]
Phase=			2
ISAKMP-peer=		roadwarrior
Configuration=		l2tp-quick-mode
Local-ID=		l2tp-here
Remote-ID=		l2tp-anyone

[l2tp-mac]
Phase=			2
ISAKMP-peer=		roadwarrior
Configuration=		l2tp-quick-mode
Local-ID=		l2tp-here
Remote-ID=		l2tp-any-port

[l2tp-here]
ID-type=		IPV4_ADDR
Address=		192.0.2.1
Protocol=		udp
Port=			l2tp

[l2tp-anyone]
ID-type=		IPV4_ADDR_SUBNET
Network=		0.0.0.0
Netmask=		0.0.0.0
Protocol=		17
Port=			1701

[l2tp-any-port]
ID-type=		IPV4_ADDR_SUBNET
Network=		0.0.0.0
Netmask=		0.0.0.0
Protocol=		17
Port=			any

[l2tp-quick-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		QUICK_MODE
Suites=			QM-ESP-TRP-3DES-SHA-SUITE,QM-ESP-TRP-3DES-MD5-SUITE,QM-ESP-TRP-AES-SHA-SUITE
"""

CISCO_CLIENT = """\
[Phase 1]
203.0.113.9=		concentrator

[Phase 2]
Connections=		office

[concentrator]
Phase=			1
Address=		203.0.113.9
Configuration=		aggressive-mode
Authentication=		grouppassword
ID=			vpn-group
Remote-ID=		concentrator-id
Flags=			ikecfg

[vpn-group]
ID-type=		KEY_ID
Name=			0x53414c4553

[concentrator-id]
ID-type=		IPV4_ADDR
Address=		203.0.113.9

[aggressive-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		AGGRESSIVE
Transforms=		AES-256-SHA,AES-128-SHA,3DES-SHA,3DES-MD5

[ipv4/203.0.113.9]
Mode=			GET
Attributes=		Address, Netmask, Nameserver, WINS-server

[office]
Phase=			2
ISAKMP-peer=		concentrator
Configuration=		quick-mode
Remote-ID=		office-net
Flags=			on-demand
Without-SA=		clear

[office-net]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.0.0.0
Netmask=		255.0.0.0

[quick-mode]
EXCHANGE_TYPE=		QUICK_MODE
Suites=			QM-ESP-AES-256-SHA-SUITE,QM-ESP-3DES-MD5-SUITE
"""

COMPRESSED = """\
[Phase 1]
2001:db8::2=		branch

[Phase 2]
Connections=		branch-net

[branch]
Phase=			1
Address=		2001:db8::2
Configuration=		blowfish-mode
Authentication=		mekmitasdigoat
HMAC-block=		64

[blowfish-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		ID_PROT
Transforms=		BLF-SHA2-512-GRP19,own-blowfish

[own-blowfish]
ENCRYPTION_ALGORITHM=	BLOWFISH_CBC
KEY_LENGTH=		128,96:192
HASH_ALGORITHM=		SHA
AUTHENTICATION_METHOD=	PRE_SHARED
GROUP_DESCRIPTION=	ANY
Life=			an-hour,a-gigabyte

[an-hour]
LIFE_TYPE=		SECONDS
LIFE_DURATION=		3600,1800:7200

[a-gigabyte]
LIFE_TYPE=		KILOBYTES
LIFE_DURATION=		1048576,ANY

[branch-net]
Phase=			2
ISAKMP-peer=		branch
Configuration=		compressed-mode
Local-ID=		here
Remote-ID=		there

[here]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.1.0.0
Netmask=		255.255.0.0

[there]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.2.0.0
Netmask=		255.255.0.0

[compressed-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		QUICK_MODE
Suites=			COMPRESSED-ESP-SUITE,ESP-AH-SUITE

[COMPRESSED-ESP-SUITE]
Protocols=		DEFLATED,QM-ESP-AES-256-SHA2-256-PFS-GRP19

[DEFLATED]
PROTOCOL_ID=		IPCOMP
Transforms=		DEFLATE-XF

[DEFLATE-XF]
TRANSFORM_ID=		DEFLATE
ENCAPSULATION_MODE=	TUNNEL
Life=			LIFE_QUICK_MODE

[ESP-AH-SUITE]
Protocols=		QM-ESP-BLF-SHA-PFS-GRP19,QM-AH-SHA2-256-PFS-GRP19
"""


def faultless(text: str) -> Configuration:
    """Read a file in which nothing is wrong and nothing unused."""
    configuration = parse(text, "isakmpd.conf")
    assert [str(problem) for problem in configuration.problems] == []
    assert [str(note) for note in configuration.unused] == []
    return configuration


def test_an_l2tp_server() -> None:
    """Anyone with the key may come, one office with its own; two kinds of client are awaited."""
    configuration = faultless(L2TP_SERVER)
    assert configuration.default_peer == "roadwarrior"
    peer = configuration.peers["roadwarrior"]
    assert peer.address is None
    assert peer.local_id == Identity.of_address(ip_address("192.0.2.1"))
    assert configuration.keys_by_id["198.51.100.7"].reveal() == bytes.fromhex("5f0c3b1e77")
    assert configuration.general.renegotiate_on_hup
    windows, mac = (configuration.connections[name] for name in ("l2tp-windows", "l2tp-mac"))
    everywhere = ip_network("0.0.0.0/0")
    assert windows.local == ClientId("l2tp-here", ip_network("192.0.2.1/32"), 17, 1701)
    assert windows.remote == ClientId("l2tp-anyone", everywhere, 17, 1701)
    assert mac.remote == ClientId("l2tp-any-port", everywhere, 17, any_port=True)
    for connection in (windows, mac):
        assert (connection.passive, connection.listed, connection.always_up) == (True, False, False)
        assert {
            transform.encapsulation
            for suite in connection.suites
            for transform in suite.protocols[0].transforms
        } == {EncapsulationMode.TRANSPORT}


def test_a_client_of_a_cisco_concentrator() -> None:
    """It names its group in aggressive mode, asks for an address, and waits for packets."""
    configuration = faultless(CISCO_CLIENT)
    peer = configuration.peers["concentrator"]
    assert peer.exchange_type is ExchangeType.AGGRESSIVE
    assert peer.local_id == Identity(IdType.KEY_ID, b"SALES")
    assert peer.remote_id == Identity.of_address(ip_address("203.0.113.9"))
    assert peer.mode_config
    assert len(peer.offered_transforms) == 4
    pool = configuration.address_pools["ipv4/203.0.113.9"]
    assert (pool.push, pool.wanted) == (
        False,
        ("Address", "Netmask", "Nameserver", "WINS-server"),
    )
    office = configuration.connections["office"]
    assert office.local is None
    assert (office.listed, office.on_demand, office.always_up) == (True, True, False)
    assert office.without_sa is WithoutSa.CLEAR
    assert any("CVE-2002-1623" in warning.text for warning in configuration.warnings)


def test_compression_and_two_protocols() -> None:
    """Suites of several protocols go through an IPv6 tunnel between IPv4 networks."""
    text = COMPRESSED.replace("1048576,ANY", "1048576")
    configuration = faultless(text)
    peer = configuration.peers["branch"]
    assert peer.hmac_block == 64
    generated, own = peer.transforms
    assert generated.encryption is own.encryption is EncryptionAlgorithm.BLOWFISH_CBC
    assert generated.key_length == own.key_length == OfferAccept(128, 96, 192, ranged=True)
    assert own.group is None
    assert [lifetime.duration.value for lifetime in own.lifetimes] == [3600, 1048576]
    assert peer.offered_transforms == (generated,)
    connection = configuration.connections["branch-net"]
    assert connection.always_up
    assert connection.offered_suites == connection.suites
    found = [
        [(each.protocol, each.transforms[0].transform_id) for each in suite.protocols]
        for suite in connection.suites
    ]
    assert found == [
        [
            (Protocol.IPCOMP, IpcompTransform.DEFLATE),
            (Protocol.IPSEC_ESP, EspTransform.AES),
        ],
        [
            (Protocol.IPSEC_ESP, EspTransform.BLOWFISH),
            (Protocol.IPSEC_AH, AhTransform.SHA2_256),
        ],
    ]


def test_a_fault_in_one_transform_leaves_the_others() -> None:
    """A range that is none costs the transform that names it, not the peer."""
    configuration = parse(COMPRESSED, "isakmpd.conf")
    (problem,) = configuration.problems
    assert "[a-gigabyte]:LIFE_DURATION= 1048576,ANY: expected V or V,MIN:MAX" in problem.text
    assert problem.text.endswith("lifetime [a-gigabyte] and transform [own-blowfish] are left out")
    assert [each.section for each in configuration.peers["branch"].transforms] == [
        "BLF-SHA2-512-GRP19"
    ]
    assert set(configuration.connections) == {"branch-net"}
