"""A daemon that waits for one certain message, at every step of every exchange and role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from isakmpd.config.model import AddressPool, Configuration
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import (
    ConfigurationAttribute,
    ConfigurationType,
    ExchangeType,
    PayloadType,
    Protocol,
)
from tests.ike.bystander import Bystander, with_bystander
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.peer_mode_config import Transaction, begun_by, given
from tests.ike.scenes import answer_main_mode, answer_quick_mode, begin_main_mode, proposal

MAIN = ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]
AGGRESSIVE = ["AM1", "AM2", "AM3", "AM3 in clear"]
# QM1 and so on; a REQUEST that the daemon is to answer, and the REPLY to its own.
PHASE_2 = ["QM1", "QM2", "QM3", "CFG1", "CFG2", "INFO"]
STEPS = [*MAIN, *AGGRESSIVE, *PHASE_2]
FIRST = ["MM1", "AM1"]
# The messages whose every octet is covered by a key.
PROTECTED = ["MM5", "MM6", *PHASE_2]


class Recorded(Peer):
    """A peer that remembers with which IV it encrypted what."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ivs: dict[bytes, bytes] = {}

    def seal_octets(
        self, first: PayloadType, body: bytes, iv: bytes, exchange: ExchangeType, message_id: int
    ) -> bytes:
        """An encrypted message of any octets."""
        message = super().seal_octets(first, body, iv, exchange, message_id)
        self.ivs[message] = iv
        return message


@dataclass
class Awaited:
    """The daemon, who is about to hear ``message``, and how to tell that it was accepted."""

    daemon: Daemon
    peer: Recorded
    bystander: Bystander
    message: bytes
    accepted: Callable[[], bool]

    @property
    def clear(self) -> bytes:
        """The chain of payloads, decrypted, with its padding."""
        iv = self.peer.ivs.get(self.message)
        body = decode_header(self.message)[1]
        return body if iv is None else self.peer.cipher(iv).decryptor().update(body)

    def instead(self, chain: bytes, first: int | None = None) -> bytes:
        """The message with another chain of payloads in it, encrypted where it was."""
        header, _ = decode_header(self.message)
        kind = header.next_payload if first is None else PayloadType(first)
        iv = self.peer.ivs.get(self.message)
        if iv is None:
            return replace(header, next_payload=kind).encode(chain)
        return self.peer.seal_octets(kind, chain, iv, header.exchange_type, header.message_id)


def awaited(name: str) -> Awaited:
    """Lead to the step at which the daemon expects the named message."""
    peer = Recorded(PEER, DAEMON)
    if name in MAIN:
        initiator = name in ("MM2", "MM4", "MM6")
        return (_main_begun if initiator else _main_answered)(name, peer)
    if name in AGGRESSIVE:
        return _aggressive(name, peer)
    if name in ("CFG1", "CFG2"):
        return _transaction(name, peer)
    return _quick_begun(peer) if name == "QM2" else _under_an_sa(name, peer)


def _beside(config: Configuration) -> tuple[Daemon, Bystander]:
    daemon = Daemon(with_bystander(config))
    return daemon, Bystander.of(daemon)


def _at(daemon: Daemon, step: int) -> Callable[[], bool]:
    return lambda: [x.step for x in daemon.snapshot.exchanges] == [step]


def _isakmp_sas(daemon: Daemon) -> Callable[[], bool]:
    return lambda: len(daemon.snapshot.isakmp_sas) == 2


def _main_answered(name: str, peer: Recorded) -> Awaited:
    daemon, bystander = _beside(configuration())
    message = peer.mm1()
    if name == "MM1":
        return Awaited(daemon, peer, bystander, message, _at(daemon, 0))
    message = peer.mm3(daemon.answers(message))
    if name == "MM3":
        return Awaited(daemon, peer, bystander, message, _at(daemon, 1))
    message = peer.mm5(daemon.answers(message))
    return Awaited(daemon, peer, bystander, message, _isakmp_sas(daemon))


def _main_begun(name: str, peer: Recorded) -> Awaited:
    daemon, bystander = _beside(configuration(answers=False))
    message = peer.mm2(daemon.begins())
    if name == "MM2":
        return Awaited(daemon, peer, bystander, message, _at(daemon, 1))
    message = peer.mm4(daemon.answers(message))
    if name == "MM4":
        return Awaited(daemon, peer, bystander, message, _at(daemon, 2))
    message = peer.mm6(daemon.answers(message))
    return Awaited(daemon, peer, bystander, message, _isakmp_sas(daemon))


def _aggressive(name: str, peer: Recorded) -> Awaited:
    daemon, bystander = _beside(configuration(exchange="AGGRESSIVE", answers=name != "AM2"))
    message = peer.am2(daemon.begins()) if name == "AM2" else peer.am1()
    if name == "AM1":
        return Awaited(daemon, peer, bystander, message, _at(daemon, 0))
    if name != "AM2":
        message = peer.am3(daemon.answers(message), encrypted=name == "AM3")
    return Awaited(daemon, peer, bystander, message, _isakmp_sas(daemon))


def _quick_begun(peer: Recorded) -> Awaited:
    daemon, bystander = _beside(configuration(answers=False))
    qm1 = begin_main_mode(daemon, peer)
    message = proposal(peer).qm2(qm1)
    return Awaited(daemon, peer, bystander, message, lambda: len(daemon.snapshot.ipsec_sas) == 2)


def _under_an_sa(name: str, peer: Recorded) -> Awaited:
    daemon, bystander = _beside(configuration())
    answer_main_mode(daemon, peer)
    first = proposal(peer)
    answer_quick_mode(daemon, first)
    if name == "INFO":
        message = peer.protected(peer.delete(Protocol.IPSEC_ESP, first.spi), message_id=5)
        return Awaited(
            daemon, peer, bystander, message, lambda: len(daemon.snapshot.ipsec_sas) == 1
        )
    quick = proposal(peer, message_id=2, spi=b"\0\0\2\2")
    message = quick.qm1()
    if name == "QM1":
        return Awaited(daemon, peer, bystander, message, lambda: len(daemon.stack.sas) == 5)
    message = quick.qm3(daemon.answers(message))
    return Awaited(daemon, peer, bystander, message, lambda: len(daemon.snapshot.ipsec_sas) == 3)


def _transaction(name: str, peer: Recorded) -> Awaited:
    config = configuration(answers=name == "CFG1")
    pool = AddressPool("ipv4/192.0.2.2", push=False, wanted=("Address",))
    peers = {"peer": replace(config.peers["peer"], mode_config=name == "CFG2")}
    connections = {"lan": replace(config.connections["lan"], local=None)}
    config = replace(config, peers=peers, address_pools={pool.section: pool})
    if name == "CFG2":
        config = replace(config, connections=connections)
    daemon, bystander = _beside(config)
    kind = ConfigurationAttribute.INTERNAL_IP4_ADDRESS
    if name == "CFG1":
        answer_main_mode(daemon, peer)
        message = Transaction(peer).says(ConfigurationType.REQUEST, given(kind))
        return Awaited(daemon, peer, bystander, message, lambda: _said_transaction(daemon))
    transaction, _ = begun_by(begin_main_mode(daemon, peer), peer)
    address = given(kind, IPv4Address("10.9.9.5").packed)
    message = transaction.says(ConfigurationType.REPLY, address)
    return Awaited(daemon, peer, bystander, message, lambda: bool(daemon.stack.assigned))


def _said_transaction(daemon: Daemon) -> bool:
    transactions = [octets for out, octets in daemon.captured if out and octets[18] == 6]
    return len(transactions) == 1
