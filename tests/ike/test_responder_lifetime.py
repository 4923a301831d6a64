"""RESPONDER-LIFETIME of phase 2, said and heard (RFC 2407 section 4.6.3.1)."""

from __future__ import annotations

import pytest

from isakmpd.wire.attributes import Attribute, encode_attributes
from isakmpd.wire.numbers import Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Notification
from tests.ike.daemon import configuration
from tests.ike.offers import Phase2
from tests.ike.scenes import agreed, answer_quick_mode, begin_quick_mode, begun, met, proposal

LIVES = """\
[life-suite]
Protocols= life
[life]
PROTOCOL_ID= IPSEC_ESP
Transforms= life-xf
[life-xf]
TRANSFORM_ID= AES
KEY_LENGTH= 128,128:256
ENCAPSULATION_MODE= TUNNEL
AUTHENTICATION_ALGORITHM= HMAC_SHA
GROUP_DESCRIPTION= MODP_1024
Life= {life}
[plain-seconds]
LIFE_TYPE= SECONDS
LIFE_DURATION= 1200
[ranged-seconds]
LIFE_TYPE= SECONDS
LIFE_DURATION= 1200,600:3600
[plain-kilobytes]
LIFE_TYPE= KILOBYTES
LIFE_DURATION= 100000
"""
SPI = b"\x0b\xad\xca\xfe"


def attributes(**limits: int) -> tuple[Attribute, ...]:
    """What a notify says."""
    kinds = {"seconds": 1, "kilobytes": 2}
    return tuple(
        attribute
        for name, limit in limits.items()
        for attribute in (Attribute.of(1, kinds[name]), Attribute.of(2, limit))
    )


def told(data: bytes, spi: bytes = SPI, protocol: Protocol = Protocol.IPSEC_ESP) -> Notification:
    """A notify of the responder's."""
    return Notification(Doi.IPSEC, protocol, NotifyType.RESPONDER_LIFETIME, spi, data)


S, K = "plain-seconds", "plain-kilobytes"
# Life, the offer's seconds and kilobytes, what then holds, and what the initiator is told.
SAID: dict[str, tuple[str, int | None, int | None, tuple[int, int], dict[str, int]]] = {
    "as long as ours": (S, 1200, None, (1200, 0), {}),
    "shorter than ours": (S, 300, None, (300, 0), {}),
    "longer than ours": (S, 9000, None, (1200, 0), {"seconds": 1200}),
    "none, which means 8 hours": (S, None, None, (1200, 0), {"seconds": 1200}),
    "of a type we do not configure": (S, 1200, 5000, (1200, 5000), {}),
    "without a type we configure": (
        f"{S},{K}",
        1200,
        None,
        (1200, 100000),
        {"kilobytes": 100000},
    ),
    "longer in both": (
        f"{S},{K}",
        9000,
        900000,
        (1200, 100000),
        {"seconds": 1200, "kilobytes": 100000},
    ),
    "within a written range": ("ranged-seconds", 3600, None, (3600, 0), {}),
}


@pytest.mark.parametrize("case", SAID)
def test_what_the_responder_says(case: str) -> None:
    """What the initiator cannot know: limits shorter than it offered, and only those."""
    life, seconds, kilobytes, (holds, octets), said = SAID[case]
    config = configuration(suites="life-suite", more=LIVES.format(life=life))
    daemon, peer = met(config)
    quick = proposal(peer, Phase2(seconds=seconds, kilobytes=kilobytes))
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    qm2 = peer.heard[-1]
    expected = [told(encode_attributes(attributes(**said)), quick.their_spi)] if said else []
    assert qm2.all(Notification) == expected
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.hard_in == holds
    assert pair.outbound.hard_octets == octets * 1024


@pytest.mark.parametrize("seconds", [599, 3601])
def test_only_a_written_range_refuses(seconds: int) -> None:
    """Outside of it the transform is refused, by either end of the range."""
    config = configuration(suites="life-suite", more=LIVES.format(life="ranged-seconds"))
    daemon, peer = met(config)
    daemon.hears(proposal(peer, Phase2(seconds=seconds)).qm1())
    assert f"LIFE_DURATION: got {seconds}, expected 600:3600 seconds" in daemon.log[0]


OVERLONG = encode_attributes((Attribute.of(1, 1), Attribute(2, b"\x01" * 9, basic=False)))
# What the responder says beside its answer, and what then holds of 1200 seconds.
HEARD = {
    "nothing": ((), 1200, 0),
    "shorter": ((told(encode_attributes(attributes(seconds=300))),), 300, 0),
    "longer": ((told(encode_attributes(attributes(seconds=9000))),), 1200, 0),
    "kilobytes": ((told(encode_attributes(attributes(kilobytes=5000))),), 1200, 5000),
    "both": ((told(encode_attributes(attributes(seconds=300, kilobytes=5000))),), 300, 5000),
    "of another SA": ((told(encode_attributes(attributes(seconds=300)), b"\1\2\3\4"),), 1200, 0),
    "of another protocol": (
        (told(encode_attributes(attributes(seconds=300)), protocol=Protocol.IPSEC_AH),),
        1200,
        0,
    ),
    "too short to rekey": ((told(encode_attributes(attributes(seconds=1))),), 60, 0),
    "nothing at all": ((told(b""),), 1200, 0),
    "cut short": ((told(b"\x80"),), 1200, 0),
    "a number of nine octets": ((told(OVERLONG),), 1200, 0),
    "twice": (
        (
            told(encode_attributes(attributes(seconds=300))),
            told(encode_attributes(attributes(seconds=400))),
        ),
        300,
        0,
    ),
}


@pytest.mark.parametrize("case", HEARD)
def test_what_the_initiator_makes_of_it(case: str) -> None:
    """It only shortens, and what cannot be read says nothing."""
    more, seconds, kilobytes = HEARD[case]
    daemon, peer, qm1 = begun()
    quick = proposal(peer, more=more)
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.hard_in == seconds
    assert pair.inbound.hard_octets == kilobytes * 1024


def test_an_answer_may_shorten_or_add_a_life_but_change_nothing_else() -> None:
    """RFC 2407 section 4.5.4: some responders do it in the transform."""
    daemon, peer, qm1 = begun()
    quick = proposal(peer, Phase2(seconds=600, kilobytes=7000))
    begin_quick_mode(daemon, quick, qm1)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.hard_in == 600
    assert pair.inbound.hard_octets == 7000 * 1024
