"""Give the TUN device the addresses that peers assign us (mode config), and take them back.

The journal need not know: they go with the device, and that with the process.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from isakmpd.privsep.requests import Add, DeviceAddress, Privileged, Remove
from isakmpd.wire.addresses import Address, Network


class AssignedAddresses:
    """Hold what each peer has assigned; an address goes with the last peer that assigned it."""

    def __init__(self, privileged: Privileged, device: str) -> None:
        self._privileged = privileged
        self._device = device
        self._of_peer: dict[str, tuple[DeviceAddress, ...]] = {}

    def assign(self, peer: str, networks: Iterable[Network]) -> None:
        """Take these addresses in place of the peer's earlier ones; raises OSError."""
        wanted = tuple(
            DeviceAddress(self._device, network.network_address, network.prefixlen)
            for network in networks
        )
        before = self._of_peer.get(peer, ())
        for address in wanted:
            try:
                self._privileged.change(Add(address))
            except OSError as problem:
                if problem.errno != errno.EEXIST:
                    raise
        self._of_peer[peer] = wanted
        self._remove(before)

    def withdraw(self, peer: str) -> None:
        """Take the peer's addresses back; raises OSError."""
        self._remove(self._of_peer.pop(peer, ()))

    def within(self, network: Network) -> Address | None:
        """Give an assigned address that a network covers, None without one."""
        held = (one.address for addresses in self._of_peer.values() for one in addresses)
        return next((address for address in held if address in network), None)

    def _remove(self, addresses: tuple[DeviceAddress, ...]) -> None:
        held = {one for others in self._of_peer.values() for one in others}
        for address in addresses:
            if address not in held:
                self._privileged.change(Remove(address))
