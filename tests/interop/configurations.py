"""Write the configurations of the two gateways, ours and the peer's, from the same few words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from lab.gateways import EAST_NET, EAST_WAN, WEST_NET, WEST_WAN
from lab.strongswan import gateway_configuration

SECRET = "mekmitasdigoat"
CONNECTION = "net"  # the same name at both ends, and in strongSwan


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
class Network:
    """Name a connection and the networks it joins, seen from this gateway."""

    name: str
    local: str
    remote: str


WEST_TO_EAST = Network(CONNECTION, WEST_NET, EAST_NET)
EAST_TO_WEST = Network(CONNECTION, EAST_NET, WEST_NET)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Describe an isakmpd with one peer; ``general`` adds tags to [General].

    ``name`` is the peer's section; ``sections`` of another name can be added to the file.
    """

    local: str = WEST_WAN
    remote: str = EAST_WAN
    networks: tuple[Network, ...] = (WEST_TO_EAST,)
    begins: bool = False
    secret: str = SECRET
    algorithms: Algorithms = DEFAULT
    general: Mapping[str, int | str] = field(default_factory=dict)
    name: str = "peer"

    def __str__(self) -> str:
        """Return the isakmpd.conf."""
        tags = "".join(f"{tag}= {value}\n" for tag, value in self.general.items())
        return f"[General]\nListen-on= {self.local}\n{tags}{self.sections()}"

    def sections(self) -> str:
        """Return what isakmpd.conf says of this peer."""
        names = ",".join(network.name for network in self.networks)
        role = "Connections" if self.begins else "Passive-connections"
        connections = "".join(_connection(network, self.name) for network in self.networks)
        return f"""
[Phase 1]
{self.remote}= {self.name}

[Phase 2]
{role}= {names}

[{self.name}]
Phase= 1
Address= {self.remote}
Configuration= {self.name}-main-mode
Authentication= {self.secret}

[{self.name}-main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= {self.algorithms.transform}

[{self.name}-quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= {self.algorithms.suite}
{connections}"""


def _connection(network: Network, peer: str) -> str:
    ends = {f"{network.name}-here": network.local, f"{network.name}-there": network.remote}
    identities = "".join(
        f"""
[{section}]
ID-type= IPV4_ADDR_SUBNET
Network= {IPv4Network(text).network_address}
Netmask= {IPv4Network(text).netmask}
"""
        for section, text in ends.items()
    )
    return f"""
[{network.name}]
Phase= 2
ISAKMP-peer= {peer}
Configuration= {peer}-quick-mode
Local-ID= {network.name}-here
Remote-ID= {network.name}-there
{identities}"""


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
