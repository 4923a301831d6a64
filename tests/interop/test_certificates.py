"""Signatures with strongSwan: certificates with each kind of identity, raw keys, RSA and ECDSA."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.utils import rdpcap

from lab.deadline import until
from lab.gateways import EAST_LAN, EAST_WAN, WEST_LAN, WEST_WAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.namespace import CommandError, Namespace
from lab.ping import ping
from lab.pki import Authority, public_key
from lab.strongswan import StrongSwan

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]


@dataclass(frozen=True, slots=True)
class Identity:
    """One end's identity, as each side writes it, and what a certificate says of it."""

    tags: str  # of isakmpd.conf
    swan: str
    alternative: str


def fqdn(name: str) -> Identity:
    """Name a host."""
    return Identity(f"ID-type= FQDN\nName= {name}", name, f"DNS:{name}")


def address(text: str) -> Identity:
    """Name an address."""
    return Identity(f"ID-type= IPV4_ADDR\nAddress= {text}", text, f"IP:{text}")


def email(name: str) -> Identity:
    """Name a user."""
    return Identity(f"ID-type= USER_FQDN\nName= {name}", name, f"email:{name}")


def subject(name: str) -> Identity:
    """Name a certificate's subject."""
    text = f"C=SE, O=Example, CN={name}"
    return Identity(f"ID-type= DER_ASN1_DN\nName= {text}", text, "")


KINDS = {
    "FQDN": (fqdn("west.example"), fqdn("east.example")),
    "IPv4": (address(WEST_WAN), address(EAST_WAN)),
    "email": (email("ann@west.example"), email("bo@east.example")),
    "DN": (subject("west"), subject("east")),
}
NAMES = KINDS["FQDN"]

OURS = """\
[General]
Retransmits= 2
[Phase 1]
{remote}= peer
[Phase 2]
Passive-connections= net
[peer]
Phase= 1
Address= {remote}
Configuration= mode
ID= own
Remote-ID= their
[own]
{own}
[their]
{their}
[mode]
EXCHANGE_TYPE= {exchange}
Transforms= signed
[signed]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128
HASH_ALGORITHM= SHA2_256
GROUP_DESCRIPTION= MODP_2048
AUTHENTICATION_METHOD= {method}
[net]
Phase= 2
ISAKMP-peer= peer
Configuration= quick
Local-ID= here
Remote-ID= there
[here]
ID-type= IPV4_ADDR
Address= {local_lan}
[there]
ID-type= IPV4_ADDR
Address= {remote_lan}
[quick]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-AES-128-SHA2-256-SUITE
"""
THEIRS = """\
connections {{
    gw {{
        version = 1
        aggressive = {aggressive}
        local_addrs = {local}
        remote_addrs = {remote}
        proposals = aes128-sha256-modp2048
        local {{
            auth = pubkey
            id = "{own}"
            {keys}
        }}
        remote {{
            auth = pubkey
            id = "{their}"
            {their_keys}
        }}
        children {{
            net {{
                local_ts = {local_lan}/32
                remote_ts = {remote_lan}/32
                esp_proposals = aes128-sha256
            }}
        }}
    }}
}}
"""


class Ends:
    """West is ours, east is strongSwan: their files, and what becomes of them."""

    def __init__(self, lab: TwoGateways, identities: tuple[Identity, Identity] = NAMES) -> None:
        """Make both ends' folders and an authority both trust."""
        self.lab = lab
        self.identities = identities
        self.authority = Authority(lab.folder / "pki")
        west, east = identities
        self.west = self.authority.issue("west", west.alternative)
        self.east = self.authority.issue("east", east.alternative)
        self.exchange, self.method = "ID_PROT", "RSA_SIG"
        self.keys, self.their_keys = "certs = east.crt", ""
        self.ours = lab.folder / "isakmpd-west"
        self.theirs = lab.folder / "strongswan-east"

    def trust(self) -> None:
        """Give each end its certificate, its key and the authority."""
        put(self.west.certificate, self.ours / "certs")
        put(self.east.certificate, self.theirs / "x509")
        for folder in (self.ours / "ca", self.theirs / "x509ca"):
            put(self.authority.certificate, folder)
        self.give_keys()

    def give_keys(self) -> None:
        """Give each end its private key."""
        put(self.west.key, self.ours / "private", "local.key")
        put(self.east.key, self.theirs / "private")

    def start(self) -> tuple[Isakmpd, StrongSwan]:
        """Configure both; the caller starts them."""
        west, east = self.identities
        ours = OURS.format(
            remote=EAST_WAN,
            own=west.tags,
            their=east.tags,
            exchange=self.exchange,
            method=self.method,
            local_lan=WEST_LAN,
            remote_lan=EAST_LAN,
        )
        theirs = THEIRS.format(
            aggressive="yes" if self.exchange == "AGGRESSIVE" else "no",
            local=EAST_WAN,
            remote=WEST_WAN,
            own=east.swan,
            their=west.swan,
            keys=self.keys,
            their_keys=self.their_keys,
            local_lan=EAST_LAN,
            remote_lan=WEST_LAN,
        )
        swan = StrongSwan(self.lab.east, self.lab.folder)
        swan.configure(theirs)
        return Isakmpd(self.lab.west, self.lab.folder, ours), swan

    def meet(self) -> None:
        """Have each begin once, and pings cross."""
        ours, swan = self.start()
        with ours, swan:
            swan.initiate("net")
            self._ping(self.lab.east, EAST_LAN, WEST_LAN)
            swan.terminate(ike="gw")
            ours.wait_log("the peer deleted an ISAKMP SA")
            assert "right after phase 1" not in ours.log()
            ours.command("c net")
            swan.wait_children(1)
            self._ping(self.lab.west, WEST_LAN, EAST_LAN)

    def _ping(self, namespace: Namespace, source: str, destination: str) -> None:
        echoes = ping(namespace, destination, self.lab.folder, count=3, source=source)
        assert echoes.received == 3


def put(file: Path, folder: Path, name: str = "") -> None:
    """Copy a file; a private key stays private."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / (name or file.name))
    if file.suffix == ".key":
        (folder / (name or file.name)).chmod(0o600)


@pytest.fixture
def lab() -> Iterator[TwoGateways]:
    """Two gateways of their own for each test."""
    with two_gateways(hosts=False) as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
def test_identities(lab: TwoGateways, kind: str, exchange: str) -> None:
    """Each in main and aggressive mode, begun by either end."""
    ends = Ends(lab, KINDS[kind])
    ends.exchange = exchange
    ends.trust()
    ends.meet()


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_ecdsa(lab: TwoGateways, curve: str) -> None:
    """The curve names the method."""
    ends = Ends(lab)
    ends.west = ends.authority.issue("west", NAMES[0].alternative, kind=curve)
    ends.east = ends.authority.issue("east", NAMES[1].alternative, kind=curve)
    ends.method = f"ECDSA_{curve.removeprefix('P-')}"
    ends.trust()
    ends.meet()


def test_an_authority_in_between(lab: TwoGateways) -> None:
    """Each end sends its chain: the other knows the root alone."""
    ends = Ends(lab)
    between = Authority(lab.folder / "between", "Between", ends.authority)
    ends.west = between.issue("west", NAMES[0].alternative)
    ends.east = between.issue("east", NAMES[1].alternative)
    ends.trust()
    put(between.certificate, ends.ours / "certs", "between.crt")
    put(between.certificate, ends.theirs / "x509ca", "between.crt")
    ends.meet()


def test_raw_keys(lab: TwoGateways) -> None:
    """No certificate anywhere: each end holds the other's public key."""
    ends = Ends(lab)
    ends.give_keys()
    stored = ends.ours / "pubkeys" / "fqdn"
    stored.mkdir(parents=True)
    (stored / "east.example").write_bytes(public_key(ends.east.key))
    pubkeys = ends.theirs / "pubkey"
    pubkeys.mkdir(parents=True)
    for name, pair in (("west.pub", ends.west), ("east.pub", ends.east)):
        (pubkeys / name).write_bytes(public_key(pair.key))
    ends.keys, ends.their_keys = "pubkeys = east.pub", "pubkeys = west.pub"
    ends.meet()


def test_fragments(lab: TwoGateways) -> None:
    """A long chain is larger than what the wire takes at once."""
    ends = Ends(lab)
    authority = ends.authority
    chain = []
    for number in range(4):
        authority = Authority(lab.folder / f"between-{number}", f"Between {number}", authority)
        chain.append(authority)
    ends.west = authority.issue("west", NAMES[0].alternative)
    ends.east = authority.issue("east", NAMES[1].alternative)
    ends.trust()
    for each in chain:
        for folder in (ends.ours / "certs", ends.theirs / "x509ca"):
            put(each.certificate, folder, f"{each.folder.name}.crt")
    for gateway in (lab.west, lab.east):
        gateway.ip("link", "set", "wan", "mtu", "576")
    with lab.capture() as capture:
        ends.meet()
    packets = [packet[IP] for packet in rdpcap(str(capture.file)) if IP in packet]
    fragmented = {packet.src for packet in packets if packet.flags.MF}
    assert fragmented == {WEST_WAN, EAST_WAN}
    assert max(map(len, packets)) <= 576


def expired(ends: Ends) -> None:
    """East's certificate was good for a year."""
    dates = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    ends.east = ends.authority.issue("east", NAMES[1].alternative, dates=dates)


def revoked(ends: Ends) -> None:
    """East's certificate is in the authority's list."""
    put(ends.authority.revoke(ends.east.certificate), ends.ours / "crls")


def unknown(ends: Ends) -> None:
    """Another authority has signed it."""
    other = Authority(ends.lab.folder / "other", "Other CA")
    ends.east = other.issue("east", NAMES[1].alternative)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (expired, "certificate C=SE, O=Example, CN=east expired 2021-01-01"),
        (revoked, "certificate C=SE, O=Example, CN=east is revoked by C=SE, O=Example, CN=Test CA"),
        (unknown, "signed by unknown authority C=SE, O=Example, CN=Other CA"),
    ],
)
def test_a_certificate_that_is_refused(
    lab: TwoGateways, spoil: Callable[[Ends], None], sentence: str
) -> None:
    """The log says why, whoever begins, and nothing comes up."""
    ends = Ends(lab)
    ends.trust()
    spoil(ends)
    put(ends.east.certificate, ends.theirs / "x509")
    put(ends.east.key, ends.theirs / "private")
    ours, swan = ends.start()
    with ours, swan:
        with pytest.raises(CommandError):
            swan.initiate("net", 5)
        ours.wait_log(sentence)
        told = ours.log().count(sentence)
        swan.terminate(ike="gw") if swan.list_sas() else None
        ours.command("c net")
        until(lambda: ours.log().count(sentence) > told, 20, f"{sentence!r} once more")
        assert swan.children() == []
