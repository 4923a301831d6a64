"""Write the configurations of the two gateways, ours and the peer's, from the same few words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from lab.gateways import EAST_NET, EAST_WAN, WEST_NET, WEST_WAN
from lab.strongswan import gateway_configuration

SECRET = "mekmitasdigoat"
CONNECTION = "net"  # the same name at both ends, and in strongSwan
MAIN, AGGRESSIVE = "ID_PROT", "AGGRESSIVE"


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Name the algorithms of both phases as isakmpd.conf does, and as swanctl.conf does."""

    transform: str = "AES-128-SHA-GRP2"
    suite: str = "QM-ESP-AES-128-SHA-PFS-GRP2-SUITE"
    ike: str = "aes128-sha1-modp1024"
    esp: str = "aes128-sha1-modp1024"

    def __str__(self) -> str:
        return f"{self.ike}, {self.esp}"


DEFAULT = Algorithms()


@dataclass(frozen=True, slots=True)
class Name:
    """Hold a phase 1 identity: the type as isakmpd.conf names it, and the text."""

    type: str
    text: str

    def section(self, name: str) -> str:
        """Return the Phase1-ID section of isakmpd.conf."""
        tag = "Address" if self.type.endswith("_ADDR") else "Name"
        return f"\n[{name}]\nID-type= {self.type}\n{tag}= {self.text}\n"

    def __str__(self) -> str:
        """Return what swanctl.conf calls it."""
        if self.type == "KEY_ID" and self.text.startswith("0x"):
            return f"@#{self.text[2:]}"
        return {"FQDN": "@", "KEY_ID": "keyid:"}.get(self.type, "") + self.text


@dataclass(frozen=True, slots=True)
class Network:
    """Name a connection and the networks it joins, seen from this gateway.

    Without a local one, the connection has no Local-ID: it is the address the peer assigns.
    """

    name: str
    local: str
    remote: str


WEST_TO_EAST = Network(CONNECTION, WEST_NET, EAST_NET)
EAST_TO_WEST = Network(CONNECTION, EAST_NET, WEST_NET)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Describe an isakmpd with one peer; ``general`` adds tags to [General].

    ``name`` is the peer's section; ``sections`` of another name can be added to the file, which
    ``together`` does for many. A ``stranger`` is a peer whose address the file does not have:
    the Default peer. ``key_stands_in`` names another section for the secret than the peer's, which
    then holds a key that is not to be taken.
    """

    local: str = WEST_WAN
    remote: str = EAST_WAN
    networks: tuple[Network, ...] = (WEST_TO_EAST,)
    begins: bool = False
    secret: str = SECRET
    algorithms: Algorithms = DEFAULT
    general: Mapping[str, int | str] = field(default_factory=dict)
    name: str = "peer"
    exchange: str = MAIN
    identity: Name | None = None
    remote_identity: Name | None = None
    stranger: bool = False
    key_stands_in: str = ""
    flags: str = ""
    more: str = ""  # sections

    def __str__(self) -> str:
        """Return the isakmpd.conf."""
        return together([self])

    def sections(self) -> str:
        """Return what isakmpd.conf says of this peer."""
        return f"{_phase_2([self])}{''.join(self.blocks())}"

    def blocks(self) -> Iterator[str]:
        """Give the sections that gateways in one file do not share."""
        tags = "" if self.stranger else f"Address= {self.remote}\n"
        tags += f"Authentication= {SECRET if self.key_stands_in else self.secret}\n"
        if self.flags:
            tags += f"Flags= {self.flags}\n"
        identities = {"ID": self.identity, "Remote-ID": self.remote_identity}
        for tag, identity in identities.items():
            if identity is not None:
                tags += f"{tag}= {self.name}-{tag}\n"
                yield identity.section(f"{self.name}-{tag}")
        yield f"""
[Phase 1]
{"Default" if self.stranger else self.remote}= {self.name}

[{self.name}]
Phase= 1
Configuration= {self.name}-phase-1
{tags}
[{self.name}-phase-1]
EXCHANGE_TYPE= {self.exchange}
Transforms= {self.algorithms.transform}

[{self.name}-quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= {self.algorithms.suite}
"""
        if self.key_stands_in:
            yield f"\n[{self.key_stands_in}]\nAuthentication= {self.secret}\n"
        for network in self.networks:
            yield _connection(network, self.name)
        yield self.more


def together(gateways: Iterable[Gateway]) -> str:
    """Return one isakmpd.conf for gateways on one machine; what several say alike is said once."""
    every = list(gateways)
    addresses = ",".join(dict.fromkeys(gateway.local for gateway in every))
    general = {tag: value for gateway in every for tag, value in gateway.general.items()}
    tags = "".join(f"{tag}= {value}\n" for tag, value in general.items())
    blocks = dict.fromkeys(block for gateway in every for block in gateway.blocks())
    return f"[General]\nListen-on= {addresses}\n{tags}{_phase_2(every)}{''.join(blocks)}"


def _phase_2(gateways: Iterable[Gateway]) -> str:
    roles: dict[str, list[str]] = {}
    for gateway in gateways:
        role = "Connections" if gateway.begins else "Passive-connections"
        roles.setdefault(role, []).extend(network.name for network in gateway.networks)
    return "\n[Phase 2]\n" + "".join(
        f"{role}= {','.join(names)}\n" for role, names in roles.items()
    )


def _connection(network: Network, peer: str) -> str:
    ends = {"Local-ID": network.local, "Remote-ID": network.remote}
    sections = {tag: f"{network.name}-{tag}" for tag, text in ends.items() if text}
    tags = "".join(f"{tag}= {section}\n" for tag, section in sections.items())
    identities = "".join(_client_id(section, ends[tag]) for tag, section in sections.items())
    return f"""
[{network.name}]
Phase= 2
ISAKMP-peer= {peer}
Configuration= {peer}-quick-mode
{tags}{identities}"""


def _client_id(section: str, text: str) -> str:
    network = ip_network(text)
    return f"""
[{section}]
ID-type= IPV{network.version}_ADDR_SUBNET
Network= {network.network_address}
Netmask= {network.netmask}
"""


def address_name(address: str) -> Name:
    """Make the identity that an address is."""
    return Name(f"IPV{ip_address(address).version}_ADDR", address)


def strongswan(
    algorithms: Algorithms = DEFAULT,
    *,
    name: str = "gw",
    local: str = EAST_WAN,
    network: Network = EAST_TO_WEST,
    secret: str = SECRET,
    more_ike: str = "",
    more_child: str = "",
) -> str:
    """Return the swanctl.conf of the peer, which is always the east gateway."""
    return gateway_configuration(
        name=name,
        child=network.name,
        local=local,
        remote=WEST_WAN,
        local_net=network.local,
        remote_net=network.remote,
        secret=secret,
        ike=algorithms.ike,
        esp=algorithms.esp,
        more_ike=more_ike,
        more_child=more_child,
    )
