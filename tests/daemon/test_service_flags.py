"""-a, -n, -P, -S and -T in a running daemon: what it does, sends and leaves alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from isakmpd.ipsec.none import NoStack
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp, OpenRawEsp, OpenTun
from lab.gateways import two_gateways
from lab.isakmpd import Isakmpd
from tests.daemon.loopback import EAST, WEST, configuration
from tests.daemon.services import NAT_T_PORT, PORT, InTest, in_test
from tests.daemon.test_service_faults import pump, pump_until
from tests.daemon.test_service_lifecycle import example
from tests.ike.scenes import a_peer

NAT_T = {
    "RFC 3947": "4a131c81070358455c5728f20e95452f",
    "draft 02": "90cb80913ebb696e086381b5ec427b1f",
    "draft 02, plain": "cd60464335df21f87cfdb2fc68b6a448",
    "draft 03": "7d9419a65310ca6f2c179d9215529d56",
}
NONE, KEY_EXCHANGE, VENDOR_ID, NAT_D = 0, 4, 13, 20


@contextmanager
def both(folder: Path, east: str = "", **west: object) -> Iterator[tuple[InTest, InTest]]:
    """East, which answers, and west, which begins and has been given a flag."""
    with ExitStack() as stack:
        text = east or configuration("east")
        answers = stack.enter_context(in_test(folder / "east", text))
        begins = in_test(folder / "west", configuration("west"), None, **west)
        yield answers, stack.enter_context(begins)


def stack_of(daemon: InTest) -> NoStack:
    """The stack of a daemon that carries nothing and shows everything."""
    stack = daemon.service._stack
    assert isinstance(stack, NoStack)
    return stack


# -a


@pytest.mark.parametrize("flag", [False, True])
def test_acquire_only(tmp_path: Path, flag: bool) -> None:
    """With -a both SAs are there, and neither flow nor guard."""
    with both(tmp_path, acquire_only=flag) as (east, west):
        pump_until(lambda: west.up("link") and east.up("link"), east, west)
        stack = stack_of(west)
        assert len(stack.sas) == 2
        assert bool(stack.flows) is bool(stack.guards) is not flag
        assert west.log.count("-a: SAs are negotiated without flows") == flag


def test_acquire_only_as_a_tag(tmp_path: Path) -> None:
    """It says so once, and a reload without it takes the flows back."""
    text = configuration("west", general="Acquire-Only= yes")
    with (
        in_test(tmp_path / "east", configuration("east")) as east,
        in_test(tmp_path / "west", text) as west,
    ):
        pump_until(lambda: west.up("link"), east, west)
        assert "[General]:Acquire-Only: SAs are negotiated without flows" in west.log
        stack = stack_of(west)
        assert (stack.flows, stack.guards) == ({}, {})
        (tmp_path / "west" / "isakmpd.conf").write_text(configuration("west"))
        west.command("R")
        assert len(stack.flows) == len(stack.guards) == 1


@pytest.mark.namespaces
def test_acquire_only_carries_nothing_in_user_space() -> None:
    """The SAs are there, no rule leads a packet to them, and the log says so at the start."""
    with two_gateways(hosts=False) as lab:
        west = Isakmpd(lab.west, lab.folder, example("west"), ("-K", "-a"))
        east = Isakmpd(lab.east, lab.folder, example("east"))
        with east, west:
            before = lab.west.ip("rule")
            west.wait_tunnel("west-east")
            assert lab.west.ip("rule") == before
            assert "10.1." not in before
            assert "10.1." in lab.east.ip("rule")
            said = "-a: SAs are installed without flows and guards, and the userspace stack carries"
            assert west.log().count(said) == 1


# -n


class NoKernel(InProcess):
    """Let a daemon have UDP sockets and files, and hear of addresses; nothing of the kernel's."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: set[int] = set()

    def open_raw_esp(self, request: OpenRawEsp) -> NoReturn:
        """Refuse."""
        raise AssertionError(request)

    def open_tun(self, request: OpenTun) -> NoReturn:
        """Refuse."""
        raise AssertionError(request)

    def change(self, request: object) -> NoReturn:
        """Refuse."""
        raise AssertionError(request)

    def tables_in_rules(self) -> NoReturn:
        """Refuse."""
        raise AssertionError("tables_in_rules")

    def bind_udp(self, request: BindUdp) -> socket.socket:
        """Note whether the socket is to bypass IPsec."""
        self.marks.add(request.mark)
        return super().bind_udp(request)


def test_n_completes_phase_2_and_asks_nothing_of_the_kernel(tmp_path: Path) -> None:
    """No TUN device, no raw socket, no rule, no route, no mark; up, rekeyed, down."""
    privileged = NoKernel()
    with (
        in_test(tmp_path / "east", configuration("east")) as east,
        in_test(tmp_path / "west", configuration("west"), privileged) as west,
    ):
        pump_until(lambda: west.up("link") and east.up("link"), east, west)
        spis = [key.spi for key in stack_of(west).sas]
        assert min(spis) >= 0x100
        west.command("t link")
        west.service.shut_down()
        assert privileged.marks == {0}
        assert not any("refused" in line or "cannot" in line for line in west.log), west.log


# -S


def test_standby_answers_and_begins_nothing(tmp_path: Path) -> None:
    """Until ``M active``."""
    with in_test(tmp_path / "west", configuration("west"), standby=True) as west, wire() as bare:
        for _ in range(100):
            pump(west)
        with pytest.raises(BlockingIOError):
            bare.recv(65535)
        west.command("M active")
        assert heard(bare, west)
    with both(tmp_path, configuration("east", up=True), standby=True) as (east, west):
        pump_until(lambda: west.up("link"), east, west)


@pytest.mark.parametrize("standby", [False, True])
def test_standby_ends_without_deletes(tmp_path: Path, standby: bool) -> None:
    """The peer keeps its SAs, which may live on at the other gateway."""
    with both(tmp_path, configuration("east", up=True), standby=standby) as (east, west):
        pump_until(lambda: west.up("link") and east.up("link"), east, west)
        west.service.shut_down()
        for _ in range(50):
            pump(east)
        assert east.up("link") is standby


# -T


def payloads(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk a message in clear (RFC 2408 section 3): the type and body of each payload."""
    kind, at = message[16], 28
    while kind != NONE:
        following, length = message[at], int.from_bytes(message[at + 2 : at + 4])
        yield kind, message[at + 4 : at + length]
        kind, at = following, at + length
    assert at == len(message)


def vendor_ids(message: bytes) -> set[str]:
    """Give the vendor IDs of a message."""
    return {body.hex() for kind, body in payloads(message) if kind == VENDOR_ID}


@contextmanager
def wire() -> Iterator[socket.socket]:
    """Be the peer with a bare socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bare:
        bare.bind((EAST, PORT))
        bare.setblocking(False)
        yield bare


def heard(bare: socket.socket, daemon: InTest) -> bytes:
    """Wait for a datagram of the daemon's."""
    datagrams: list[bytes] = []

    def arrived() -> bool:
        try:
            datagrams.append(bare.recv(65535))
        except BlockingIOError:
            return False
        return True

    pump_until(arrived, daemon)
    return datagrams[0]


def listens(daemon: InTest) -> set[tuple[str, int]]:
    """Where a daemon has bound sockets."""
    return {(str(one.address), one.port) for one in daemon.service._udp.listeners}


@pytest.mark.parametrize("traversal", [False, True])
def test_without_nat_traversal_it_is_not_offered(tmp_path: Path, traversal: bool) -> None:
    """The first message of main mode has no vendor ID of it; without -T it has."""
    text = configuration("west")
    with in_test(tmp_path, text, nat_traversal=traversal) as west, wire() as bare:
        seen = vendor_ids(heard(bare, west))
        assert seen
        assert bool(seen & set(NAT_T.values())) is traversal


@pytest.mark.parametrize("traversal", [False, True])
def test_without_nat_traversal_it_is_not_accepted(tmp_path: Path, traversal: bool) -> None:
    """A peer that offers it is answered as if it had not, and sends no NAT-D for it."""
    text = configuration("west", up=False).replace("AES-SHA-GRP14", "AES-128-SHA")
    offering = a_peer(vendors=tuple(bytes.fromhex(one) for one in NAT_T.values()))
    with in_test(tmp_path, text, nat_traversal=traversal) as west, wire() as bare:
        bare.sendto(offering.mm1(), (WEST, PORT))
        mm2 = heard(bare, west)
        assert bool(vendor_ids(mm2) & set(NAT_T.values())) is traversal
        bare.sendto(offering.mm3(mm2), (WEST, PORT))
        mm4 = heard(bare, west)
        kinds = [kind for kind, _ in payloads(mm4)]
        assert KEY_EXCHANGE in kinds
        assert (NAT_D in kinds) is traversal


@pytest.mark.parametrize(
    ("traversal", "ports"), [(True, {PORT, NAT_T_PORT}), (False, {PORT})], ids=["usual", "-T"]
)
def test_the_port_of_nat_traversal(tmp_path: Path, traversal: bool, ports: set[int]) -> None:
    """It is bound unless nobody is to use it."""
    with in_test(tmp_path, configuration("west"), nat_traversal=traversal) as west:
        assert listens(west) == {(WEST, port) for port in ports}


# -P


def test_p_does_nothing_and_says_so(tmp_path: Path) -> None:
    """What it begins leaves from the port of -p all the same."""
    with (
        in_test(tmp_path, configuration("west"), local_port=PORT + 7) as west,
        wire() as bare,
    ):
        heard(bare, west)
        said = f"-P {PORT + 7} does nothing: what isakmpd begins leaves from port {PORT}, too"
        assert said in west.log
        assert {port for _, port in listens(west)} == {PORT, NAT_T_PORT}
