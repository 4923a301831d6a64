"""Which connection a peer means, and what it hears when it means none."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike.connection_lookup import Asking, connection_meant
from isakmpd.ike.nat_traversal import NatSituation
from isakmpd.ike.refused import Refused
from isakmpd.ike.transport import Transport
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType

HERE, THERE, INSIDE = "192.0.2.1", "203.0.113.7", "10.9.9.9"
UDP, TCP = 17, 6

_HEAD = """\
[General]
Use-Keynote= no
[Phase 1]
203.0.113.7= peer
203.0.113.8= other
10.66.0.1= near
Default= anybody
[peer]
Phase= 1
Address= 203.0.113.7
Configuration= main-mode
Authentication= mekmitasdigoat
[other]
Phase= 1
Address= 203.0.113.8
Configuration= main-mode
Authentication= mekmitasdigoat2
[near]
Phase= 1
Address= 10.66.0.1
Configuration= main-mode
Authentication= mekmitasdigoat4
[anybody]
Phase= 1
Configuration= main-mode
Authentication= mekmitasdigoat3
[main-mode]
DOI= IPSEC
EXCHANGE_TYPE= ID_PROT
Transforms= AES-128-SHA
[quick-mode]
DOI= IPSEC
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-AES-128-SHA-SUITE
[ipv4/10.77.0.5]
Address= 10.77.0.5
"""


def client(name: str, spec: str) -> str:
    """An IPsec-ID section: network, protocol, port."""
    network, *rest = spec.split()
    lines = [f"[{name}]"]
    if "/" in network:
        net = ip_network(network)
        lines += [
            "ID-type= IPV4_ADDR_SUBNET",
            f"Network= {net.network_address}",
            f"Netmask= {net.netmask}",
        ]
    else:
        lines += ["ID-type= IPV4_ADDR", f"Address= {network}"]
    if rest:
        lines.append(f"Protocol= {rest[0]}")
    if len(rest) > 1:
        lines.append(f"Port= {rest[1]}")
    return "\n".join(lines) + "\n"


def configured(*connections: str, flags: str = "") -> Configuration:
    """Connections written as "name: peer, local, remote", an end left out being the host."""
    text, names = _HEAD, []
    for line in connections:
        name, rest = line.split(":", 1)
        peer, local, remote = (part.strip() for part in rest.split(","))
        names.append(name)
        text += f"[{name}]\nPhase= 2\nISAKMP-peer= {peer}\nConfiguration= quick-mode\n"
        text += f"Local-ID= {name}-local\n" if local else ""
        text += f"Remote-ID= {name}-remote\n" if remote else ""
        text += f"Flags= {flags}\n" if flags else ""
        text += client(f"{name}-local", local) if local else ""
        text += client(f"{name}-remote", remote) if remote else ""
    listed = "Connections" if flags else "Passive-connections"
    read = parse(f"[Phase 2]\n{listed}= {','.join(names)}\n{text}", "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return read


def identity(spec: str) -> Identity:
    """An identity: a network or host, protocol and port; or a name."""
    what, *numbers = spec.split()
    protocol, port = (*map(int, numbers), 0, 0)[:2]
    if what[0].isalpha():
        return Identity(IdType.FQDN, what.encode(), protocol, port)
    if "/" in what:
        return Identity.of_network(ip_network(what), protocol, port)
    return Identity.of_address(ip_address(what), protocol, port)


def asking(theirs: str, ours: str, *, peer: str = "peer", **tags: object) -> Asking:
    """A peer that proposes IDci ``theirs`` and IDcr ``ours``."""
    transport = Transport(IPv4Address(HERE), 500, IPv4Address(THERE), 500)
    ids = identity(ours), identity(theirs)
    asked = Asking(peer, identity(THERE), NatSituation(), transport, ids)
    return replace(asked, **tags)  # type: ignore[arg-type]


def meant(configuration: Configuration, asked: Asking) -> str:
    """The section found."""
    return connection_meant(configuration, asked).section


def refused(configuration: Configuration, asked: Asking) -> str:
    """The sentence of a refusal."""
    with pytest.raises(Refused) as refusal:
        connection_meant(configuration, asked)
    assert refusal.value.notify == NotifyType.INVALID_ID_INFORMATION
    return refusal.value.reason


LAN = "lan: peer, 10.1.0.0/24, 10.2.0.0/24"
WEB = "web: peer, 10.1.0.0/24 tcp 80, 10.2.0.0/24 tcp any"
L2TP = "l2tp: anybody, 192.0.2.1 udp 1701, "
ROAD = "road: anybody, 10.1.0.0/24, "
HOSTS = "hosts: peer, , "

FOUND = {
    "both networks": ([LAN], ("10.2.0.0/24", "10.1.0.0/24"), "lan"),
    "a host is a network of one": (
        ["one: peer, 10.1.0.5, 10.2.0.5"],
        ("10.2.0.5/32", "10.1.0.5"),
        "one",
    ),
    "by protocol and port": ([LAN, WEB], ("10.2.0.0/24 6 4711", "10.1.0.0/24 6 80"), "web"),
    "any port is any": ([LAN, WEB], ("10.2.0.0/24 6 0", "10.1.0.0/24 6 80"), "web"),
    "one port beats any": (
        [WEB, "ssh: peer, 10.1.0.0/24 tcp 80, 10.2.0.0/24 tcp 22"],
        ("10.2.0.0/24 6 22", "10.1.0.0/24 6 80"),
        "ssh",
    ),
    "whatever stands first": (
        ["ssh: peer, 10.1.0.0/24 tcp 80, 10.2.0.0/24 tcp 22", WEB],
        ("10.2.0.0/24 6 22", "10.1.0.0/24 6 80"),
        "ssh",
    ),
    "of two alike the first": (
        [LAN, "again: peer, 10.1.0.0/24, 10.2.0.0/24"],
        ("10.2.0.0/24", "10.1.0.0/24"),
        "lan",
    ),
    "the hosts themselves": ([LAN, HOSTS], (THERE, HERE), "hosts"),
    "the hosts, as far as the peer wants": (
        [HOSTS],
        (f"{THERE} 17 1701", f"{HERE} 17 1701"),
        "hosts",
    ),
    "what names the host beats what leaves it open": (
        [HOSTS, f"named: peer, {HERE}, {THERE}"],
        (THERE, HERE),
        "named",
    ),
    "only a Local-ID": (
        ["half: peer, 10.1.0.0/24, "],
        (THERE, "10.1.0.0/24"),
        "half",
    ),
    "only a Remote-ID": (["half: peer, , 10.2.0.0/24"], ("10.2.0.0/24", HERE), "half"),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_is_found(case: str) -> None:
    """Exactly what is configured, and of several what says most."""
    connections, (theirs, ours), expected = FOUND[case]
    assert meant(configured(*connections), asking(theirs, ours)) == expected


REFUSED = {
    "swapped": (
        [LAN],
        ("10.1.0.0/24", "10.2.0.0/24"),
        "; they are those of [lan] swapped: one end has it backwards",
    ),
    "the mask": (
        [LAN],
        ("10.2.0.0/25", "10.1.0.0/24"),
        "; nearest is [lan], Remote-ID: got 10.2.0.0/25, expected 10.2.0.0/24 (the mask differs)",
    ),
    "protocol": (
        [LAN],
        ("10.2.0.0/24 17", "10.1.0.0/24"),
        "; nearest is [lan], Remote-ID: got protocol 17, expected any protocol",
    ),
    "port": (
        [WEB],
        ("10.2.0.0/24 6 1", "10.1.0.0/24 6 443"),
        "; nearest is [web], Local-ID: got port 443, expected 80",
    ),
    "the nearest of several": (
        ["far: peer, 10.7.0.0/24, 10.8.0.0/24", LAN],
        ("10.2.0.0/24", "10.3.0.0/24"),
        "; nearest is [lan], Local-ID: got 10.3.0.0/24, expected 10.1.0.0/24",
    ),
    "another's connection": (
        ["theirs: other, 10.1.0.0/24, 10.2.0.0/24", HOSTS],
        ("10.2.0.0/24", "10.1.0.0/24"),
        "; [theirs] has them, but its ISAKMP-peer is other",
    ),
    "any remote network under a known local one": (
        ["half: peer, 10.1.0.0/24, "],
        ("10.66.0.0/16", "10.1.0.0/24"),
        "; nearest is [half], Remote-ID: got 10.66.0.0/16, expected the peer itself, 203.0.113.7",
    ),
    "another protocol at the end left open": (
        ["half: peer, 10.1.0.0/24, "],
        (f"{THERE} 6 80", "10.1.0.0/24"),
        "; nearest is [half], Remote-ID: got protocol 6, expected any protocol as at the other end",
    ),
    "a host that is not the peer": (
        [HOSTS],
        ("203.0.113.99", HERE),
        "; nearest is [hosts], Remote-ID: got 203.0.113.99, expected the peer itself, 203.0.113.7",
    ),
    "a host that is not this one": (
        [HOSTS],
        (THERE, "192.0.2.77"),
        "; nearest is [hosts], Local-ID: got 192.0.2.77, expected this host",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    """The sentence names the connection that comes nearest and what differs."""
    connections, (theirs, ours), hint = REFUSED[case]
    reason = refused(configured(*connections), asking(theirs, ours))
    assert reason.startswith("peer proposed invalid phase 2 IDs: initiator id ")
    assert reason.endswith(hint)


def test_active_only_is_not_for_the_peer_to_begin() -> None:
    """And says so."""
    config = configured(LAN, flags="active-only")
    reason = refused(config, asking("10.2.0.0/24", "10.1.0.0/24"))
    assert reason.endswith(
        "(it has none); [lan] has them, but is active-only ([lan]:Flags decides)"
    )


# Road warriors

BEHIND = NatSituation(peer_is_behind=True)
ROADS: dict[str, tuple[str, dict[str, object], str, str]] = {
    "its address": (ROAD, {}, THERE, ""),
    "another's address": (ROAD, {}, INSIDE, "expected the peer itself, 203.0.113.7"),
    "its address behind the NAT": (ROAD, {"nat": BEHIND}, INSIDE, ""),
    "an address of the internet": (
        ROAD,
        {"nat": BEHIND},
        "8.8.8.8",
        "got 8.8.8.8, which nobody behind a NAT has as his own",
    ),
    "every address": (ROAD, {"nat": BEHIND}, "0.0.0.0", "got 0.0.0.0, which nobody"),  # noqa: S104
    "a network": (ROAD, {"nat": BEHIND}, "10.9.9.0/24", "expected the peer itself"),
    "an address of our network": (
        ROAD,
        {"nat": BEHIND},
        "10.1.0.77",
        "got 10.1.0.77, which belongs to [road]:Local-ID",
    ),
    "an address of another's network": (
        ROAD,
        {"nat": BEHIND},
        "10.2.0.77",
        "got 10.2.0.77, which belongs to [lan]:Remote-ID",
    ),
    "the address we assigned it": (
        ROAD,
        {"remote_id": identity("10.77.0.5")},
        "10.77.0.5",
        "",
    ),
    "the address we assigned another": (ROAD, {}, "10.77.0.5", "expected the peer itself"),
    "it, from behind a NAT": (
        ROAD,
        {"nat": BEHIND},
        "10.77.0.5",
        "got 10.77.0.5, which belongs to [ipv4/10.77.0.5]:Address",
    ),
    "the address of another gateway": (
        ROAD,
        {"nat": BEHIND},
        "10.66.0.1",
        "got 10.66.0.1, which belongs to [near]:Address",
    ),
    "where clouds keep their secrets": (
        ROAD,
        {"nat": BEHIND},
        "169.254.169.254",
        "got 169.254.169.254, which nobody",
    ),
    "everybody at once": (
        ROAD,
        {"nat": BEHIND},
        "255.255.255.255",
        "got 255.255.255.255, which nobody",
    ),
}


@pytest.mark.parametrize("case", ROADS)
def test_a_road_warrior(case: str) -> None:
    """Without a Remote-ID the peer is meant, not whatever it says."""
    connection, tags, theirs, fault = ROADS[case]
    config = configured(connection, LAN)
    asked = asking(theirs, "10.1.0.0/24", peer="anybody", **tags)
    if fault:
        assert fault in refused(config, asked)
    else:
        assert meant(config, asked) == "road"


# Transport mode through a NAT

US = NatSituation(we_are_behind=True)
BOTH = NatSituation(we_are_behind=True, peer_is_behind=True)
TRANSLATED = {
    "the client's own address": (BEHIND, f"{INSIDE} 17 1701", f"{HERE} 17 1701", True),
    "and a port of its choice": (BEHIND, f"{INSIDE} 17 55555", f"{HERE} 17 1701", True),
    "a name": (BEHIND, "laptop.example 17 1701", f"{HERE} 17 1701", True),
    "our address outside": (US, f"{THERE} 17 1701", "198.51.100.1 17 1701", True),
    "both": (BOTH, f"{INSIDE} 17 1701", "198.51.100.1 17 1701", True),
    "our address outside, but there is no NAT here": (
        BEHIND,
        f"{INSIDE} 17 1701",
        "198.51.100.1 17 1701",
        False,
    ),
    "another protocol": (BEHIND, f"{INSIDE} 6 1701", f"{HERE} 6 1701", False),
    "another port of ours": (BEHIND, f"{INSIDE} 17 1701", f"{HERE} 17 53", False),
    "a network": (BEHIND, "10.9.9.0/24 17 1701", f"{HERE} 17 1701", False),
}


@pytest.mark.parametrize("case", TRANSLATED)
def test_an_l2tp_client(case: str) -> None:
    """Addresses a NAT changes may be called as either side knows them; ports must be right."""
    nat, theirs, ours, fits = TRANSLATED[case]
    asked = asking(theirs, ours, peer="anybody", nat=nat, translated=True)
    config = configured(ROAD, L2TP)
    if fits:
        assert meant(config, asked) == "l2tp"
    else:
        refused(config, asked)


def test_names_of_hosts_are_theirs_only_where_a_nat_hides_them() -> None:
    """Elsewhere a single other address stays another address."""
    asked = asking(f"{INSIDE} 17 1701", f"{HERE} 17 1701", peer="anybody", translated=True)
    refused(configured(L2TP), asked)
