"""Privileged acts carried out in this process, and what remains possible without privileges."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp, OpenFile, OpenTun, Privileged, WatchAddresses
from lab.namespace import Namespace

ACTS = """
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import *
import errno, socket, subprocess
from ipaddress import ip_address, ip_network
host = InProcess()
"""


@pytest.fixture
def host() -> Iterator[Privileged]:
    one = InProcess()
    yield one
    one.close()


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with Namespace("privsep") as one:
        yield one


def acts(namespace: Namespace, script: str) -> str:
    """Run acts in a namespace of their own and give what they print."""
    return namespace.run(sys.executable, "-c", ACTS + script).stdout


def test_udp_sockets_are_bound_and_do_not_block(host: Privileged) -> None:
    with host.bind_udp(BindUdp(ip_address("127.0.0.1"), 0)) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"
        with pytest.raises(BlockingIOError):
            bound.recv(1)


def test_a_port_in_use_is_refused_as_the_system_refuses_it(host: Privileged) -> None:
    with host.bind_udp(BindUdp(ip_address("127.0.0.1"), 0)) as bound:
        taken = BindUdp(ip_address("127.0.0.1"), bound.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            host.bind_udp(taken)


def test_a_watch_hears_nothing_where_nothing_changes(host: Privileged) -> None:
    with host.watch_addresses(WatchAddresses()) as watch, pytest.raises(BlockingIOError):
        watch.recv(1)


def test_files_open_with_flags_and_mode(host: Privileged, tmp_path: Path) -> None:
    path = tmp_path / "report"
    descriptor = host.open_file(OpenFile(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
    os.close(descriptor)
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(FileExistsError):
        host.open_file(OpenFile(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def test_a_name_too_long_for_a_device_is_refused(host: Privileged) -> None:
    with pytest.raises(OSError, match="too long"):
        host.open_tun(OpenTun("a-name-of-16-oct", 1400))


@pytest.mark.root
@pytest.mark.namespaces
class TestRoot:
    """What takes privileges, in a namespace."""

    @pytest.mark.parametrize(
        "change",
        [
            "address add 192.0.2.1/32 dev lo",
            "address del 192.0.2.1/32 dev lo",
            "address add 2001:db8::1/128 dev lo",
            "link add wan type veth peer wan2",
            "route add unreachable 203.0.113.0/24",
            "route add unreachable 2001:db8:9::/64",
            "link set lo down",
            "link set lo up",
        ],
    )
    def test_a_watch_hears_of_changes(self, namespace: Namespace, change: str) -> None:
        script = f"""
with host.watch_addresses(WatchAddresses()) as watch:
    subprocess.run("ip {change}".split(), check=True)
    print(len(watch.recv(1)))
"""
        assert acts(namespace, script) == "1\n"

    def test_a_watch_survives_a_storm(self, namespace: Namespace) -> None:
        script = """
with host.watch_addresses(WatchAddresses()) as watch:
    words = "".join(f"address add 198.51.100.{n}/32 dev lo\\n" for n in range(250))
    subprocess.run(["ip", "-batch", "-"], input=words.encode(), check=True)
    heard = []
    while True:
        try:
            heard.append(len(watch.recv(1)))
        except BlockingIOError:
            break
        except OSError as problem:
            heard.append(errno.errorcode[problem.errno])
    print("ENOBUFS" in heard, len(heard) < 50)
    subprocess.run("ip address add 192.0.2.9/32 dev lo".split(), check=True)
    print(len(watch.recv(1)))
"""
        assert acts(namespace, script) == "True True\n1\n"

    def test_a_link_local_address_is_bound_on_its_interface(self, namespace: Namespace) -> None:
        script = """
subprocess.run("ip link add six type veth peer six2".split(), check=True)
subprocess.run("ip address add fe80::9/64 dev six nodad".split(), check=True)
subprocess.run("ip link set six up".split(), check=True)
index = socket.if_nametoindex("six")
for scope in ("six", index):
    with host.bind_udp(BindUdp(ip_address(f"fe80::9%{scope}"), 0)) as udp:
        print(udp.getsockname()[3] == index)
"""
        assert acts(namespace, script) == "True\nTrue\n"

    def test_marks(self, namespace: Namespace) -> None:
        script = """
with host.bind_udp(BindUdp(ip_address("127.0.0.1"), 0, mark=77)) as udp:
    print(udp.getsockopt(socket.SOL_SOCKET, socket.SO_MARK))
with host.open_raw_esp(OpenRawEsp(4, mark=79)) as raw:
    print(raw.getsockopt(socket.SOL_SOCKET, socket.SO_MARK), raw.proto)
"""
        assert acts(namespace, script).split() == ["77", "79", "50"]

    def test_a_device_name_is_given_once(self, namespace: Namespace) -> None:
        script = """
descriptor = host.open_tun(OpenTun("isakmpd7", 1300))
print(socket.if_nametoindex("isakmpd7") > 0)
for name in ("isakmpd7", "lo"):
    try:
        host.open_tun(OpenTun(name, 1300))
    except FileExistsError as refusal:
        print(refusal.strerror)
"""
        assert acts(namespace, script).splitlines() == [
            "True",
            "the device isakmpd7 exists",
            "the device lo exists",
        ]

    def test_rules_and_routes_come_and_go(self, namespace: Namespace) -> None:
        before = namespace.ip("rule") + namespace.ip("route", "show", "table", "all")
        script = """
ends = ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16")
rule = Rule(4, 20500, RuleAction.LOOKUP, 50007, *ends, 17, 500, 4500, 77, "lo")
route = Route(4, 50007, None)
for item in (rule, route):
    host.change(Remove(item))  # not there: no error
    host.change(Add(item))
    try:
        host.change(Add(item))
    except FileExistsError:
        print("exists")
print(sorted(host.tables_in_rules() & {50007, 254}))
for words in ("rule", "route show table all"):
    print(subprocess.run(["ip", *words.split()], capture_output=True, text=True).stdout)
for item in (rule, route):
    host.change(Remove(item))
"""
        # Without /etc/protocols, which a small Debian lacks, ip has no name for UDP.
        shown = acts(namespace, script).replace("ipproto-17", "udp")
        assert shown.count("exists") == 2
        assert "[254, 50007]" in shown
        assert (
            "20500:\tfrom 10.1.0.0/16 to 10.2.0.0/16 fwmark 0x4d iif lo"
            " ipproto udp sport 500 dport 4500 lookup 50007 proto 73"
        ) in shown
        assert "unreachable default table 50007 proto 73 metric 4294967294" in shown
        after = namespace.ip("rule") + namespace.ip("route", "show", "table", "all")
        assert after == before

    def test_addresses_come_and_go_without_routes(self, namespace: Namespace) -> None:
        script = """
descriptor = host.open_tun(OpenTun("isakmpd9", 1300))
for text, length in (("10.9.0.7", 24), ("fd09::7", 64)):
    address = DeviceAddress("isakmpd9", ip_address(text), length)
    host.change(Remove(address))  # not there: no error
    host.change(Add(address))
    try:
        host.change(Add(address))
    except FileExistsError:
        print("exists")
    words = ["ip", "-o", "address", "show", "isakmpd9"]
    print(subprocess.run(words, capture_output=True, text=True).stdout)
    print(subprocess.run(["ip", "route"], capture_output=True, text=True).stdout)
    host.change(Remove(address))
"""
        shown = acts(namespace, script)
        assert shown.count("exists") == 2
        assert "inet 10.9.0.7/24" in shown
        assert "inet6 fd09::7/64" in shown
        assert "tentative" not in shown
        assert "10.9.0.0/24" not in shown

    def test_a_route_to_a_device_that_is_gone_is_gone(self, namespace: Namespace) -> None:
        script = """
host.change(Remove(Route(4, 50008, "isakmpd8")))
try:
    host.change(Add(Route(4, 50008, "isakmpd8")))
except OSError as refusal:
    print(refusal.errno == errno.ENODEV)
"""
        assert acts(namespace, script).split() == ["True"]


def test_sockets_survive_a_passing_to_another_process(host: Privileged) -> None:
    """Everything an act returns is a descriptor, which a monitor can hand over."""
    with host.bind_udp(BindUdp(ip_address("127.0.0.1"), 0)) as bound:
        near, far = socket.socketpair()
        with near, far:
            socket.send_fds(near, [b"x"], [bound.fileno()])
            _, descriptors, _, _ = socket.recv_fds(far, 1, 1)
        with socket.socket(fileno=descriptors[0]) as passed:
            assert passed.getsockname() == bound.getsockname()
