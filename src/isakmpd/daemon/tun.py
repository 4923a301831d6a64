"""Exchange IP packets with the host through a TUN device."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from itertools import chain

from isakmpd.daemon.flow_rules import MOST_INSTANCES, Instance
from isakmpd.privsep.requests import OpenTun, Privileged, SetMtu

BATCH = 64  # packets read before the event loop looks elsewhere
SMALLEST_MTU = 1280  # below it, the kernel takes IPv6 away from the device
FIRST_MTU = 1400
_NOT_YET = (errno.EAGAIN, errno.EIO)  # EIO: the device is down


class Tun:
    """Hold one TUN device, which exists as long as this object is open."""

    def __init__(self, privileged: Privileged, inherited: Instance | None = None) -> None:
        """Create the device of a killed predecessor, or that with the first free number.

        Raises OSError.
        """
        self._privileged = privileged
        self.instance, self.descriptor = _first_free(privileged, inherited)
        self.mtu = FIRST_MTU
        # What waits in the queue may be as long as an earlier MTU; a shorter read would cut it.
        self._longest = FIRST_MTU

    def drain(self, receive: Callable[[bytes], None]) -> None:
        """Hand over the packets the host has routed here, up to a batch."""
        descriptor, size = self.descriptor, self._longest
        for _ in range(BATCH):
            try:
                packet = os.read(descriptor, size)
            except OSError as problem:
                if problem.errno in _NOT_YET:
                    return
                raise
            receive(packet)

    def write(self, packet: bytes) -> int:
        """Give the host a packet; returns 0, or the errno of one it did not take."""
        try:
            os.write(self.descriptor, packet)
        except OSError as problem:
            return problem.errno or errno.EIO
        return 0

    def fit(self, largest_packet: int) -> None:
        """Make the device's MTU that of the flow that carries most; raises OSError.

        The kernel then fragments, or answers with ICMP, before packets reach us; flows that carry
        less than the device are seen to packet by packet.
        """
        mtu = max(largest_packet, SMALLEST_MTU)
        if mtu != self.mtu:
            self._privileged.change(SetMtu(self.instance.device, mtu))
            self.mtu = mtu
            self._longest = max(mtu, self._longest)

    def close(self) -> None:
        """Remove the device."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def _first_free(privileged: Privileged, inherited: Instance | None) -> tuple[Instance, int]:
    """Create the first device whose name and routing table nobody uses but the predecessor."""
    tables = privileged.tables_in_rules()
    numbered = (Instance(number) for number in range(MOST_INSTANCES))
    free = (instance for instance in numbered if instance.table not in tables)
    for instance in chain((inherited,) if inherited else (), free):
        try:
            return instance, privileged.open_tun(OpenTun(instance.device, FIRST_MTU))
        except FileExistsError:
            continue
    raise OSError(errno.EEXIST, f"all device names up to {Instance(MOST_INSTANCES).device} exist")
