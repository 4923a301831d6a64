"""Userspace stacks for tests, with everything that comes out of them."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from isakmpd.ike.ipsec import (
    Answer,
    Direction,
    Done,
    Event,
    Flow,
    InstallFlow,
    InstallSa,
    Request,
    SaKey,
    SaKeys,
    Selector,
    SimplexSa,
    SpiAllocated,
    StackRefused,
)
from isakmpd.ipsec.sad import OuterPath
from isakmpd.ipsec.userspace import UserspaceStack
from isakmpd.wire.numbers import AuthenticationAlgorithm, EncapsulationMode, EspTransform

GCM = SaKeys(EspTransform.AES_GCM_16, AuthenticationAlgorithm.NONE, bytes(20), b"")


class Host:
    """One userspace stack; ``tun`` and ``wire`` hold what came out of it, ``events`` what it told.

    ``now`` is its clock, in seconds.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.tun: list[bytes] = []
        self.wire: list[tuple[bytes, OuterPath, int]] = []
        self.now = 100.0
        self.stack = UserspaceStack(self._report, self, random.Random(1).randbytes)

    def _report(self, message: Answer | Event) -> None:
        if isinstance(message, SpiAllocated | Done | StackRefused):
            self.answers.append(message)
        else:
            self.events.append(message)

    def to_tun(self, packet: bytes) -> None:
        self.tun.append(packet)

    def to_wire(self, packet: bytes, path: OuterPath, traffic_class: int) -> None:
        self.wire.append((packet, path, traffic_class))

    def submit(self, *requests: Request) -> None:
        """Submit requests and see none refused."""
        for request in requests:
            self.stack.submit(request, self.now)
        assert not [answer for answer in self.answers if isinstance(answer, StackRefused)]

    def install(self, *sas: SimplexSa, flow: Flow | None = None) -> None:
        """Install SAs, and a flow through the last of them."""
        for sa in sas:
            self.submit(InstallSa(1, sa))
        if flow is not None:
            self.submit(InstallFlow(2, flow, (sas[-1].key,), "west-east"))
        assert all(isinstance(answer, Done) for answer in self.answers)

    def sends(self, packet: bytes) -> list[bytes]:
        """Give what a packet of the host becomes on the wire."""
        before = len(self.wire)
        self.stack.from_tun(packet, self.now)
        return [sealed for sealed, _, _ in self.wire[before:]]

    def receives(
        self, sealed: bytes, sa: SimplexSa, *, traffic_class: int = 0, at: Any = None
    ) -> list[bytes]:
        """Give what the host gets of a packet of an SA; ``at`` is where it comes from instead."""
        before = len(self.tun)
        port = sa.udp.remote_port if sa.udp is not None else 0
        source, port = at or (sa.source, port)
        self.stack.from_wire(sealed, source, sa.key.destination, self.now, traffic_class, port)
        return self.tun[before:]


def transport_pair(
    here: str, there: str, spi: int = 0x1000, **more: Any
) -> tuple[SimplexSa, SimplexSa]:
    """Describe the inbound and outbound SA of a host in transport mode; ports with ``ports``."""
    protocol, ports = more.pop("protocol", 0), more.pop("ports", (0, 0))
    selector = Selector(ip_network(here), ip_network(there), protocol, *ports)
    local, remote = ip_address(here), ip_address(there)
    mode = EncapsulationMode.TRANSPORT
    ends = ((Direction.INBOUND, local, remote), (Direction.OUTBOUND, remote, local))
    inbound, outbound = (
        replace(
            SimplexSa(SaKey(direction, destination, spi), source, GCM, mode, selector, 64, None),
            **more,
        )
        for direction, destination, source in ends
    )
    return inbound, outbound
