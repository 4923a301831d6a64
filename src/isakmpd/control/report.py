"""Write the report of the daemon's whole state, the answer to ``r`` and SIGUSR1.

Its lines are those of the original, but where that prints memory addresses and reference counts
this one numbers things, tells what has become of them, and hides keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from isakmpd.config.lexer import Binding
from isakmpd.config.model import ClientId, Configuration
from isakmpd.control.printable import printable
from isakmpd.ike.ipsec import SaKeys, SaUsage, SimplexSa
from isakmpd.ike.snapshot import (
    ConnectionSnapshot,
    ExchangeSnapshot,
    Expiry,
    IpsecSaSnapshot,
    IsakmpSaSnapshot,
    Snapshot,
)
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.numbers import IpcompTransform, Protocol

_IPSEC_DOI = 1
_PROTO_ISAKMP = 1


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """Name one UDP socket of the daemon; ``address`` may be a wildcard."""

    descriptor: int
    address: Address
    port: int
    encapsulated: bool


def report_text(lines: Iterable[str], stamp: str) -> str:
    """Put the moment, as ``HHMMSS.uuuuuu``, and ``Report>`` before every line."""
    return "".join(f"{stamp} Report> {line}\n" for line in lines)


def report_lines(
    snapshot: Snapshot,
    configuration: Configuration,
    written: Iterable[Binding],
    sockets: Sequence[ListeningSocket] = (),
) -> Iterator[str]:
    """Yield the report: SAs, exchanges, transports, connections, timers, configuration.

    ``written`` holds what the configuration file and ``C`` commands say, without the generated
    defaults, section by section.
    """
    number = 0
    for ipsec_sa in snapshot.ipsec_sas:
        number += 1
        yield from _ipsec_sa(number, ipsec_sa)
    for isakmp_sa in snapshot.isakmp_sas:
        number += 1
        yield from _isakmp_sa(number, isakmp_sa)
    for place, exchange in enumerate(snapshot.exchanges, 1):
        yield from _exchange(place, exchange, configuration)
    yield from _transports(snapshot, sockets)
    yield from _connections(snapshot.connections, configuration)
    for timer in snapshot.timers:
        yield (
            f"timer_report: event {printable(timer.event)} scheduled in {int(timer.due_in)} seconds"
        )
    yield from _bindings(written)


def _sa_head(
    number: int, sa: IsakmpSaSnapshot | IpsecSaSnapshot, phase: int, message_id: int
) -> Iterator[str]:
    name = printable(sa.name) or "<unnamed>"
    yield f"sa_report: #{number} {name} phase {phase} doi {_IPSEC_DOI} flags 0x{sa.flags:x}"
    yield f"sa_report: icookie {sa.initiator_cookie.hex()} rcookie {sa.responder_cookie.hex()}"
    yield f"sa_report: msgid {message_id:08x}"
    yield f"sa_report: life secs {sa.expiry.seconds or 0} kb {sa.expiry.kilobytes or 0}"
    yield from _time_left(sa.expiry)


def _time_left(expiry: Expiry) -> Iterator[str]:
    left = [
        f"{kind} in {int(seconds)} seconds"
        for kind, seconds in (("soft", expiry.soft_in), ("hard", expiry.hard_in))
        if seconds is not None
    ]
    if left:
        yield f"sa_report: expires {', '.join(left)}"


def _isakmp_sa(number: int, sa: IsakmpSaSnapshot) -> Iterator[str]:
    yield from _sa_head(number, sa, 1, 0)
    yield f"sa_report: suite 1 proto {_PROTO_ISAKMP}"
    if sa.proved_by:
        yield f"sa_report: {sa.authentication}, the peer is proved by {printable(sa.proved_by)}"
    length = "" if sa.key_length is None else f" {sa.key_length}"
    yield f"sa_report: {sa.encryption}{length}, {sa.hash}, {sa.group}"
    yield _identities(sa.initiator_id, sa.responder_id, sa.transport)


def _ipsec_sa(number: int, sa: IpsecSaSnapshot) -> Iterator[str]:
    yield from _sa_head(number, sa, 2, sa.message_id)
    for pair in sa.bundle:
        yield f"sa_report: suite 1 proto {int(pair.outbound.key.protocol)}"
        yield f"sa_report: {_algorithms(pair.outbound.keys)}"
    yield _selected(sa)
    for pair in sa.bundle:
        # What is counted, is counted for the SA that stands for the bundle.
        counted = pair.outbound.key == sa.outbound.key
        yield from _direction(0, pair.outbound, sa.outbound_usage if counted else None)
        yield from _direction(1, pair.inbound, sa.inbound_usage if counted else None)


def _algorithms(keys: SaKeys) -> str:
    """Name what an SA is made with; the length of an encryption key holds its salt."""
    bits = len(keys.encryption_key) * 8
    cipher = f"{keys.transform} {bits}" if bits else str(keys.transform)
    if isinstance(keys.transform, IpcompTransform):
        return cipher
    return f"{cipher}, {keys.authentication}"


def _selected(sa: IpsecSaSnapshot) -> str:
    selector = sa.outbound.selector
    ends = (
        _end(selector.local, selector.protocol, selector.local_port),
        _end(selector.remote, selector.protocol, selector.remote_port),
    )
    return _identities(*(ends if sa.initiator else ends[::-1]), sa.transport)


def _end(network: Network, protocol: int, port: int) -> str:
    return f"{network} protocol {protocol} port {port or 'any'}" if protocol else str(network)


def _direction(index: int, sa: SimplexSa, usage: SaUsage | None) -> Iterator[str]:
    digits = 4 if sa.key.protocol == Protocol.IPCOMP else 8
    yield f"sa_report: spi[{index}]:"
    yield f"{sa.key.spi:0{digits}x} "
    if usage is not None:
        direction = sa.key.direction.value
        yield f"sa_report: {direction} {usage.packets} packets {usage.octets} octets"


def _identities(initiator: str, responder: str, transport: Transport) -> str:
    return (
        f"sa_report: initiator id: {printable(initiator)}, responder id: {printable(responder)},"
        f" src: {transport.local} dst: {transport.remote}"
    )


def _exchange(
    number: int, exchange: ExchangeSnapshot, configuration: Configuration
) -> Iterator[str]:
    role = "initiator" if exchange.initiator else "responder"
    yield (
        f"exchange_report: #{number} {printable(exchange.name) or '<unnamed>'}"
        f" {_policy(exchange, configuration)} policy {role} phase {exchange.phase}"
        f" doi {_IPSEC_DOI} exchange {int(exchange.exchange_type)} step {exchange.step}"
    )
    cookies = (exchange.initiator_cookie.hex(), exchange.responder_cookie.hex())
    yield f"exchange_report: icookie {cookies[0]} rcookie {cookies[1]}"
    yield f"exchange_report: msgid {exchange.message_id:08x}"


def _policy(exchange: ExchangeSnapshot, configuration: Configuration) -> str:
    """Name the section that says what this exchange may agree on."""
    of_phase = configuration.peers if exchange.phase == 1 else configuration.connections
    section = of_phase.get(exchange.name)
    return section.configuration if section is not None else "<no policy>"


def _transports(snapshot: Snapshot, sockets: Sequence[ListeningSocket]) -> Iterator[str]:
    used = [
        *(sa.transport for sa in snapshot.ipsec_sas),
        *(sa.transport for sa in snapshot.isakmp_sas),
        *(exchange.transport for exchange in snapshot.exchanges),
    ]
    number = 0
    for transport in dict.fromkeys(used):
        number += 1
        yield f"transport_report: transport #{number} flags 0"
        descriptor = next((s.descriptor for s in sockets if _carries(s, transport)), None)
        shown = "-" if descriptor is None else descriptor
        yield (
            f"{_udp(transport.encapsulated)}: fd {shown} src {transport.local}:"
            f"{transport.local_port} dst {transport.remote}:{transport.remote_port}"
        )
    for listening in sockets:
        number += 1
        yield f"transport_report: transport #{number} flags 1"
        yield (
            f"{_udp(listening.encapsulated)}: fd {listening.descriptor}"
            f" src {listening.address}:{listening.port} dst <none>:0"
        )


def _carries(listening: ListeningSocket, transport: Transport) -> bool:
    here = listening.address == transport.local or (
        listening.address.is_unspecified and listening.address.version == transport.local.version
    )
    return here and listening.port == transport.local_port


def _udp(encapsulated: bool) -> str:
    return "udp_encap_report" if encapsulated else "udp_report"


def _connections(
    connections: Iterable[ConnectionSnapshot], configuration: Configuration
) -> Iterator[str]:
    for connection in connections:
        name = printable(connection.name)
        configured = configuration.connections.get(connection.name)
        if connection.always_up and connection.next_check_in is not None:
            seconds = int(connection.next_check_in)
            yield f"connection_report: connection {name} next check {seconds} seconds"
        elif configured is not None and configured.passive:
            local, remote = _client(configured.local), _client(configured.remote)
            yield (
                f"connection_report: passive connection {name}"
                f" local_id: {local}, remote_id: {remote}"
            )
        failure = f", last failure: {printable(connection.last_failure)}"
        yield (
            f"connection_report: connection {name} is {connection.state}"
            f"{failure if connection.last_failure else ''}"
        )


def _client(client: ClientId | None) -> str:
    if client is None:
        return "<none>"
    return f"{client.network.network_address}/{client.network.netmask}"


def _bindings(written: Iterable[Binding]) -> Iterator[str]:
    yield "conf_report: dumping running configuration"
    section = ""
    for binding in written:
        if binding.section.lower() != section.lower():
            if section:
                yield ""
            section = binding.section
            yield f"[{printable(section)}]"
        yield f"{printable(binding.tag)}=\t{printable(binding.shown)}"
