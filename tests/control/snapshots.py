"""One tunnel as the recorded one of the original: what the tests of result and report show."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from isakmpd.ike.ipsec import Direction, SaKey, SaKeys, SaPair, SaUsage, Selector, SimplexSa
from isakmpd.ike.snapshot import (
    ConnectionSnapshot,
    ExchangeSnapshot,
    Expiry,
    IpsecSaSnapshot,
    IsakmpSaSnapshot,
    SaFlags,
    Snapshot,
    TimerSnapshot,
)
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    Protocol,
)

WEST = IPv4Address("10.77.0.1")
EAST = IPv4Address("10.77.0.2")
WEST_NET = IPv4Network("10.1.0.0/24")
EAST_NET = IPv4Network("10.2.0.0/24")
WEST_TO_EAST = Transport(WEST, 500, EAST, 500)
INITIATOR_COOKIE = bytes.fromhex("96b2a551d4410733")
RESPONDER_COOKIE = bytes.fromhex("6cc69aad8c05915f")
FLAGS = SaFlags.READY | SaFlags.STAYALIVE
KEYS = SaKeys(EspTransform.AES, AuthenticationAlgorithm.HMAC_SHA, b"\xaa" * 16, b"\xbb" * 20)

PHASE_1 = IsakmpSaSnapshot(
    name="peer-main",
    initiator=True,
    transport=WEST_TO_EAST,
    initiator_cookie=INITIATOR_COOKIE,
    responder_cookie=RESPONDER_COOKIE,
    initiator_id="10.77.0.1",
    responder_id="10.77.0.2",
    expiry=Expiry(seconds=3600, kilobytes=None, soft_in=3068.9, hard_in=3598.9),
    flags=FLAGS,
    encryption=EncryptionAlgorithm.AES_CBC,
    key_length=128,
    hash=HashAlgorithm.SHA,
    group=GroupDescription.MODP_1024,
)


def esp_sa(direction: Direction, spi: int) -> SimplexSa:
    """Describe one direction of the tunnel, seen from the west."""
    outbound = direction is Direction.OUTBOUND
    source, destination = (WEST, EAST) if outbound else (EAST, WEST)
    return SimplexSa(
        key=SaKey(direction, destination, spi),
        source=source,
        keys=KEYS,
        mode=EncapsulationMode.TUNNEL,
        selector=Selector(WEST_NET, EAST_NET),
        replay_window=16,
        udp=None,
    )


PHASE_2 = IpsecSaSnapshot(
    name="conn",
    initiator=True,
    transport=WEST_TO_EAST,
    initiator_cookie=INITIATOR_COOKIE,
    responder_cookie=RESPONDER_COOKIE,
    message_id=0xCBE680A8,
    expiry=Expiry(seconds=1200, kilobytes=None, soft_in=1036.5, hard_in=1198.5),
    flags=FLAGS,
    transform=EspTransform.AES,
    authentication=AuthenticationAlgorithm.HMAC_SHA,
    encryption_key_length=16,
    authentication_key_length=20,
    bundle=(
        SaPair(
            inbound=esp_sa(Direction.INBOUND, 0x6A52867A),
            outbound=esp_sa(Direction.OUTBOUND, 0x2CCBF240),
        ),
    ),
    outbound_usage=SaUsage(packets=3, octets=252, last_used=1.5),
    inbound_usage=None,
)

SNAPSHOT = Snapshot(
    isakmp_sas=(PHASE_1,),
    ipsec_sas=(PHASE_2,),
    exchanges=(
        ExchangeSnapshot(
            name="conn",
            exchange_type=ExchangeType.QUICK_MODE,
            phase=2,
            initiator=True,
            step=3,
            initiator_cookie=INITIATOR_COOKIE,
            responder_cookie=RESPONDER_COOKIE,
            message_id=0xCBE680A8,
            transport=WEST_TO_EAST,
        ),
    ),
    connections=(
        ConnectionSnapshot(
            name="conn", always_up=True, state="up", next_check_in=33.2, last_failure=""
        ),
    ),
    timers=(TimerSnapshot(event="sa_soft_expire", due_in=1011.0),),
)
EMPTY = Snapshot((), (), (), (), ())


def paired(protocol: Protocol, spi: int, keys: SaKeys) -> SaPair:
    """Both directions of one protocol."""
    inbound, outbound = (
        replace(sa, key=replace(sa.key, spi=spi + step, protocol=protocol), keys=keys)
        for step, sa in enumerate((PHASE_2.inbound, PHASE_2.outbound))
    )
    return SaPair(inbound, outbound)
