"""Drive the userspace stack: descriptors below it, the engine above it.

The engine sees an ``IpsecStack`` and exchanges messages with it; what lies below can become a
process of its own without the engine noticing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from isakmpd.daemon.assigned_addresses import AssignedAddresses
from isakmpd.daemon.flow_rules import Item, instance_of, why_inexpressible
from isakmpd.daemon.journal import Journal
from isakmpd.daemon.kernel_paths import KernelPaths
from isakmpd.daemon.raw_esp import RawEsp
from isakmpd.daemon.routing import Routing
from isakmpd.daemon.tun import Tun
from isakmpd.daemon.udp_runs import Run
from isakmpd.ike.ipsec import (
    Answer,
    Assign,
    Done,
    Event,
    Guard,
    InstallFlow,
    InstallSa,
    RemoveFlow,
    Request,
    SaKey,
    SaUsage,
    Selector,
    StackRefused,
    Unguard,
    UpdateSa,
    Withdraw,
)
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.sad import OuterPath
from isakmpd.ipsec.userspace import UserspaceStack
from isakmpd.privsep.requests import BindUdp, Privileged
from isakmpd.wire.addresses import Address

# local address and port, remote address and port, ESP packets of a run, octet of DSCP and ECN
# -> 0 or errno
SendUdpEsp = Callable[[Address, int, Address, int, Sequence[bytes], int], int]

PATH_MTU_INTERVAL = 2.0  # seconds between two questions to the kernel
UDP_RECEIVE_BUFFER = 4 << 20


class Timer(Protocol):
    """A callback that has not happened yet."""

    def cancel(self) -> None:
        """Make it never happen."""


class EventLoop(Protocol):
    """Call back when a descriptor can be read or a time has come, as asyncio's loop does."""

    def add_reader(self, fd: int, callback: Callable[..., object], /, *arguments: object) -> object:
        """Begin to watch a descriptor."""

    def remove_reader(self, fd: int, /) -> object:
        """Watch it no longer."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call back in ``delay`` seconds."""

    def time(self) -> float:
        """Tell the time in seconds."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Name what a data plane works with; ``udp_ports`` are our IKE and NAT-T ports."""

    privileged: Privileged
    loop: EventLoop
    run_directory: Path
    log: Callable[[str], None]
    send_udp_esp: SendUdpEsp
    entropy: Callable[[int], bytes] = os.urandom
    udp_ports: tuple[int, ...] = (500, 4500)
    families: tuple[int, ...] = (4, 6)


class DataPlane:
    """Carry protected packets for the engine (an ``IpsecStack``).

    Answers and events go to ``report``, some before ``submit`` returns. Opening it takes over the
    rules a killed predecessor left behind, which refuse its packets until ``begun`` removes those
    that nobody has asked for again; it raises OSError when the host cannot be had.
    """

    name = "userspace"
    capabilities = UserspaceStack.capabilities

    def __init__(
        self, surroundings: Surroundings, report: Callable[[Answer | Event], None]
    ) -> None:
        self._surroundings = surroundings
        self._report = report
        self._log = surroundings.log
        self._privileged = surroundings.privileged
        self._loop = surroundings.loop
        self._timer: Timer | None = None
        self._unsent: Counter[str] = Counter()
        self._run = Run(self._send_run)
        self._stack = UserspaceStack(report, self, surroundings.entropy)
        self._journal = Journal(surroundings.run_directory)
        inherited = self._journal.inherit()
        try:
            self._open(inherited)
        except BaseException:
            self._journal.close(clean=not inherited)
            raise
        if inherited:
            self._log(
                f"data plane: took over {len(inherited)} routing rules of a killed predecessor:"
                " their packets stay refused until the configuration is in force"
            )

    def _open(self, inherited: list[Item]) -> None:
        with _explained("no TUN device", "/dev/net/tun and CAP_NET_ADMIN"):
            self._tun = Tun(self._privileged, instance_of(inherited))
        self.mark = self._tun.instance.mark
        try:
            with _explained("no raw socket for ESP", "CAP_NET_RAW and CAP_NET_ADMIN"):
                self._raw = RawEsp(self._privileged, self.mark, self._surroundings.families)
        except OSError:
            self._tun.close()
            raise
        self._routing = Routing(
            self._tun.instance,
            self._privileged,
            self._journal,
            self._log,
            self._surroundings.udp_ports,
        )
        self._routing.inherit(inherited)
        self._assigned = AssignedAddresses(self._privileged, self.device)
        self._paths = KernelPaths(self._privileged, self.mark)
        self._loop.add_reader(self._tun.descriptor, self._read_tun)
        for version, raw in self._raw.sockets.items():
            self._loop.add_reader(raw.fileno(), self._read_raw, version)

    # What the daemon asks

    def bind_udp(self, address: Address, port: int) -> socket.socket:
        """Give a UDP socket for IKE whose packets never enter a tunnel; raises OSError."""
        request = BindUdp(address, port, self.mark, UDP_RECEIVE_BUFFER)
        return self._privileged.bind_udp(request)

    def receive_udp_esp(self, octets: bytes, transport: Transport, traffic_class: int = 0) -> None:
        """Take an ESP packet that arrived in UDP."""
        now = self._loop.time()
        remote = transport.remote
        self._stack.from_wire(
            octets, remote, transport.local, now, traffic_class, transport.remote_port
        )

    def begun(self) -> None:
        """Remove what a killed predecessor left: whatever is to be guarded is guarded by now."""
        removed = self._routing.disinherit()
        if removed:
            self._log(f"data plane: removed {removed} routing rules of a killed predecessor")

    @property
    def device(self) -> str:
        """Name the TUN device."""
        return self._tun.instance.device

    @property
    def drops(self) -> Mapping[str, int]:
        """Count the packets that were not carried, by reason."""
        return self._stack.drops + self._unsent

    # What the engine asks

    def submit(self, request: Request, now: float) -> None:
        """Carry out ``request`` and report the answer before returning."""
        match request:
            case InstallFlow():
                self._install_flow(request, now)
            case RemoveFlow():
                self._routing.remove(request.flow)
                self._stack.submit(request, now)
            case Guard():
                self._guard(request, now)
            case Unguard():
                self._routing.remove((request.selector, request.connection))
                self._stack.submit(request, now)
            case InstallSa():
                self._stack.submit(request, now)
                self._ask_path_mtu(request.sa.source, request.sa.key.destination)
            case UpdateSa():
                self._stack.submit(request, now)
                self._ask_path_mtu(request.source, request.destination)
            case Assign():
                self._assign(request)
            case Withdraw():
                self._withdraw(request)
            case _:
                self._stack.submit(request, now)

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""
        return self._stack.usage(key)

    def close(self) -> None:
        """Remove every rule, route and device, and stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop.remove_reader(self._tun.descriptor)
        for raw in self._raw.sockets.values():
            self._loop.remove_reader(raw.fileno())
        self._stack.close()
        clean = self._routing.close()
        self._tun.close()
        self._raw.close()
        self._paths.close()
        self._journal.close(clean=clean)

    def _install_flow(self, request: InstallFlow, now: float) -> None:
        selector, outbound = request.flow.selector, request.outbound[0]
        reason = why_inexpressible(selector)
        sa = self._stack.description(outbound)
        bundle = len(request.outbound) > 1  # which the stack refuses
        if reason is None and sa is not None and not bundle:
            seen = self._stack.as_the_host_sees(selector, outbound)
            wanted = dict.fromkeys((selector, seen))
            reason = self._route(request.flow, wanted, sa.key.destination)
        if reason is not None:
            self._report(StackRefused(request.request, reason))
            return
        for other in self._stack.displaced_by(request.flow, outbound):
            self._log(
                f"data plane: the packets {selector} go to {request.flow.peer} from now on, no more"
                f" to {other.peer}, which has the same addresses (connection {request.connection})"
            )
        self._stack.submit(request, now)
        self._run.flush()  # what was held has left
        self._fit_device()

    def _guard(self, request: Guard, now: float) -> None:
        selector = request.selector
        reason = why_inexpressible(selector)
        if reason is None:
            reason = self._route((selector, request.connection), (selector,), None)
        if reason is not None:
            self._report(StackRefused(request.request, reason))
            return
        self._stack.submit(request, now)

    def _route(
        self, user: Hashable, selectors: Iterable[Selector], peer: Address | None
    ) -> str | None:
        """Bring selectors' packets here; the reason in one sentence when that cannot be."""
        wanted = tuple(selectors)
        try:
            self._routing.add(user, wanted, self._preferred_source(wanted[0], peer))
        except OSError as problem:
            return f"no routing rule for {wanted[0]}: {problem.strerror}"
        return None

    def _preferred_source(self, selector: Selector, peer: Address | None) -> Address | None:
        """Tell which address the host's own packets to the remote side get."""
        assigned = self._assigned.within(selector.local)
        if assigned is not None:
            return assigned
        remote = selector.remote
        # Any address beyond will do; of everything, the peer's is one that has a route.
        beyond = remote[min(1, remote.num_addresses - 1)]
        towards = beyond if remote.prefixlen or peer is None else peer
        return self._paths.preferred_source(towards)

    def _assign(self, request: Assign) -> None:
        assignment = request.assignment
        try:
            self._assigned.assign(request.peer, assignment.addresses)
        except OSError as problem:
            reason = f"{self.device} cannot have what {request.peer} assigned: {problem.strerror}"
            self._report(StackRefused(request.request, reason))
            return
        given = ", ".join(str(network.network_address) for network in assignment.addresses)
        servers = ", ".join(map(str, assignment.name_servers))
        resolving = f", name servers {servers} (written nowhere)" if servers else ""
        self._log(f"data plane: {request.peer} assigned {given or 'no address'}{resolving}")
        self._report(Done(request.request))

    def _withdraw(self, request: Withdraw) -> None:
        try:
            self._assigned.withdraw(request.peer)
        except OSError as problem:
            self._log(f"data plane: an address of {request.peer} stays: {problem.strerror}")

    # Packets

    def to_tun(self, packet: bytes) -> None:
        """Give the host a packet (part of ``Carrier``)."""
        failed = self._tun.write(packet)
        if failed:
            self._unsent[f"host: {errno.errorcode.get(failed, failed)}"] += 1

    def to_wire(self, packet: bytes, path: OuterPath, traffic_class: int) -> None:
        """Send an ESP packet, raw or in UDP (part of ``Carrier``)."""
        if path.udp is not None:
            self._run.add(packet, path, traffic_class)
            return
        failed = self._raw.send(packet, path, traffic_class)
        if failed:
            self._unsent[f"network: {errno.errorcode.get(failed, failed)}"] += 1

    def _send_run(self, path: OuterPath, packets: list[bytes], traffic_class: int) -> None:
        assert path.udp is not None  # noqa: S101 - to_wire has looked
        ports = path.udp.local_port, path.udp.remote_port
        failed = self._surroundings.send_udp_esp(
            path.source, ports[0], path.destination, ports[1], packets, traffic_class
        )
        if failed:
            self._unsent[f"network: {errno.errorcode.get(failed, failed)}"] += len(packets)

    def _read_tun(self) -> None:
        now = self._loop.time()
        take = self._stack.from_tun
        try:
            self._tun.drain(lambda packet: take(packet, now))
        except OSError as problem:
            self._loop.remove_reader(self._tun.descriptor)
            self._log(f"data plane: {self.device} is lost: {problem.strerror}")
        finally:
            self._run.flush()

    def _read_raw(self, version: int) -> None:
        now = self._loop.time()
        take = self._stack.from_wire
        self._raw.drain(
            version,
            lambda packet, source, destination, octet: take(
                packet, source, destination, now, octet
            ),
        )

    # Path MTU

    def _ask_path_mtu(self, source: Address, destination: Address) -> None:
        """Bring one path MTU up to date, and see to it that all are asked for from now on."""
        mtu = self._paths.mtu(source, destination)
        if mtu is not None:
            self._stack.learn_path_mtu(destination, mtu)
        if self._timer is None:
            self._timer = self._loop.call_later(PATH_MTU_INTERVAL, self._ask_path_mtus)

    def _ask_path_mtus(self) -> None:
        """Bring all path MTUs up to date, and again as long as there are paths."""
        self._timer = None
        for path in self._stack.paths():
            self._ask_path_mtu(path.source, path.destination)
        self._fit_device()

    def _fit_device(self) -> None:
        largest = self._stack.largest_inner()
        if largest is None:
            return
        try:
            self._tun.fit(largest)
        except OSError as problem:
            self._log(f"data plane: the MTU of {self.device} stays: {problem.strerror}")


@contextlib.contextmanager
def _explained(what: str, needs: str) -> Iterator[None]:
    """Say of a failure what could not be had and what it takes."""
    try:
        yield
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        reason = f"{what} ({where}{problem.strerror}): the userspace IPsec stack needs {needs}"
        raise OSError(problem.errno, reason) from problem
