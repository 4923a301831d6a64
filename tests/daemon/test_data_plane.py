"""The data plane's orders, with a host made of memory: what it asks for, and what it undoes."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from isakmpd.daemon.data_plane import PATH_MTU_INTERVAL, DataPlane, Surroundings
from isakmpd.ike.ipsec import (
    Acquire,
    Answer,
    Assign,
    Assignment,
    Direction,
    Done,
    Event,
    Flow,
    Guard,
    InstallFlow,
    InstallSa,
    IpsecStack,
    RemoveFlow,
    SaKey,
    SaKeys,
    Selector,
    SimplexSa,
    StackRefused,
    UdpEncapsulation,
    Unguard,
    Withdraw,
)
from isakmpd.ike.transport import Transport
from isakmpd.privsep.requests import (
    Add,
    BindUdp,
    DeviceAddress,
    ListDirectory,
    MakeFifo,
    OpenFile,
    OpenRawEsp,
    OpenTun,
    Privileged,
    Remove,
    RemoveFile,
    ReplaceFile,
    Route,
    Rule,
    SetMtu,
    WatchAddresses,
)
from isakmpd.wire.numbers import AuthenticationAlgorithm, EncapsulationMode, EspTransform
from tests.esp import packets

WEST, EAST = ip_address("192.0.2.1"), ip_address("192.0.2.2")
SELECTOR = Selector(ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))
OUTBOUND = SimplexSa(
    SaKey(Direction.OUTBOUND, EAST, 0x1000),
    WEST,
    SaKeys(EspTransform.AES_GCM_16, AuthenticationAlgorithm.NONE, bytes(20), b""),
    EncapsulationMode.TUNNEL,
    SELECTOR,
    64,
    UdpEncapsulation(4500, 4500),
)


class MemoryHost:
    """Grant every privilege in memory; ``refuse`` names an item whose Add fails."""

    def __init__(self) -> None:
        self.installed: list[object] = []
        self.changes: list[Add | Remove | SetMtu] = []
        self.refuse: Callable[[object], bool] = lambda _: False
        self.taken_names: set[str] = set()
        self.tables: frozenset[int] = frozenset()
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.setblocking(False)

    def bind_udp(self, request: BindUdp) -> socket.socket:
        raise OSError(errno.EADDRNOTAVAIL, f"no {request.address} in memory")

    def open_raw_esp(self, request: OpenRawEsp) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, f"no IPv{request.version} in memory")

    def open_tun(self, request: OpenTun) -> int:
        if request.name in self.taken_names:
            raise FileExistsError(errno.EEXIST, request.name)
        return os.dup(self.near.fileno())

    def open_file(self, request: OpenFile) -> int:
        raise FileNotFoundError(errno.ENOENT, str(request.path))

    def list_directory(self, request: ListDirectory) -> tuple[str, ...]:
        raise FileNotFoundError(errno.ENOENT, str(request.path))

    def make_fifo(self, request: MakeFifo) -> int:
        raise FileNotFoundError(errno.ENOENT, str(request.path))

    def replace_file(self, request: ReplaceFile) -> None:
        raise FileNotFoundError(errno.ENOENT, str(request.path))

    def remove_file(self, request: RemoveFile) -> None:
        raise FileNotFoundError(errno.ENOENT, str(request.path))

    def change(self, request: Add | Remove | SetMtu) -> None:
        self.changes.append(request)
        match request:
            case Add(item):
                if self.refuse(item):
                    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
                if item in self.installed:
                    raise FileExistsError(errno.EEXIST, str(item))
                self.installed.append(item)
            case Remove(item):
                if item in self.installed:
                    self.installed.remove(item)

    def watch_addresses(self, request: WatchAddresses) -> socket.socket:
        raise NotImplementedError

    def tables_in_rules(self) -> frozenset[int]:
        return self.tables

    def close(self) -> None:
        self.near.close()
        self.far.close()


@dataclass
class Timer:
    """A callback and when it is due."""

    at: float
    callback: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class MemoryLoop:
    """Watch descriptors and time by hand."""

    readers: dict[int, Callable[[], object]] = field(default_factory=dict)
    timers: list[Timer] = field(default_factory=list)
    now: float = 100.0

    def add_reader(self, fd: int, callback: Callable[..., object], /, *arguments: object) -> None:
        self.readers[fd] = lambda: callback(*arguments)

    def remove_reader(self, fd: int, /) -> None:
        self.readers.pop(fd, None)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        self.timers.append(Timer(self.now + delay, callback))
        return self.timers[-1]

    def time(self) -> float:
        return self.now


class World:
    """One data plane and everything around it."""

    def __init__(self, folder: Path, host: MemoryHost | None = None) -> None:
        self.host = host or MemoryHost()
        self.loop = MemoryLoop()
        self.reports: list[Answer | Event] = []
        self.log: list[str] = []
        self.sent: list[tuple[Any, ...]] = []
        self.send_fails = 0
        surroundings = Surroundings(
            self.host, self.loop, folder, self.log.append, self._send, udp_ports=(500, 4500)
        )
        self.plane = DataPlane(surroundings, self.reports.append)

    def _send(self, *packet: Any) -> int:
        self.sent.append(packet)
        return self.send_fails

    def submit(self, *requests: Any) -> list[Answer | Event]:
        """Submit requests and give what was answered."""
        self.reports.clear()
        for request in requests:
            self.plane.submit(request, self.loop.now)
        return list(self.reports)

    def readable(self) -> None:
        """Let the plane read what is there."""
        for callback in list(self.loop.readers.values()):
            callback()


FLOW = InstallFlow(2, Flow(SELECTOR), (OUTBOUND.key,), "west-east")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = World(tmp_path)
    yield one
    one.host.close()


def test_engine_and_host_see_what_they_expect(world: World) -> None:
    stack: IpsecStack = world.plane
    host: Privileged = world.host
    assert (stack.name, host.tables_in_rules()) == ("userspace", frozenset())


def test_a_flow_is_routed_before_it_is_answered(world: World) -> None:
    assert world.submit(InstallSa(1, OUTBOUND), FLOW) == [Done(1), Done(2)]
    rules = [item for item in world.host.installed if isinstance(item, Rule)]
    assert rules[-1].source == SELECTOR.local
    assert world.host.installed[0] == Rule(4, 22100, rules[0].action)


def test_rekeying_changes_no_rule(world: World) -> None:
    world.submit(InstallSa(1, OUTBOUND), FLOW)
    installed = list(world.host.installed)
    world.host.changes.clear()
    assert world.submit(FLOW) == [Done(2)]
    assert world.host.installed == installed
    assert not world.host.changes


def test_a_flow_without_its_sa_is_refused_and_routes_nothing(world: World) -> None:
    (answer,) = world.submit(FLOW)
    assert isinstance(answer, StackRefused)
    assert world.host.installed == []


def test_a_selector_no_rule_expresses_is_refused(world: World) -> None:
    odd = Selector(SELECTOR.local, SELECTOR.remote, 1, 0, 8)
    answers = world.submit(InstallSa(1, OUTBOUND), InstallFlow(2, Flow(odd), (OUTBOUND.key,), "x"))
    assert isinstance(answers[1], StackRefused)
    assert "names a port without" in answers[1].reason
    assert world.host.installed == []


def test_a_bundle_is_refused_and_routes_nothing(world: World) -> None:
    both = replace(FLOW, outbound=(OUTBOUND.key, OUTBOUND.key))
    answers = world.submit(InstallSa(1, OUTBOUND), both)
    assert isinstance(answers[1], StackRefused)
    assert world.host.installed == []


def test_a_rule_the_kernel_refuses_undoes_the_others(world: World, tmp_path: Path) -> None:
    world.host.refuse = lambda item: isinstance(item, Rule) and item.source == SELECTOR.local
    answers = world.submit(InstallSa(1, OUTBOUND), FLOW)
    assert isinstance(answers[1], StackRefused)
    assert "Operation not permitted" in answers[1].reason
    assert world.host.installed == []
    world.plane.close()
    assert list(tmp_path.iterdir()) == []


def test_flows_share_what_they_share_until_the_last_is_gone(world: World) -> None:
    other = Selector(SELECTOR.local, ip_network("10.3.0.0/16"))
    world.submit(
        InstallSa(1, OUTBOUND), FLOW, InstallFlow(3, Flow(other), (OUTBOUND.key,), "other")
    )
    world.submit(RemoveFlow(Flow(SELECTOR)))
    assert [item.destination for item in world.host.installed if isinstance(item, Rule)][-1] == (
        other.remote
    )
    assert len(world.host.installed) == 9
    world.submit(RemoveFlow(Flow(other)), RemoveFlow(Flow(other)))
    assert world.host.installed == []


def test_closing_leaves_nothing_anywhere(world: World, tmp_path: Path) -> None:
    six = Selector(ip_network("fd01::/64"), ip_network("::/0"))
    world.submit(InstallSa(1, OUTBOUND), FLOW, InstallFlow(3, Flow(six), (OUTBOUND.key,), "six"))
    world.plane.close()
    assert world.host.installed == []
    assert world.loop.readers == {}
    assert all(timer.cancelled for timer in world.loop.timers)
    assert list(tmp_path.iterdir()) == []


def test_a_rule_that_stays_is_logged_and_remembered(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit(InstallSa(1, OUTBOUND), FLOW)
    keep = world.host.change

    def stubborn(request: Add | Remove | SetMtu) -> None:
        if isinstance(request, Remove) and getattr(request.item, "source", None):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        keep(request)

    monkeypatch.setattr(world.host, "change", stubborn)
    world.plane.close()
    assert "cannot remove" in world.log[0]
    monkeypatch.undo()
    World(tmp_path, world.host).plane.close()
    assert world.host.installed == []


def killed(folder: Path, *requests: Any) -> MemoryHost:
    """Give the host as a killed data plane leaves it: without its device, and routes to that."""
    world = World(folder)
    world.submit(*requests)
    # A killed process takes its lock along, and nothing else.
    copy = (folder / "isakmpd.journal").read_bytes()
    (folder / "isakmpd.journal").unlink()
    (folder / "isakmpd.journal").write_bytes(copy)
    host = world.host
    host.installed = [item for item in host.installed if not getattr(item, "device", None)]
    return host


def test_a_successor_keeps_what_refuses_packets_until_it_has_begun(tmp_path: Path) -> None:
    host = killed(tmp_path, InstallSa(1, OUTBOUND), FLOW)
    left = list(host.installed)
    successor = World(tmp_path, host)
    assert host.installed == left
    successor.plane.begun()
    assert host.installed == []
    assert [line.partition(":")[2] for line in successor.log] == [
        " took over 9 routing rules of a killed predecessor:"
        " their packets stay refused until the configuration is in force",
        " removed 8 routing rules of a killed predecessor",
    ]
    successor.plane.close()
    assert list(tmp_path.iterdir()) == []
    host.close()


def test_a_guard_takes_over_the_rules_of_a_killed_flow_without_a_gap(tmp_path: Path) -> None:
    host = killed(tmp_path, InstallSa(1, OUTBOUND), FLOW)
    host.taken_names = {"isakmpd1"}
    host.tables = frozenset({50000})
    left = list(host.installed)
    successor = World(tmp_path, host)
    assert successor.plane.device == "isakmpd0"
    assert successor.submit(Guard(1, SELECTOR, "west-east", hold=False)) == [Done(1)]
    successor.plane.begun()
    assert not any(isinstance(change, Remove) for change in host.changes)
    assert set(left) < set(host.installed)
    successor.plane.close()
    assert host.installed == []
    host.close()


def test_a_successor_with_another_device_removes_the_old_rules_last(tmp_path: Path) -> None:
    host = killed(tmp_path, InstallSa(1, OUTBOUND), FLOW)
    host.taken_names, host.tables = {"isakmpd0"}, frozenset({50000})
    left = list(host.installed)
    successor = World(tmp_path, host)
    assert successor.plane.device == "isakmpd1"
    successor.submit(Guard(1, SELECTOR, "west-east", hold=False))
    assert set(left) < set(host.installed)
    successor.plane.begun()
    assert not set(left) & set(host.installed)
    successor.plane.close()
    assert host.installed == []
    host.close()


class TestGuards:
    """Packets of a guarded selector come here and go nowhere else."""

    def test_it_has_the_rules_of_a_flow_and_shares_them(self, world: World) -> None:
        guard = Guard(3, SELECTOR, "west-east", hold=False)
        assert world.submit(guard) == [Done(3)]
        guarded = list(world.host.installed)
        world.submit(InstallSa(1, OUTBOUND), FLOW)
        assert world.host.installed == guarded
        world.submit(RemoveFlow(Flow(SELECTOR)))
        assert world.host.installed == guarded
        world.submit(Unguard(SELECTOR, "another"))
        assert world.host.installed == guarded
        world.submit(Unguard(SELECTOR, "west-east"))
        assert world.host.installed == []

    def test_what_no_rule_expresses_is_refused(self, world: World) -> None:
        odd = Selector(SELECTOR.local, SELECTOR.remote, 1, 0, 8)
        (answer,) = world.submit(Guard(3, odd, "odd", hold=True))
        assert isinstance(answer, StackRefused)
        assert "names a port without" in answer.reason

    def test_held_packets_leave_at_once_when_there_is_a_flow(self, world: World) -> None:
        world.submit(Guard(3, SELECTOR, "west-east", hold=True))
        world.reports.clear()
        for _ in range(2):
            world.host.far.send(packets.udp4())
        world.readable()
        assert [type(report) for report in world.reports] == [Acquire]
        assert not world.sent
        world.submit(InstallSa(1, OUTBOUND), FLOW)
        (run,) = [sent[-2] for sent in world.sent]
        assert len(run) == 2


class TestAssignedAddresses:
    """What a peer assigns is an address of the TUN device."""

    ten, eleven = ip_network("10.9.0.10/32"), ip_network("10.9.0.11/32")

    def test_given_replaced_and_taken_back(self, world: World) -> None:
        def held() -> list[str]:
            return [
                str(one.address) for one in world.host.installed if isinstance(one, DeviceAddress)
            ]

        assert world.submit(Assign(1, "east", Assignment((self.ten,)))) == [Done(1)]
        assert held() == ["10.9.0.10"]
        world.submit(Assign(2, "north", Assignment((self.eleven,))))
        world.submit(Assign(3, "east", Assignment((self.eleven,))))
        assert held() == ["10.9.0.11"]
        world.submit(Withdraw("north"))
        assert held() == ["10.9.0.11"]
        world.submit(Withdraw("east"), Withdraw("east"))
        assert held() == []

    def test_the_hosts_own_packets_get_it(self, world: World) -> None:
        world.submit(Assign(1, "east", Assignment((self.ten,))))
        selector = Selector(self.ten, SELECTOR.remote)
        flow = InstallFlow(3, Flow(selector), (OUTBOUND.key,), "roaming")
        world.submit(InstallSa(2, replace(OUTBOUND, selector=selector)), flow)
        source = self.ten.network_address
        assert Route(4, 50000, "isakmpd0", SELECTOR.remote, source) in world.host.installed

    def test_a_refusal_is_answered(self, world: World) -> None:
        world.host.refuse = lambda item: isinstance(item, DeviceAddress)
        (answer,) = world.submit(Assign(1, "east", Assignment((self.ten,))))
        assert isinstance(answer, StackRefused)
        assert "cannot have what east assigned: Operation not permitted" in answer.reason

    def test_name_servers_are_passed_on_in_the_log(self, world: World) -> None:
        servers = (ip_address("10.2.0.53"),)
        world.submit(Assign(1, "east", Assignment((self.ten,), name_servers=servers)))
        assert world.log == [
            "data plane: east assigned 10.9.0.10, name servers 10.2.0.53 (written nowhere)"
        ]


def test_device_and_table_are_the_first_that_are_free(tmp_path: Path) -> None:
    host = MemoryHost()
    host.taken_names = {"isakmpd0", "isakmpd2"}
    host.tables = frozenset({254, 50001})
    world = World(tmp_path, host)
    assert world.plane.device == "isakmpd3"
    world.plane.close()
    host.close()


def test_packets_go_out_in_udp_and_come_back(world: World) -> None:
    inbound = SimplexSa(
        SaKey(Direction.INBOUND, EAST, 0x1000),
        WEST,
        OUTBOUND.keys,
        OUTBOUND.mode,
        Selector(SELECTOR.remote, SELECTOR.local),
        64,
        None,
    )
    world.submit(InstallSa(1, OUTBOUND), FLOW, InstallSa(3, inbound))
    world.host.far.send(packets.udp4())
    world.readable()
    ((*ends, [sealed], traffic_class),) = world.sent
    assert (ends, traffic_class) == ([WEST, 4500, EAST, 4500], 0)
    world.plane.receive_udp_esp(sealed, Transport(EAST, 4500, WEST, 4500, encapsulated=True))
    assert world.host.far.recv(2000) == packets.udp4()


def test_what_waits_at_the_device_goes_out_in_one_run(world: World) -> None:
    world.submit(InstallSa(1, OUTBOUND), FLOW)
    for _ in range(3):
        world.host.far.send(packets.udp4())
    world.readable()
    (run,) = [sent[-2] for sent in world.sent]
    assert [packet[4:8] for packet in run] == [bytes((0, 0, 0, n)) for n in (1, 2, 3)]


def test_what_the_network_refuses_is_counted(world: World) -> None:
    world.submit(InstallSa(1, OUTBOUND), FLOW)
    world.send_fails = errno.ENETUNREACH
    world.host.far.send(packets.udp4())
    world.readable()
    assert world.plane.drops == {"network: ENETUNREACH": 1}


def test_a_raw_packet_without_a_raw_socket_is_counted(world: World) -> None:
    raw = SimplexSa(
        SaKey(Direction.OUTBOUND, EAST, 0x2000),
        WEST,
        OUTBOUND.keys,
        OUTBOUND.mode,
        SELECTOR,
        64,
        None,
    )
    world.submit(InstallSa(1, raw), InstallFlow(2, Flow(SELECTOR), (raw.key,), "raw"))
    world.host.far.send(packets.udp4())
    world.readable()
    assert world.plane.drops == {"network: EAFNOSUPPORT": 1}


def test_the_device_takes_what_the_flow_carries(world: World) -> None:
    world.submit(InstallSa(1, OUTBOUND), FLOW)
    assert SetMtu("isakmpd0", 1438) in world.host.changes


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("open_tun", "no TUN device (/dev/net/tun: Operation not permitted): the userspace"),
        ("open_raw_esp", "no raw socket for ESP (/dev/net/tun: Operation not permitted): the"),
    ],
)
def test_missing_rights_are_named_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, said: str
) -> None:
    def refused(_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), "/dev/net/tun")

    host = MemoryHost()
    monkeypatch.setattr(host, act, refused)
    with pytest.raises(OSError, match="needs") as refusal:
        World(tmp_path, host)
    assert said in str(refusal.value)
    assert list(tmp_path.iterdir()) == []
    host.close()


def test_a_lost_device_is_logged_once_and_read_no_more(world: World) -> None:
    (descriptor,) = world.loop.readers
    os.close(descriptor)
    world.readable()
    assert world.log == ["data plane: isakmpd0 is lost: Bad file descriptor"]
    assert world.loop.readers == {}


def test_path_mtus_are_asked_for_again_as_long_as_there_are_paths(world: World) -> None:
    world.submit(InstallSa(1, OUTBOUND))
    (timer,) = world.loop.timers
    assert timer.at == world.loop.now + PATH_MTU_INTERVAL
    timer.callback()
    assert len(world.loop.timers) == 2
