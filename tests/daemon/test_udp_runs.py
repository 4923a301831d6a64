"""Which packets stand together in one run."""

import socket
from ipaddress import ip_address
from struct import pack

import pytest

from isakmpd.daemon.udp_runs import MOST_PACKETS, Run, cut_into, pieces
from isakmpd.ike.ipsec import UdpEncapsulation
from isakmpd.ipsec.sad import OuterPath

UDP = UdpEncapsulation(4500, 4500)
ONE, OTHER = (
    OuterPath(ip_address("192.0.2.1"), ip_address(peer), UDP) for peer in ("192.0.2.2", "192.0.2.3")
)


@pytest.mark.parametrize(
    ("added", "runs"),
    [
        ([], []),
        ([(9, ONE)], [[9]]),
        ([(9, ONE), (9, ONE), (9, ONE)], [[9, 9, 9]]),
        ([(9, ONE), (9, OTHER), (9, ONE)], [[9], [9], [9]]),
        ([(9, ONE), (5, ONE), (5, ONE)], [[9, 5], [5]]),
        ([(5, ONE), (9, ONE)], [[5], [9]]),
        ([(9, ONE)] * (MOST_PACKETS + 1), [[9] * MOST_PACKETS, [9]]),
        ([(40000, ONE), (40000, ONE)], [[40000], [40000]]),
    ],
)
def test_a_run_is_of_one_path_and_one_length_but_the_last(
    added: list[tuple[int, OuterPath]], runs: list[list[int]]
) -> None:
    sent: list[tuple[OuterPath, list[bytes]]] = []
    run = Run(lambda path, packets, _: sent.append((path, packets)))
    for length, path in added:
        run.add(bytes(length), path)
    run.flush()
    run.flush()
    assert [[len(packet) for packet in packets] for _, packets in sent] == runs
    assert [path for path, packets in sent for _ in packets] == [path for _, path in added]


def test_a_run_is_of_one_traffic_class() -> None:
    sent: list[tuple[int, int]] = []
    run = Run(lambda _, packets, traffic_class: sent.append((len(packets), traffic_class)))
    for traffic_class in (0, 0, 0xB8, 0xB8, 0xBB, 0):
        run.add(bytes(9), ONE, traffic_class)
    run.flush()
    assert sent == [(2, 0), (2, 0xB8), (1, 0xBB), (1, 0)]


def test_what_was_received_together_is_cut_apart() -> None:
    together = (socket.IPPROTO_UDP, 104, pack("=i", 4))
    other = (socket.IPPROTO_IP, 8, bytes(12))
    assert pieces(b"aaaabbbbcc", [together, other]) == [b"aaaa", b"bbbb", b"cc"]
    assert pieces(b"aaaabbbbcc", [other]) == [b"aaaabbbbcc"]
    assert cut_into(4)[:2] == (socket.IPPROTO_UDP, 103)
