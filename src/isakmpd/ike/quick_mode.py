"""Run quick mode, both roles, with and without PFS (RFC 2409 section 5.5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from isakmpd.config.model import ClientId, Connection
from isakmpd.crypto.groups import InvalidPublicValue, KeyPair, generate
from isakmpd.crypto.hashes import equal
from isakmpd.crypto.keymat import esp_key_lengths, keymat
from isakmpd.crypto.skeyid import SkeyId
from isakmpd.ike import ipsec, phase2_proposal, steps
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.framing import Unproven
from isakmpd.ike.nonces import new_nonce, read_nonce
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.phase2_proposal import Phase2Choice
from isakmpd.ike.refused import Refused
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType, Protocol
from isakmpd.wire.payloads import (
    Chain,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
    encode_chain,
)

_SOFT_SHARE = 0.9  # of the octets an SA may carry, after which a successor is negotiated


async def initiator(x: Phase2Exchange, connection: Connection) -> None:
    """Negotiate a pair of ESP SAs for ``connection``."""
    suites = connection.offered_suites
    group = suites[0].group
    pair = generate(group, x.entropy) if group else None
    spi = await x.allocate_spi()
    encapsulated = x.encapsulated
    ni = new_nonce(x.entropy)
    ours = client_ids(x.transport, connection, x.owner.assigned_addresses(x.sa))
    offer = phase2_proposal.offer(suites, spi, encapsulated=encapsulated)
    payloads = (offer, Nonce(ni), *_key_exchange(pair), *map(Identification.of, ours))
    reply = await Turn(
        (Hash(x.hash1(encode_chain(payloads))), *payloads),
        steps.QM2,
        retransmit=True,
        proof=lambda reply: _verify("HASH(2)", reply, x.hash2(ni, reply.after_first)),
    )
    x.peer_spi = phase2_proposal.first_spi(reply.one(SecurityAssociation))
    choice = phase2_proposal.check(
        reply.one(SecurityAssociation), suites, encapsulated=encapsulated
    )
    _check_returned_ids(reply, ours)
    nr = read_nonce(reply)
    source = _KeySource(x.sa.skeyid, _shared_secret(pair, reply), ni, nr)
    sas = _esp_sas(x, choice, _selector(*ours), spi, source)
    await x.install(sas[0])
    await x.install(sas[1])
    await Finish((Hash(x.hash3(ni, nr)),))
    x.complete(choice, (ipsec.SaPair(*sas),))


async def responder(x: Phase2Exchange, first: Chain) -> None:
    """Answer quick mode message ``first``, whose HASH(1) has been verified."""
    x.peer_spi = phase2_proposal.first_spi(first.one(SecurityAssociation))
    ni = read_nonce(first)
    ours, theirs = _proposed_ids(x, first)
    connection = x.connection_for(ours, theirs)
    spi = await x.allocate_spi()
    answer, choice = phase2_proposal.choose(
        first.one(SecurityAssociation),
        connection,
        spi,
        key_exchange=first.first(KeyExchange) is not None,
        encapsulated=x.encapsulated,
    )
    pair = generate(choice.group, x.entropy) if choice.group else None
    shared = _shared_secret(pair, first)
    nr = new_nonce(x.entropy)
    source = _KeySource(x.sa.skeyid, shared, ni, nr)
    inbound, outbound = _esp_sas(x, choice, _selector(ours, theirs), spi, source)
    await x.install(inbound)  # before the answer leaves: the peer may send at once

    payloads: tuple[Payload, ...] = (answer, Nonce(nr), *_key_exchange(pair))
    payloads += tuple(first.all(Identification))
    await Turn(
        (Hash(x.hash2(ni, encode_chain(payloads))), *payloads),
        steps.QM3,
        retransmit=True,
        proof=lambda message: _verify("HASH(3)", message, x.hash3(ni, nr)),
    )
    await x.install(outbound)
    x.complete(choice, (ipsec.SaPair(inbound, outbound),))


def _verify(name: str, message: Chain, expected: bytes) -> None:
    if not equal(message.one(Hash).data, expected):
        raise Unproven(f"{name} is wrong", NotifyType.INVALID_HASH_INFORMATION)


def _key_exchange(pair: KeyPair | None) -> tuple[Payload, ...]:
    return (KeyExchange(pair.public),) if pair else ()


def _shared_secret(pair: KeyPair | None, message: Chain) -> bytes:
    theirs = message.first(KeyExchange)
    if pair is None and theirs is None:
        return b""
    if pair is None or theirs is None:
        side = "we do not" if pair is None else "the peer does not"
        raise Refused(f"PFS on one side only: {side} send KE", NotifyType.INVALID_KEY_INFORMATION)
    try:
        return pair.shared_secret(theirs.value)
    except InvalidPublicValue as fault:
        raise Refused(
            f"the peer's Diffie-Hellman value is unsafe: {fault}",
            NotifyType.INVALID_KEY_INFORMATION,
        ) from fault


def client_ids(
    transport: Transport, connection: Connection, assigned: tuple[Address, ...] = ()
) -> tuple[Identity, Identity]:
    """Give the identities of our packets and the peer's; the hosts themselves where none is set.

    Of this host the peer may have ``assigned`` another address, by mode config.
    """
    theirs = _client_id(connection.remote) or Identity.of_address(transport.remote)
    version = connection.remote.network.version if connection.remote else transport.remote.version
    inner = [address for address in assigned if address.version == version]
    host = Identity.of_address(inner[0] if inner else transport.local)
    return _client_id(connection.local) or host, theirs


def _client_id(client: ClientId | None) -> Identity | None:
    if client is None:
        return None
    if client.network.num_addresses == 1:
        address = client.network.network_address
        return Identity.of_address(address, client.protocol, client.port)
    return Identity.of_network(client.network, client.protocol, client.port)


def _proposed_ids(x: Phase2Exchange, message: Chain) -> tuple[Identity, Identity]:
    """Read (our side, the peer's side) from the initiator's IDci and IDcr."""
    payloads = message.all(Identification)
    if not payloads:
        return Identity.of_address(x.transport.local), Identity.of_address(x.transport.remote)
    if len(payloads) != 2:
        raise Refused(
            f"quick mode with {len(payloads)} ID payloads, expected none or two",
            NotifyType.PAYLOAD_MALFORMED,
        )
    theirs, ours = (payload.identity for payload in payloads)
    for identity in (theirs, ours):
        if identity.network is None:
            raise Refused(
                f"client identity {identity.type} {identity} names no packets",
                NotifyType.INVALID_ID_INFORMATION,
            )
    return ours, theirs


def _check_returned_ids(reply: Chain, sent: tuple[Identity, Identity]) -> None:
    returned = tuple(payload.identity for payload in reply.all(Identification))
    hosts_only = all(identity.type in (IdType.IPV4_ADDR, IdType.IPV6_ADDR) for identity in sent)
    if returned == sent or (not returned and hosts_only):
        return
    raise Refused(
        f"the peer returns client identities {' and '.join(map(str, returned)) or 'none'}, "
        f"we proposed {sent[0]} and {sent[1]}",
        NotifyType.INVALID_ID_INFORMATION,
    )


def _selector(ours: Identity, theirs: Identity) -> ipsec.Selector:
    local, remote = ours.network, theirs.network
    if local is None or remote is None:
        raise Refused("client identities name no packets", NotifyType.INVALID_ID_INFORMATION)
    return ipsec.Selector(
        ip_network(local), ip_network(remote), theirs.protocol, ours.port, theirs.port
    )


@dataclass(frozen=True, slots=True)
class _KeySource:
    """Hold what the keys of both directions come from (RFC 2409 section 5.5)."""

    skeyid: SkeyId
    shared: bytes = field(repr=False)
    ni: bytes
    nr: bytes

    def keys(self, choice: Phase2Choice, spi: bytes) -> ipsec.SaKeys:
        """Derive the KEYMAT of the SA that ``spi`` names at its receiver."""
        encryption, authentication = esp_key_lengths(
            choice.transform, choice.key_length, choice.authentication
        )
        material = keymat(
            self.skeyid.prf,
            self.skeyid.skeyid_d,
            self.shared,
            Protocol.IPSEC_ESP,
            spi,
            self.ni,
            self.nr,
            encryption + authentication,
        )
        return ipsec.SaKeys(
            choice.transform, choice.authentication, material[:encryption], material[encryption:]
        )


def _esp_sas(
    x: Phase2Exchange,
    choice: Phase2Choice,
    selector: ipsec.Selector,
    own_spi: bytes,
    source: _KeySource,
) -> tuple[ipsec.SimplexSa, ipsec.SimplexSa]:
    """Describe the inbound and the outbound SA."""
    octets = (choice.lifetimes.kilobytes or 0) * 1024
    local, remote = x.transport.local, x.transport.remote
    inbound = ipsec.SimplexSa(
        ipsec.SaKey(ipsec.Direction.INBOUND, local, int.from_bytes(own_spi)),
        source=remote,
        keys=source.keys(choice, own_spi),
        mode=choice.mode,
        selector=selector,
        replay_window=choice.replay_window,
        udp=x.udp_encapsulation,
        soft_octets=int(octets * _SOFT_SHARE),
        hard_octets=octets,
        connection=x.name,
    )
    outbound = replace(
        inbound,
        key=ipsec.SaKey(ipsec.Direction.OUTBOUND, remote, int.from_bytes(choice.peer_spi)),
        source=local,
        keys=source.keys(choice, choice.peer_spi),
    )
    return inbound, outbound
