"""What a misconfiguration makes each end say: one line, whichever end found the fault.

West begins and east answers, both ours, over a link that the row can spoil.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import pytest

from isakmpd.config.read import parse
from isakmpd.ike import explanation
from isakmpd.ike.framing import frame
from isakmpd.ike.ipsec import EVERYTHING
from isakmpd.ike.outputs import Send
from isakmpd.ike.transport import Transport
from isakmpd.ike.unreachable import Unreachable
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.numbers import Doi, ExchangeType, Flags, NotifyType, PayloadType, Protocol
from isakmpd.wire.payloads import (
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
    encode_chain,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1, Phase2
from tests.ike.scenes import a_peer, met, proposal, refusal

WEST, EAST = DAEMON, PEER
INSIDE = IPv4Address("10.9.9.9")  # west's own address, should there be a NAT
EAST_LAN, WEST_LAN = "10.2.0.0", "10.1.0.0"
WHOLE = 131.0  # seconds, after which exchanges that nobody ends have ended


@dataclass(frozen=True, slots=True)
class Side:
    """Hold what one end's isakmpd.conf says; the other end's has the same unless a row differs."""

    exchange: str = "ID_PROT"
    transforms: str = "AES-128-SHA"
    key: str = "mekmitasdigoat"
    suites: str = "QM-ESP-AES-128-SHA-PFS-SUITE"
    local: str = ""  # the tags behind ID-type= IPV4_ADDR_SUBNET
    remote: str = ""
    phase_1: str = ""  # which section answers for an address, where not the peer's own
    peer_tags: str = ""
    flags: str = ""
    local_id: str = "Local-ID= here"
    configuration: str = "Configuration= quick-mode"
    general: str = ""
    more: str = ""

    def text(self, *, west: bool) -> str:
        """Give the file."""
        peer = EAST if west else WEST
        here, there = (WEST_LAN, EAST_LAN) if west else (EAST_LAN, WEST_LAN)
        return f"""\
[General]
Use-Keynote= no
{self.general}
DPD-check-interval= 0
[Phase 1]
{self.phase_1 or f"{peer}= peer"}
[Phase 2]
{"Connections" if west else "Passive-connections"}= lan
[peer]
Phase= 1
Configuration= main-mode
{"" if self.phase_1.startswith("Default") else f"Address= {peer}"}
{f"Authentication= {self.key}" if self.key else ""}
{self.peer_tags}
[main-mode]
EXCHANGE_TYPE= {self.exchange}
Transforms= {self.transforms}
[lan]
Phase= 2
ISAKMP-peer= peer
{self.configuration}
{self.local_id}
Remote-ID= there
{self.flags}
[here]
ID-type= IPV4_ADDR_SUBNET
{self.local or lan(here)}
[there]
ID-type= IPV4_ADDR_SUBNET
{self.remote or lan(there)}
[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= {self.suites}
{self.more}
"""


def lan(network: str, mask: str = "255.255.255.0", more: str = "") -> str:
    """Name a network."""
    return f"Network= {network}\nNetmask= {mask}\n{more}"


def fqdn(tag: str, name: str) -> str:
    """Give a peer's section an identity, in a section behind it."""
    return f"{tag}= {tag}-section\n[{tag}-section]\nID-type= FQDN\nName= {name}"


def transform(section: str, life: str) -> str:
    """A phase 1 transform with a lifetime of its own."""
    return (
        f"[{section}]\nENCRYPTION_ALGORITHM= AES_CBC\nKEY_LENGTH= 128\nHASH_ALGORITHM= SHA\n"
        f"GROUP_DESCRIPTION= MODP_1024\nAUTHENTICATION_METHOD= PRE_SHARED\nLife= {section}-life\n"
        f"[{section}-life]\nLIFE_TYPE= SECONDS\nLIFE_DURATION= {life}"
    )


def suite(section: str, life: str) -> str:
    """A phase 2 suite with a lifetime of its own."""
    return (
        f"[{section}]\nProtocols= {section}-esp\n[{section}-esp]\nPROTOCOL_ID= IPSEC_ESP\n"
        f"Transforms= {section}-xf\n[{section}-xf]\nTRANSFORM_ID= AES\nKEY_LENGTH= 128\n"
        f"ENCAPSULATION_MODE= TUNNEL\nAUTHENTICATION_ALGORITHM= HMAC_SHA\n"
        f"GROUP_DESCRIPTION= MODP_1024\nLife= {section}-life\n"
        f"[{section}-life]\nLIFE_TYPE= SECONDS\nLIFE_DURATION= {life}"
    )


Passes = Callable[[Send], bool]


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold two configurations, or a spoilt link, and the line of each end.

    Each is a text that stands in the only line of that end; "" means that it cannot know.
    """

    name: str
    west: str
    east: str
    begins: Side = field(default_factory=Side)
    answers: Side = field(default_factory=Side)
    passes: Passes = lambda _: True
    nat: bool = False


def engine(side: Side, *, west: bool, address: IPv4Address) -> Daemon:
    """One end."""
    read = parse(side.text(west=west), "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return Daemon(read, address=address)


def turn(daemon: Daemon, seconds: float) -> list[Send]:
    """Let time pass at one end and give what it sends."""
    daemon.settle()
    until, sent = daemon.now + seconds, daemon.sent()
    while (due := daemon.engine.deadline()) is not None and due <= until:
        daemon.now = max(daemon.now, due)
        daemon.engine.tick(daemon.now)
        daemon.settle()
        sent += daemon.sent()
    daemon.now = until
    return sent


def deliver(send: Send, receiver: Daemon, source: IPv4Address) -> list[Send]:
    """Bring a datagram to the other end and give what that sends in answer."""
    at, way = receiver.address, send.transport
    arrived = Transport(at, way.remote_port, source, way.local_port, way.encapsulated)
    receiver.engine.receive(send.octets, arrived, receiver.now)
    receiver.settle()
    return receiver.sent()


def meet(west: Daemon, east: Daemon, passes: Passes, seconds: float = WHOLE) -> None:
    """Let both talk; east sees west at WEST, whatever address it has."""
    for _ in range(int(seconds * 2)):
        waiting = [(west, send) for send in turn(west, 0.5)]
        waiting += [(east, send) for send in turn(east, 0.5)]
        while waiting:
            sender, send = waiting.pop(0)
            if passes(send):
                receiver, source = (east, WEST) if sender is west else (west, EAST)
                waiting += [(receiver, one) for one in deliver(send, receiver, source)]


def by_port(port: int) -> Passes:
    """Drop what goes to a port."""
    return lambda send: send.transport.remote_port != port


def to_west(send: Send) -> bool:
    """Drop what goes to west."""
    return send.transport.remote != WEST


def nothing(_send: Send) -> bool:
    """Drop everything."""
    return False


GAVE_UP = f"phase 1 with {EAST}:500 failed: giving up on exchange peer, no response from peer"
KEYS = "the pre-shared keys probably differ ([peer]:Authentication decides)"
NO_PROPOSAL = "NO_PROPOSAL_CHOSEN: it accepts none of our proposals, nearest of its own: "
NO_TRANSFORM = "(unauthenticated); it accepts none of our transforms, nearest of its own: "
AGGRESSIVE = Side(exchange="AGGRESSIVE", transforms="AES-128-SHA-GRP2")

PHASE_1 = (
    Fault(
        "pre-shared key, main mode",
        f"(unauthenticated); {KEYS}",
        f"main mode message 5 from {WEST}:500 proves nothing, it decrypts to nonsense: {KEYS}",
        begins=Side(key="another"),
    ),
    Fault(
        "pre-shared key, aggressive mode",
        f"aggressive mode message 2 from {EAST}:500 proves nothing, its HASH is wrong: {KEYS}",
        f"the peer said INVALID_HASH_INFORMATION (unauthenticated); {KEYS}",
        begins=Side(exchange="AGGRESSIVE", key="another"),
        answers=Side(exchange="AGGRESSIVE"),
    ),
    Fault(
        "cipher",
        f"{NO_TRANSFORM}ENCRYPTION_ALGORITHM: got AES_CBC, expected 3DES_CBC in [3DES-SHA] "
        "([main-mode]:Transforms decides)",
        "ENCRYPTION_ALGORITHM: got 3DES_CBC, expected AES_CBC in [AES-128-SHA] "
        "([main-mode]:Transforms decides)",
        begins=Side(transforms="3DES-SHA"),
    ),
    Fault(
        "hash",
        f"{NO_TRANSFORM}HASH_ALGORITHM: got SHA, expected MD5 in [AES-128-MD5] "
        "([main-mode]:Transforms decides)",
        "HASH_ALGORITHM: got MD5, expected SHA in [AES-128-SHA] ([main-mode]:Transforms decides)",
        begins=Side(transforms="AES-128-MD5"),
    ),
    Fault(
        "group",
        f"{NO_TRANSFORM}GROUP_DESCRIPTION: got MODP_1024, expected MODP_2048 in "
        "[AES-128-SHA-GRP14] ([main-mode]:Transforms decides)",
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [AES-128-SHA] "
        "([main-mode]:Transforms decides)",
        begins=Side(transforms="AES-128-SHA-GRP14"),
    ),
    Fault(
        "key length",
        f"{NO_TRANSFORM}KEY_LENGTH: got 128, expected 256 in [AES-256-SHA] "
        "([main-mode]:Transforms decides)",
        "KEY_LENGTH: got 256, expected 128 in [AES-128-SHA] ([main-mode]:Transforms decides)",
        begins=Side(transforms="AES-256-SHA"),
    ),
    Fault(
        "the nearest of several transforms",
        f"{NO_TRANSFORM}HASH_ALGORITHM: got SHA, expected MD5 in [AES-128-MD5] "
        "([main-mode]:Transforms decides)",
        "HASH_ALGORITHM: got MD5, expected SHA in [AES-128-SHA] ([main-mode]:Transforms decides)",
        begins=Side(transforms="3DES-MD5-GRP14,AES-128-MD5"),
        answers=Side(transforms="AES-256-SHA2-256-GRP14,AES-128-SHA"),
    ),
    Fault(
        "lifetime of phase 1",
        f"{NO_TRANSFORM}LIFE_DURATION: got 600 seconds, expected 7200 seconds in [long-life] "
        "([main-mode]:Transforms decides)",
        "LIFE_DURATION: got 7200, expected 300:900 seconds in [short-life] "
        "([main-mode]:Transforms decides)",
        begins=Side(transforms="long", more=transform("long", "7200")),
        answers=Side(transforms="short", more=transform("short", "600,300:900")),
    ),
    Fault(
        "main against aggressive mode",
        "(unauthenticated); it does not answer exchange type ID_PROT "
        "([main-mode]:EXCHANGE_TYPE decides)",
        "the peer begins with exchange type ID_PROT, expected AGGRESSIVE "
        "([main-mode]:EXCHANGE_TYPE decides)",
        answers=AGGRESSIVE,
    ),
    Fault(
        "aggressive against main mode",
        "(unauthenticated); it does not answer exchange type AGGRESSIVE "
        "([main-mode]:EXCHANGE_TYPE decides)",
        "the peer begins with exchange type AGGRESSIVE, expected ID_PROT "
        "([main-mode]:EXCHANGE_TYPE decides)",
        begins=AGGRESSIVE,
    ),
    Fault(
        "identity the responder does not expect",
        f"INVALID_ID_INFORMATION: it expects FQDN west.example, we are IPV4_ADDR {WEST} "
        "([peer]:ID decides)",
        f"the peer proves to be IPV4_ADDR {WEST}, expected FQDN west.example "
        "([peer]:Remote-ID decides)",
        answers=Side(peer_tags=fqdn("Remote-ID", "west.example")),
    ),
    Fault(
        "wrong own identity",
        "it expects FQDN west.example, we are FQDN vest.example ([peer]:ID decides)",
        "the peer proves to be FQDN vest.example, expected FQDN west.example "
        "([peer]:Remote-ID decides)",
        begins=Side(peer_tags=fqdn("ID", "vest.example")),
        answers=Side(peer_tags=fqdn("Remote-ID", "west.example")),
    ),
    Fault(
        "identity the initiator does not expect",
        f"the peer proves to be IPV4_ADDR {EAST}, expected FQDN east.example "
        "([peer]:Remote-ID decides)",
        f"phase 1 with {WEST}:500 failed: the peer says INVALID_ID_INFORMATION: it expects FQDN "
        f"east.example, we are IPV4_ADDR {EAST} ([peer]:ID decides)",
        begins=Side(peer_tags=fqdn("Remote-ID", "east.example")),
    ),
    Fault(
        "identity the responder does not expect, aggressive mode",
        f"phase 1 with {EAST}:500 failed: the peer says INVALID_ID_INFORMATION: it expects FQDN "
        f"west.example, we are IPV4_ADDR {WEST} ([peer]:ID decides)",
        f"the peer proves to be IPV4_ADDR {WEST}, expected FQDN west.example "
        "([peer]:Remote-ID decides)",
        begins=Side(exchange="AGGRESSIVE"),
        answers=Side(exchange="AGGRESSIVE", peer_tags=fqdn("Remote-ID", "west.example")),
    ),
    Fault(
        "identity the initiator does not expect, aggressive mode",
        f"the peer proves to be IPV4_ADDR {EAST}, expected FQDN east.example "
        "([peer]:Remote-ID decides)",
        f"the peer says INVALID_ID_INFORMATION: it expects FQDN east.example, we are IPV4_ADDR "
        f"{EAST} ([peer]:ID decides)",
        begins=Side(exchange="AGGRESSIVE", peer_tags=fqdn("Remote-ID", "east.example")),
        answers=Side(exchange="AGGRESSIVE"),
    ),
    Fault(
        "a key for no such identity",
        f"its HASH is wrong: {KEYS}, or the peer has none for FQDN vest.example ([peer]:ID "
        "decides)",
        f"no pre-shared key for FQDN vest.example at {WEST}:500 "
        "([vest.example]:Authentication or [peer]:Authentication decides)",
        begins=Side(exchange="AGGRESSIVE", peer_tags=fqdn("ID", "vest.example")),
        answers=Side(
            exchange="AGGRESSIVE",
            phase_1="Default= peer",
            key="",
            more="[west.example]\nAuthentication= mekmitasdigoat",
        ),
    ),
    Fault(
        "unknown peer address",
        f"(unauthenticated); it has no section for our address {WEST} "
        "([peer]:Local-address decides it, there [Phase 1])",
        f"no peer section for {WEST} ([Phase 1]:{WEST} or Default decides)",
        answers=Side(phase_1="192.0.2.77= peer", peer_tags="Port= 500"),
    ),
    Fault(
        "HMAC block",
        f"(unauthenticated); {KEYS}, or HMAC keys are padded otherwise ([peer]:HMAC-block decides)",
        "it does with HMAC keys padded to 128 octets ([peer]:HMAC-block= 128 decides)",
        begins=Side(transforms="AES-128-SHA2-512"),
        answers=Side(transforms="AES-128-SHA2-512", peer_tags="HMAC-block= 64"),
    ),
)

PHASE_2 = (
    Fault(
        "cipher of phase 2",
        f"{NO_PROPOSAL}TRANSFORM_ID: got AES, expected 3DES in [QM-ESP-3DES-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        "TRANSFORM_ID: got 3DES, expected AES in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(suites="QM-ESP-3DES-SHA-PFS-SUITE"),
    ),
    Fault(
        "cipher of phase 2 where a connection has no Configuration",
        f"{NO_PROPOSAL}TRANSFORM_ID: got AES, expected 3DES in [QM-ESP-3DES-SHA-PFS-XF] "
        "([General]:Default-phase-2-suites decides)",
        "TRANSFORM_ID: got 3DES, expected AES in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(configuration="", general="Defaults= original"),
    ),
    Fault(
        "hash of phase 2",
        f"{NO_PROPOSAL}AUTHENTICATION_ALGORITHM: got HMAC_SHA, expected HMAC_MD5 in "
        "[QM-ESP-AES-128-MD5-PFS-XF] ([quick-mode]:Suites decides)",
        "AUTHENTICATION_ALGORITHM: got HMAC_MD5, expected HMAC_SHA in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(suites="QM-ESP-AES-128-MD5-PFS-SUITE"),
    ),
    Fault(
        "key length of phase 2",
        f"{NO_PROPOSAL}KEY_LENGTH: got 128, expected 256 in [QM-ESP-AES-256-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        "KEY_LENGTH: got 256, expected 128 in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(suites="QM-ESP-AES-256-SHA-PFS-SUITE"),
    ),
    Fault(
        "PFS at the responder only",
        f"{NO_PROPOSAL}GROUP_DESCRIPTION: got MODP_1024, expected no PFS in "
        "[QM-ESP-AES-128-SHA-XF] ([quick-mode]:Suites decides)",
        "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(suites="QM-ESP-AES-128-SHA-SUITE"),
    ),
    Fault(
        "PFS at the initiator only",
        f"{NO_PROPOSAL}GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in "
        "[QM-ESP-AES-128-SHA-PFS-XF] ([quick-mode]:Suites decides)",
        "GROUP_DESCRIPTION: got MODP_1024, expected no PFS in [QM-ESP-AES-128-SHA-XF] "
        "([quick-mode]:Suites decides)",
        answers=Side(suites="QM-ESP-AES-128-SHA-SUITE"),
    ),
    Fault(
        "PFS group",
        f"{NO_PROPOSAL}GROUP_DESCRIPTION: got MODP_1024, expected MODP_2048 in "
        "[QM-ESP-AES-128-SHA-PFS-GRP14-XF] ([quick-mode]:Suites decides)",
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        begins=Side(suites="QM-ESP-AES-128-SHA-PFS-GRP14-SUITE"),
    ),
    Fault(
        "tunnel against transport",
        f"{NO_PROPOSAL}ENCAPSULATION_MODE: got TRANSPORT, expected TUNNEL (no NAT was detected) "
        "in [QM-ESP-AES-128-SHA-PFS-XF] ([quick-mode]:Suites decides)",
        "ENCAPSULATION_MODE: got TUNNEL, expected TRANSPORT (no NAT was detected) in "
        "[QM-ESP-TRP-AES-128-SHA-PFS-XF] ([quick-mode]:Suites decides)",
        answers=Side(suites="QM-ESP-TRP-AES-128-SHA-PFS-SUITE"),
    ),
    Fault(
        "ESP against AH",
        f"{NO_PROPOSAL}got #1 IPSEC_AH",
        "got #1 IPSEC_ESP",
        answers=Side(suites="QM-AH-SHA-PFS-SUITE"),
    ),
    Fault(
        "lifetime of phase 2",
        f"{NO_PROPOSAL}LIFE_DURATION: got 600 seconds, expected 7200 seconds in [long-life] "
        "([quick-mode]:Suites decides)",
        "LIFE_DURATION: got 7200, expected 300:900 seconds in [short-life]",
        begins=Side(suites="long", more=suite("long", "7200")),
        answers=Side(suites="short", more=suite("short", "600,300:900")),
    ),
    Fault(
        "networks that differ",
        "nearest of its own: Remote-ID: got 10.2.0.0/24, expected 10.3.0.0/24 "
        "([lan]:Local-ID and Remote-ID decide)",
        "nearest is [lan], Local-ID: got 10.3.0.0/24, expected 10.2.0.0/24",
        begins=Side(remote=lan("10.3.0.0")),
    ),
    Fault(
        "networks swapped",
        "nearest of its own: the same with both ends swapped, so one side has it backwards "
        "([lan]:Local-ID and Remote-ID decide)",
        "they are those of [lan] swapped: one end has it backwards",
        begins=Side(local=lan(EAST_LAN), remote=lan(WEST_LAN)),
    ),
    Fault(
        "mask",
        "nearest of its own: Local-ID: got 10.1.0.0/24, expected 10.1.0.0/25 (the mask differs) "
        "([lan]:Local-ID and Remote-ID decide)",
        "nearest is [lan], Remote-ID: got 10.1.0.0/25, expected 10.1.0.0/24 (the mask differs)",
        begins=Side(local=lan(WEST_LAN, "255.255.255.128")),
    ),
    Fault(
        "protocol",
        "Remote-ID: got protocol 0, expected protocol 17 ([lan]:Local-ID and Remote-ID decide)",
        "Local-ID: got protocol 17, expected any protocol",
        begins=Side(remote=lan(EAST_LAN, more="Protocol= udp\nPort= 1701")),
    ),
    Fault(
        "port",
        "nearest of its own: Remote-ID: got port 1701, expected 1702",
        "nearest is [lan], Local-ID: got port 1702, expected 1701",
        begins=Side(remote=lan(EAST_LAN, more="Protocol= udp\nPort= 1702")),
        answers=Side(local=lan(EAST_LAN, more="Protocol= udp\nPort= 1701")),
    ),
)
MODE_CONFIG = (
    Fault(
        "no addresses to assign",
        f"quick mode does not begin: it has no Local-ID, so it needs an address of {EAST}:500, and "
        f"mode config has brought none ([ipv4/{EAST}]:Attributes asks for one, ",
        f"{WEST}:500 asks for an address by mode config, and none is configured for {WEST} "
        f"([ipv4/{WEST}]:Address decides)",
        begins=Side(
            local_id="",
            peer_tags="Flags= ikecfg",
            more=f"[ipv4/{EAST}]\nMode= GET\nAttributes= Address",
        ),
    ),
)

ON_THE_WAY = (
    Fault(
        "UDP 500 blocked",
        f"{GAVE_UP} {EAST}:500; nobody answers on UDP port 500: the peer is down or elsewhere "
        f"([peer]:Address decides), does not know {WEST} ([peer]:Local-address decides), or a "
        "firewall drops IKE",
        "",
        passes=nothing,
    ),
    Fault(
        "answers from UDP 500 blocked",
        "nobody answers on UDP port 500: ",
        "the peer does not go on from our first answer: it does not get what we send, or refuses "
        "it",
        passes=to_west,
    ),
    Fault(
        "UDP 4500 blocked",
        f"a firewall drops UDP port 4500, though port 500 was answered, or {KEYS}",
        "its next message comes to UDP port 4500, since there is a NAT: a firewall probably drops "
        "that port",
        passes=by_port(4500),
        nat=True,
    ),
    Fault(
        "Local-address this host lacks",
        "phase 1 does not begin: it would begin at 192.0.2.99, where isakmpd does not listen: "
        "the host has no such address ([peer]:Local-address decides), or [General]:Listen-on "
        "leaves it out",
        "",
        begins=Side(peer_tags="Local-address= 192.0.2.99"),
    ),
)


@pytest.mark.parametrize(
    "fault", [*PHASE_1, *PHASE_2, *MODE_CONFIG, *ON_THE_WAY], ids=lambda fault: fault.name
)
def test_both_ends_name_the_cause(
    fault: Fault, record_property: Callable[[str, object], None]
) -> None:
    """In one line each, however often the attempt is repeated."""
    own = INSIDE if fault.nat else WEST
    west = engine(fault.begins, west=True, address=own)
    east = engine(fault.answers, west=False, address=EAST)
    meet(west, east, fault.passes)
    record_property("west", west.log)
    record_property("east", east.log)
    for daemon, said in ((west, fault.west), (east, fault.east)):
        assert [said in line for line in daemon.log] == [True] * bool(said), daemon.log
        assert all(re.search(r"\[\S.*\]", line) for line in daemon.log if daemon is west)
    assert west.snapshot.ipsec_sas == east.snapshot.ipsec_sas == ()


def test_what_is_heard_is_shown_before_the_end() -> None:
    """Who waits for the negotiation need not wait until it gives up."""
    west = engine(Side(transforms="3DES-SHA"), west=True, address=WEST)
    east = engine(Side(), west=False, address=EAST)
    sent = turn(west, 1)
    assert [one.heard for one in west.snapshot.exchanges] == [""]
    for answer in deliver(sent[0], east, WEST):
        deliver(answer, west, EAST)
    (heard,) = [one.heard for one in west.snapshot.exchanges]
    assert heard.startswith(f"the peer said NO_PROPOSAL_CHOSEN {NO_TRANSFORM}ENCRYPTION_ALGORITHM")


def test_who_asks_again_is_told_again() -> None:
    """A failure that only recurs is counted; the administrator's attempt is no recurrence."""
    west = engine(Side(suites="QM-ESP-3DES-SHA-PFS-SUITE"), west=True, address=WEST)
    east = engine(Side(), west=False, address=EAST)
    meet(west, east, lambda _: True)
    (line,) = west.log
    west.engine.establish("lan", west.now)
    meet(west, east, lambda _: True)
    assert west.log == [line, line]


def test_two_that_both_only_begin() -> None:
    """Each says so of itself, and what the other has."""
    only = Side(flags="Flags= active-only")
    west = engine(only, west=True, address=WEST)
    text = only.text(west=False).replace("Passive-connections=", "Connections=")
    east = Daemon(parse(text, "isakmpd.conf"), address=EAST)
    meet(west, east, lambda _: True)
    for daemon in (west, east):
        refuses = [line for line in daemon.log if "but is active-only ([lan]:Flags" in line]
        refused = [line for line in daemon.log if "except one that it alone begins" in line]
        assert [len(refuses), len(refused)] == [1, 1], daemon.log
    assert west.snapshot.ipsec_sas == ()


def test_a_stack_that_lacks_what_the_suite_wants() -> None:
    """The end whose stack it is says so; the other what is left."""
    suites = "QM-ESP-AES-256-SHA-PFS-SUITE,QM-AH-SHA-PFS-SUITE"
    begins = Side(suites="QM-AH-SHA-PFS-SUITE")
    west = engine(begins, west=True, address=WEST)
    lacking = replace(EVERYTHING, transforms=without_ah(), stack="userspace")
    text = Side(suites=suites).text(west=False)
    east = Daemon(parse(text, "isakmpd.conf"), address=EAST, capabilities=lacking)
    meet(west, east, lambda _: True)
    assert any(
        "[QM-AH-SHA-PFS-SUITE]: the userspace IPsec stack does not carry IPSEC_AH" in line
        and "quick mode" in line
        for line in east.log
    ), east.log
    (line,) = west.log
    assert f"{NO_PROPOSAL}got #1 IPSEC_ESP" in line


def without_ah() -> frozenset[tuple[Protocol, int]]:
    """What there is but AH."""
    return frozenset(one for one in EVERYTHING.transforms if one[0] != Protocol.IPSEC_AH)


# Peers that are not ours


def begun() -> tuple[Daemon, bytes]:
    """West, and its first message."""
    daemon = engine(Side(), west=True, address=WEST)
    return daemon, daemon.begins()


def given_up(daemon: Daemon) -> str:
    """The only line, once west has given up."""
    daemon.passes(41)
    (line,) = daemon.log
    return line


def ikev2(cookies: bytes, exchange: int, flags: int) -> bytes:
    """An IKEv2 message (RFC 7296 section 3.1) with a notify of INVALID_MAJOR_VERSION."""
    notify = bytes.fromhex("0000000800000005")
    head = cookies + bytes([41, 0x20, exchange, flags]) + bytes(4)
    return head + (28 + len(notify)).to_bytes(4) + notify


@pytest.mark.parametrize("responder", [bytes(8), b"a cookie"])
def test_a_peer_that_answers_in_ikev2(responder: bytes) -> None:
    """Its answer is no ISAKMP, but tells what it speaks."""
    daemon, mm1 = begun()
    assert daemon.hears(ikev2(mm1[:8] + responder, 37, 0x20)) == []
    assert given_up(daemon).endswith(
        "the peer said something in IKEv2 (unauthenticated); the peer does not speak IKEv1 "
        "([peer]:Address leads to it): it has to be enabled there, isakmpd has no other"
    )


def test_a_peer_that_begins_with_ikev2() -> None:
    """It is told so, in fewer octets than it sent and not often; the line names the section."""
    daemon = engine(Side(), west=False, address=EAST)
    request = ikev2(b"a cookie" + bytes(8), 34, 0x08) + bytes(200)
    answers = [answer for _ in range(50) for answer in daemon.hears(request, source=WEST)]
    assert 1 <= len(answers) <= 5
    header, _ = decode_header(answers[0])
    assert header.initiator_cookie == b"a cookie"
    assert header.exchange_type == ExchangeType.INFO
    assert len(answers[0]) <= len(request)
    assert daemon.log == [
        f"peer: phase 1 with {WEST}:500 failed: version 2.0: the peer speaks IKEv2, not IKEv1 "
        "(the peer of [peer] has to begin with IKEv1)"
    ]
    tiny = ikev2(b"cookie 2" + bytes(8), 34, 0x08)[:28]
    daemon.passes(30)
    assert daemon.hears(tiny, source=WEST) == []


def test_what_else_in_ikev2_is_not_answered() -> None:
    """A message of an IKE SA that nobody has."""
    daemon = engine(Side(), west=False, address=EAST)
    assert daemon.hears(ikev2(b"a cookieb cookie", 37, 0x08), source=WEST) == []


def test_a_peer_that_is_down() -> None:
    """ICMP tells that the host is up."""
    daemon, _ = begun()
    daemon.engine.unreachable(EAST, 500, Unreachable.PORT, daemon.now)
    assert given_up(daemon).endswith(
        "ICMP says of UDP port 500 there: the host is up, nobody listens there ([peer]:Address "
        "and Port lead there)"
    )


def in_clear(mm1: bytes, *payloads: Payload) -> bytes:
    """What anybody could say in the peer's place."""
    head = Header(mm1[:8], bytes(8), PayloadType.NONE, ExchangeType.INFO, Flags.NONE, 7)
    return frame(head, payloads).octets


OURS = VendorId(Vendor.ACKNOWLEDGED_DELETES.value)
OTHERS = "it accepts none of our transforms ([main-mode]:Transforms decides), or has no section for"


@pytest.mark.parametrize(
    ("data", "vendor"),
    [
        (b"", False),
        (b"some other implementation's", False),
        (b"some other implementation's", True),
        (bytes.fromhex("0000000c0000000100000001"), False),  # ours without our vendor ID
        (b"\xff" * 4000, True),
    ],
)
def test_a_refusal_without_explanation(data: bytes, vendor: bool) -> None:
    """strongSwan answers so when it accepts no transform and when it does not know the address."""
    daemon, mm1 = begun()
    kind = NotifyType.NO_PROPOSAL_CHOSEN
    notify = Notification(Doi.IPSEC, Protocol.ISAKMP, kind, b"", data)
    daemon.hears(in_clear(mm1, notify, *[OURS] * vendor))
    assert f"{OTHERS} our address {WEST}" in given_up(daemon)


def test_an_authentication_method_that_differs() -> None:
    """As one of ours explains it that has certificates."""
    daemon, mm1 = begun()
    kind = NotifyType.NO_PROPOSAL_CHOSEN
    wanted = encode_chain((a_peer(Phase1(authentication=3)).sa(),))
    daemon.hears(in_clear(mm1, Notification(Doi.IPSEC, Protocol.ISAKMP, kind, b"", wanted), OURS))
    assert (
        "nearest of its own: AUTHENTICATION_METHOD: got RSA_SIG, expected PRE_SHARED in "
        "[AES-128-SHA] ([main-mode]:Transforms decides)"
    ) in given_up(daemon)


def test_an_explanation_is_for_our_own_alone() -> None:
    """Others get the bare notify, in phase 1 and in quick mode."""
    daemon, peer = Daemon(configuration()), a_peer(Phase1(key_length=256))
    (answer,) = daemon.hears(peer.mm1())
    (notify,) = peer.read(answer).payloads
    assert isinstance(notify, Notification)
    assert notify.data == b""
    daemon, peer = met()
    sent = daemon.hears(proposal(peer, Phase2(key_length=256)).qm1())
    assert refusal(peer, sent).data == b""


def test_our_own_are_told_no_more_than_what_differs() -> None:
    """The transform in question and nothing of keys, in fewer octets than came."""
    daemon = Daemon(configuration(key="a very secret secret"))
    peer = a_peer(Phase1(key_length=256), vendors=(OURS.data,))
    mm1 = peer.mm1(*[VendorId(bytes(16))] * 4)
    (answer,) = daemon.hears(mm1)
    assert len(answer) <= len(mm1)
    assert b"secret" not in answer
    notify, vendor = peer.read(answer).payloads
    assert isinstance(notify, Notification)
    assert vendor == OURS
    (sa,) = explanation.read(notify.type, notify.data).payloads
    assert isinstance(sa, SecurityAssociation)
    assert len(sa.proposals[0].transforms) == 1


@pytest.mark.parametrize("kind", [NotifyType.AUTHENTICATION_FAILED, NotifyType(40000)])
def test_an_error_under_the_keys_ends_phase_1_at_once(kind: NotifyType) -> None:
    """So strongSwan refuses an identity; a notify that is no error ends nothing."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    peer.check_proof(mm5, of_initiator=True)
    peer.iv = mm5[-16:]
    daemon.hears(peer.protected(peer.notify(kind), message_id=9))
    ended = kind < NotifyType.CONNECTED
    assert [
        line.endswith(
            "the peer says AUTHENTICATION_FAILED: it does not expect IPV4_ADDR 192.0.2.1 "
            "([peer]:ID decides) or does not do exchange type ID_PROT ([main-mode]:EXCHANGE_TYPE "
            "decides)"
        )
        for line in daemon.log
    ] == [True] * ended
