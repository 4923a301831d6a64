"""What a whole isakmpd.conf comes to, first the files the original was recorded with."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from time import process_time

import pytest

from isakmpd.config.bindings import Bindings, SetValue
from isakmpd.config.model import (
    ClientId,
    Configuration,
    Lifetime,
    OfferAccept,
    Peer,
    Phase1Transform,
    Phase2Transform,
    Suite,
    SuiteProtocol,
)
from isakmpd.config.read import parse, read
from isakmpd.crypto.secret import Secret
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    LifeType,
    Protocol,
)


def gateway(own: str, other: str, inside: str, beyond: str, phase_2: str = "") -> str:
    """Write the configuration of one of the two recorded gateways."""
    return f"""\
[General]
Listen-on=		{own}
Retransmits=		5
Exchange-max-time=	120
Default-phase-1-lifetime=	3600,60:86400
Default-phase-2-lifetime=	1200,60:86400

[Phase 1]
{other}=			peer-main

[Phase 2]
{phase_2}

[peer-main]
Phase=			1
Transport=		udp
Local-address=		{own}
Address=		{other}
Configuration=		main-mode
Authentication=		mekmitasdigoat

[main-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		ID_PROT
Transforms=		AES-128-SHA

[AES-128-SHA]
ENCRYPTION_ALGORITHM=	AES_CBC
KEY_LENGTH=		128,128:256
HASH_ALGORITHM=		SHA
AUTHENTICATION_METHOD=	PRE_SHARED
GROUP_DESCRIPTION=	MODP_1024
Life=			LIFE_MAIN_MODE

[AES-128-SHA-GRP14]
ENCRYPTION_ALGORITHM=	AES_CBC
KEY_LENGTH=		128,128:256
HASH_ALGORITHM=		SHA
AUTHENTICATION_METHOD=	PRE_SHARED
GROUP_DESCRIPTION=	MODP_2048
Life=			LIFE_MAIN_MODE

[LIFE_MAIN_MODE]
LIFE_TYPE=		SECONDS
LIFE_DURATION=		3600,60:86400

[conn]
Phase=			2
ISAKMP-peer=		peer-main
Configuration=		quick-mode
Local-ID=		net-local
Remote-ID=		net-remote

[net-local]
ID-type=		IPV4_ADDR_SUBNET
Network=		{inside}
Netmask=		255.255.255.0

[net-remote]
ID-type=		IPV4_ADDR_SUBNET
Network=		{beyond}
Netmask=		255.255.255.0

[quick-mode]
DOI=			IPSEC
EXCHANGE_TYPE=		QUICK_MODE
Suites=			QM-ESP-AES-128-SHA-PFS-SUITE
"""


INITIATOR = gateway("10.77.0.1", "10.77.0.2", "10.1.0.0", "10.2.0.0")
RESPONDER = gateway(
    *("10.77.0.2", "10.77.0.1", "10.2.0.0", "10.1.0.0", "Passive-Connections=	conn")
)


def test_the_recorded_peer() -> None:
    """A peer comes with its transforms, each with its lifetimes."""
    configuration = parse(INITIATOR, "isakmpd.conf")
    transform = Phase1Transform(
        section="AES-128-SHA",
        encryption=EncryptionAlgorithm.AES_CBC,
        hash=HashAlgorithm.SHA,
        authentication=AuthenticationMethod.PRE_SHARED,
        group=GroupDescription.MODP_1024,
        key_length=OfferAccept(128, 128, 256, ranged=True),
        lifetimes=(
            Lifetime("LIFE_MAIN_MODE", LifeType.SECONDS, OfferAccept(3600, 60, 86400, ranged=True)),
        ),
    )
    assert configuration.peers == {
        "peer-main": Peer(
            section="peer-main",
            configuration="main-mode",
            exchange_type=ExchangeType.ID_PROT,
            transforms=(transform,),
            address=ip_address("10.77.0.2"),
            port=500,
            local_address=ip_address("10.77.0.1"),
            pre_shared_key=Secret(b"mekmitasdigoat"),
        )
    }
    assert configuration.peer_by_address == {ip_address("10.77.0.2"): "peer-main"}
    assert configuration.default_peer is None
    assert configuration.peer_for(ip_address("10.77.0.9")) is None


def test_the_recorded_connection() -> None:
    """A connection comes with its networks and suites, here a generated one."""
    connection = parse(INITIATOR, "isakmpd.conf").connections["conn"]
    transform = Phase2Transform(
        section="QM-ESP-AES-128-SHA-PFS-XF",
        transform_id=EspTransform.AES,
        encapsulation=EncapsulationMode.TUNNEL,
        authentication=AuthenticationAlgorithm.HMAC_SHA,
        group=GroupDescription.MODP_1024,
        key_length=OfferAccept(128, 128, 128, ranged=True),
        lifetimes=(
            Lifetime("LIFE_QUICK_MODE", LifeType.SECONDS, OfferAccept(1200, 60, 86400, True)),
        ),
    )
    esp = SuiteProtocol("QM-ESP-AES-128-SHA-PFS", Protocol.IPSEC_ESP, (transform,), 64)
    assert connection.peer == "peer-main"
    assert connection.configuration == "quick-mode"
    assert connection.suites == (Suite("QM-ESP-AES-128-SHA-PFS-SUITE", (esp,)),)
    assert connection.local == ClientId("net-local", ip_network("10.1.0.0/24"))
    assert connection.remote == ClientId("net-remote", ip_network("10.2.0.0/24"))


@pytest.mark.parametrize(("text", "passive"), [(INITIATOR, False), (RESPONDER, True)])
def test_the_recorded_files_are_without_fault(text: str, passive: bool) -> None:
    """Both files read without a problem; their group and their spare section deserve a word."""
    configuration = parse(text, "isakmpd.conf")
    assert configuration.problems == ()
    assert [warning.text for warning in configuration.warnings] == [
        "[AES-128-SHA]: weak by today's measure: MODP_1024",
        "[QM-ESP-AES-128-SHA-PFS-XF]: weak by today's measure: MODP_1024",
    ]
    assert [unused.text for unused in configuration.unused] == [
        "nothing uses section [AES-128-SHA-GRP14]"
    ]
    connection = configuration.connections["conn"]
    assert (connection.always_up, connection.passive) == (False, passive)
    assert configuration.general.retransmits == 5
    assert configuration.general.listen_on == ("10.77.0.2" if passive else "10.77.0.1",)


def test_an_empty_file_is_a_configuration() -> None:
    """Without a word there are defaults, no peer and no complaint."""
    configuration = parse("", "isakmpd.conf")
    assert configuration == Configuration(
        general=configuration.general,
        peers={},
        peer_by_address={},
        default_peer=None,
        connections={},
        pki=configuration.pki,
    )
    assert configuration.pki.ca_directory == "/etc/isakmpd/ca/"
    assert configuration.general.retransmits == 3
    assert configuration.general.use_keynote


def test_a_change_while_running() -> None:
    """After a change the bindings read to a new configuration; the old one stays as it was."""
    bindings = Bindings.parse(INITIATOR, "isakmpd.conf")
    before = read(bindings)
    changes = [
        SetValue("Phase 2", "Connections", "conn"),
        SetValue("quick-mode", "Suites", "QM-ESP-AESGCM-256-PFS-GRP14-SUITE", force=True),
        SetValue("peer-main", "Port", "port", force=True),
    ]
    assert bindings.apply(changes[:2]) == ()
    after = read(bindings)
    assert not before.connections["conn"].always_up
    assert after.connections["conn"].always_up
    assert after.connections["conn"].suites[0].group is GroupDescription.MODP_2048
    bindings.apply(changes[2:])
    (problem,) = read(bindings).problems
    assert str(problem) == (
        "FIFO: [peer-main]:Port= port: expected a number from 1 to 65535; "
        "peer [peer-main] and connection [conn] are left out"
    )


def test_names_in_any_case() -> None:
    """Sections are found in any case and keep the spelling of their own line."""
    text = INITIATOR.replace("[Phase 2]", "[phase 2]\nCONNECTIONS= CONN").replace(
        "ISAKMP-peer=		peer-main", "isakmp-PEER=	Peer-Main"
    )
    configuration = parse(text, "isakmpd.conf")
    assert configuration.problems == ()
    assert configuration.connections["conn"].always_up
    assert configuration.connections["conn"].peer == "peer-main"
    assert configuration.connection("Conn") is configuration.connections["conn"]
    assert configuration.connection("other") is None


def test_one_bad_section_disturbs_no_other() -> None:
    """A second peer and connection with faults leave the first pair as it was."""
    bad = """
[peer-bad]
Phase= 1
Address= not.an.address
Configuration= main-mode
Authentication= x
[conn-bad]
Phase= 2
ISAKMP-peer= peer-bad
Configuration= quick-mode
"""
    good = parse(INITIATOR, "isakmpd.conf")
    both = parse(INITIATOR + bad, "isakmpd.conf")
    assert both.peers == good.peers
    assert both.connections == good.connections
    (problem,) = both.problems
    line = INITIATOR.count("\n") + 4
    assert str(problem) == (
        f"isakmpd.conf:{line}: [peer-bad]:Address= not.an.address: expected an IPv4 or IPv6 address"
        " or an interface that has one (host names are not looked up);"
        " peer [peer-bad] and connection [conn-bad] are left out"
    )


def test_a_fault_shared_by_many_is_told_once() -> None:
    """What hundreds of connections share is reported in one line."""
    names = [f"conn{number}" for number in range(300)]
    connections = "".join(
        f"[{name}]\nPhase= 2\nISAKMP-peer= peer-main\nConfiguration= typo\n" for name in names
    )
    text = INITIATOR.replace("[Phase 2]", f"[Phase 2]\nConnections= {','.join(names)}")
    configuration = parse(f"{text}{connections}[typo]\nSuites= QM-ESP-SUITE\n", "f")
    assert set(configuration.connections) == {"conn"}
    (problem,) = configuration.problems
    assert problem.text.endswith(
        "suite [QM-ESP-SUITE], IPsec-configuration [typo] and connections"
        " [conn0], [conn1], [conn2], [conn3], [conn4] and 295 more are left out"
    )


@pytest.mark.parametrize(
    ("awaited", "warned"),
    [
        (("192.0.2.9",), True),
        (("192.0.2.2",), False),
        (("192.0.2.2", "192.0.2.9"), False),  # a peer with two addresses
    ],
)
def test_a_peer_called_at_an_address_nobody_takes_for_it(
    awaited: tuple[str, ...], warned: bool
) -> None:
    """The mistake would otherwise show only when the peer begins."""
    lines = "".join(f"{address}= peer\n" for address in awaited)
    configuration = parse(
        f"[Phase 1]\n{lines}[peer]\nPhase= 1\nAddress= 192.0.2.2\nAuthentication= key\n"
        "Configuration= main\n[main]\nEXCHANGE_TYPE= ID_PROT\nTransforms= AES-256-SHA2-256-GRP14\n",
        "f",
    )
    assert not configuration.problems
    told = [str(note) for note in configuration.warnings]
    assert any("[peer]:Address is 192.0.2.2" in note for note in told) is warned


def test_a_thousand_connections_are_read_at_once() -> None:
    """A tenth of a second or two: a reload holds up everybody. Nothing may take the square."""
    parts = ["[Phase 1]\n"]
    parts += [f"10.0.{n // 250}.{n % 250}= peer{n}\n" for n in range(1000)]
    names = ",".join(f"conn{n}" for n in range(1000))
    parts.append(f"[Phase 2]\nConnections= {names}\n[quick]\nSuites= QM-ESP-AES-SHA-SUITE\n")
    for n in range(1000):
        parts.append(
            f"[peer{n}]\nPhase= 1\nAddress= 10.0.{n // 250}.{n % 250}\nAuthentication= key{n}\n"
            f"ID= id{n}\n[id{n}]\nID-type= FQDN\nName= host{n}.example.org\n"
            f"[conn{n}]\nPhase= 2\nISAKMP-peer= peer{n}\nConfiguration= quick\nRemote-ID= net{n}\n"
            f"[net{n}]\nID-type= IPV4_ADDR_SUBNET\nNetwork= 172.{16 + n // 250}.{n % 250}.0\n"
            "Netmask= 255.255.255.0\n"
        )
    began = process_time()
    configuration = parse("".join(parts), "f")
    assert process_time() - began < 1
    assert len(configuration.connections) == len(configuration.peers) == 1000
    assert configuration.problems == configuration.unused == ()
