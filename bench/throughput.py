"""Throughput of userspace ESP: one TCP stream of iperf3 through a tunnel, and its CPU per gigabyte.

Both ends run in network namespaces of one machine, iperf3 too: all of them share its cores. Every
pairing has namespaces of its own; each round takes every pairing in turn. charon's device has an
MTU of 1400, ours what the path leaves.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.clock import cpu_seconds, wait_quiet
from bench.contenders import QUIET_CHARON
from bench.figures import ratio, ratios_line, table, told
from lab.deadline import until
from lab.gateways import (
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.strongswan import StrongSwan, gateway_configuration


@dataclass(frozen=True, slots=True)
class Suite:
    """What quick mode negotiates, in each daemon's words."""

    title: str
    quick_mode: str
    esp: str


OURS, CHARON = "isakmpd", "charon"
RAW, IN_UDP = "ESP", "ESP in UDP"
# charon's kernel-libipsec speaks ESP in UDP only.
PAIRINGS = (
    (OURS, OURS, RAW),
    (OURS, OURS, IN_UDP),
    (CHARON, CHARON, IN_UDP),
    (OURS, CHARON, IN_UDP),
    (CHARON, OURS, IN_UDP),
)
SUITES = (
    Suite("AES-128-CBC, HMAC-SHA1", "QM-ESP-AES-128-SHA-PFS-GRP14-SUITE", "aes128-sha1-modp2048"),
    Suite(
        "AES-128-CBC, HMAC-SHA2-256",
        "QM-ESP-AES-128-SHA2-256-PFS-GRP14-SUITE",
        "aes128-sha256-modp2048",
    ),
    Suite("AES-256-GCM-16", "QM-ESP-AESGCM-256-PFS-GRP14-SUITE", "aes256gcm16-modp2048"),
)
# To the responder the initiator now seems to be behind a NAT, so that ESP goes in UDP.
SEEMING_NAT = f"""\
table ip seeming_nat {{
    chain leaving {{
        type nat hook postrouting priority 100; policy accept;
        udp sport 500 udp dport 500 snat to {WEST_WAN}:1500
    }}
}}
"""
CONNECTION = "tunnel"

Gateway = Isakmpd | StrongSwan


@dataclass(slots=True)
class Samples:
    """One pairing's rounds: Gbit/s, and CPU seconds per gigabyte of the sending and taking end."""

    rate: list[float] = field(default_factory=list)
    sender: list[float] = field(default_factory=list)
    receiver: list[float] = field(default_factory=list)


class Pairing:
    """A sending and a receiving gateway with one tunnel between them."""

    def __init__(self, lab: TwoGateways, kind: tuple[str, str, str], suite: Suite) -> None:
        """Configure both; neither is started."""
        self.kind = kind
        self.samples = Samples()
        self._lab = lab
        self._sender = _gateway(kind[0], lab, suite, west=True)
        self._receiver = _gateway(kind[1], lab, suite, west=False)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run both daemons with the tunnel up between them."""
        if self.kind == (OURS, OURS, IN_UDP):
            self._lab.west.run("nft", "-f", "-", stdin=SEEMING_NAT)
        with contextlib.ExitStack() as stack:
            for daemon in (self._receiver, self._sender):
                daemon.start()
                stack.callback(daemon.stop)
            if isinstance(self._sender, Isakmpd):
                self._sender.command(f"c {CONNECTION}")
                self._sender.wait_tunnel(CONNECTION)
            else:
                self._sender.initiate("net")
            wait_quiet(self._processes)
            yield

    def round(self, seconds: float) -> None:
        """Send one stream for so many seconds."""
        before = [cpu_seconds(process) for process in self._processes]
        octets, bits_per_second = _iperf(self._lab.west, self._lab.east, self._lab, seconds)
        sender, receiver = (
            cpu_seconds(process) - old for process, old in zip(self._processes, before, strict=True)
        )
        self.samples.rate.append(bits_per_second / 1e9)
        self.samples.sender.append(sender / octets * 1e9)
        self.samples.receiver.append(receiver / octets * 1e9)

    @property
    def _processes(self) -> tuple[int, int]:
        return self._sender.pid, self._receiver.pid


def measure(
    suites: Sequence[Suite], seconds: float, rounds: int, say: Callable[[str], None]
) -> dict[str, list[Pairing]]:
    """Measure every pairing for every suite, in interleaved rounds."""
    return {suite.title: _measure(suite, seconds, rounds, say) for suite in suites}


def _measure(
    suite: Suite, seconds: float, rounds: int, say: Callable[[str], None]
) -> list[Pairing]:
    with contextlib.ExitStack() as stack:
        pairings = []
        for kind in PAIRINGS:
            lab = stack.enter_context(two_gateways(hosts=False))
            pairing = Pairing(lab, kind, suite)
            stack.enter_context(pairing.running())
            pairings.append(pairing)
        for number in range(1, rounds + 1):
            for pairing in pairings:
                pairing.round(seconds)
            say(f"{suite.title}: round {number} of {rounds} done")
        return pairings


def report(measured: dict[str, list[Pairing]]) -> str:
    """Write what was counted, the tables and the ratios."""
    parts = [str(__doc__).strip()]
    for title, pairings in measured.items():
        parts.append(f"{title}: one TCP stream, median (least-most) of the rounds")
        parts.append(_table(pairings))
        parts.append(_ratios({pairing.kind: pairing.samples for pairing in pairings}))
    return "\n\n".join(parts)


def _table(pairings: Sequence[Pairing]) -> str:
    heads = ("sender -> receiver", "Gbit/s", "sender's CPU s/GB", "receiver's CPU s/GB")
    rows = []
    for pairing in pairings:
        sender, receiver, way = pairing.kind
        samples = pairing.samples
        columns = (samples.rate, samples.sender, samples.receiver)
        rows.append((f"{sender} -> {receiver}, {way}", *(told(column) for column in columns)))
    return table(heads, rows)


def _ratios(of: dict[tuple[str, str, str], Samples]) -> str:
    theirs = of[CHARON, CHARON, IN_UDP]
    lines = []
    for way in (RAW, IN_UDP):
        ours = of[OURS, OURS, way]
        named = {
            "throughput": ratio(ours.rate, theirs.rate),
            "sender's CPU": ratio(ours.sender, theirs.sender),
            "receiver's CPU": ratio(ours.receiver, theirs.receiver),
        }
        lines.append(f"isakmpd with {way} / charon with {IN_UDP}: {ratios_line(named)}")
    return "\n".join(lines)


def _iperf(west: Namespace, east: Namespace, lab: TwoGateways, seconds: float) -> tuple[int, float]:
    """Send from west to east; return the octets received and the bits per second."""
    output = lab.folder / "iperf3-server"
    server = east.spawn("iperf3", "--server", "--one-off", "--bind", EAST_LAN, output=output)
    until(lambda: ":5201 " in east.run("ss", "-ltn").stdout, 5, "iperf3's server")
    client = (
        "iperf3",
        "--client",
        EAST_LAN,
        "--bind",
        WEST_LAN,
        "--json",
        "--time",
        f"{seconds:g}",
    )
    result = json.loads(west.run(*client, timeout=seconds + 20).stdout)
    server.wait(timeout=10)
    received = result["end"]["sum_received"]
    return int(received["bytes"]), float(received["bits_per_second"])


def _gateway(name: str, lab: TwoGateways, suite: Suite, *, west: bool) -> Gateway:
    namespace = lab.west if west else lab.east
    local, remote = (WEST_WAN, EAST_WAN) if west else (EAST_WAN, WEST_WAN)
    local_net, remote_net = (WEST_NET, EAST_NET) if west else (EAST_NET, WEST_NET)
    if name == OURS:
        configuration = _isakmpd_configuration(remote, local_net, remote_net, suite)
        return Isakmpd(namespace, lab.folder, configuration)
    peer = StrongSwan(namespace, lab.folder, QUIET_CHARON)
    peer.configure(
        gateway_configuration(
            local=local,
            remote=remote,
            local_net=local_net,
            remote_net=remote_net,
            ike="aes128-sha256-modp2048",
            esp=suite.esp,
        )
    )
    return peer


def _isakmpd_configuration(remote: str, local_net: str, remote_net: str, suite: Suite) -> str:
    local_network, remote_network = (net.partition("/")[0] for net in (local_net, remote_net))
    return f"""\
[Phase 1]
{remote}= peer

[Phase 2]
Passive-connections= {CONNECTION}

[peer]
Phase= 1
Address= {remote}
Configuration= main-mode
Authentication= mekmitasdigoat

[main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-128-SHA2-256-GRP14

[{CONNECTION}]
Phase= 2
ISAKMP-peer= peer
Configuration= quick-mode
Local-ID= local
Remote-ID= remote

[local]
ID-type= IPV4_ADDR_SUBNET
Network= {local_network}
Netmask= 255.255.255.0

[remote]
ID-type= IPV4_ADDR_SUBNET
Network= {remote_network}
Netmask= 255.255.255.0

[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= {suite.quick_mode}
"""
