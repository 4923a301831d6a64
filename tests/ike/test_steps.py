"""The table of what each message must hold, tried payload by payload."""

import pytest

from isakmpd.ike import steps
from isakmpd.ike.steps import Step
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ConfigurationType, Doi, PayloadType
from isakmpd.wire.payloads import (
    AttributePayload,
    Chain,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
    Signature,
    Unknown,
    VendorId,
)

SAMPLES: dict[PayloadType, Payload] = {
    PayloadType.SA: SecurityAssociation(Doi.IPSEC, 1, ()),
    PayloadType.KE: KeyExchange(b"k"),
    PayloadType.NONCE: Nonce(b"n"),
    PayloadType.ID: Identification(1, 0, 0, bytes(4)),  # type: ignore[arg-type]
    PayloadType.HASH: Hash(b"h"),
    PayloadType.SIG: Signature(b"s"),
    PayloadType.ATTRIBUTE: AttributePayload(ConfigurationType.SET, 1, ()),
}
# What the figures of RFC 2409 section 5 show.
REQUIRED = {
    steps.MM1: "SA",
    steps.MM2: "SA",
    steps.MM3: "KE NONCE",
    steps.MM4: "KE NONCE",
    steps.MM5: "ID HASH",
    steps.MM6: "ID HASH",
    steps.AM1: "SA KE NONCE ID",
    steps.AM2: "SA KE NONCE ID HASH",
    steps.AM3: "HASH",
    steps.QM1: "HASH SA NONCE",
    steps.QM2: "HASH SA NONCE",
    steps.QM3: "HASH",
    steps.CFG1: "HASH ATTRIBUTE",
    steps.CFG2: "HASH ATTRIBUTE",
    steps.INFO: "HASH",
}
STEPS = pytest.mark.parametrize("step", REQUIRED, ids=lambda step: step.name)


def chain(*payloads: Payload) -> Chain:
    """A message of these."""
    return Chain(payloads, tuple(payload.body() for payload in payloads), b"")


def required(step: Step) -> list[Payload]:
    """A message of what the figure shows."""
    return [SAMPLES[PayloadType[name]] for name in REQUIRED[step].split()]


@STEPS
def test_what_the_figure_shows_is_enough(step: Step) -> None:
    """And more may follow: unknown payloads and vendor IDs."""
    step.check(chain(*required(step)))
    step.check(chain(*required(step), VendorId(b"v"), Unknown(200, b"u")))


@STEPS
def test_each_missing_payload_is_named(step: Step) -> None:
    """One at a time, and all at once."""
    whole = required(step)
    for index, missing in enumerate(whole):
        with pytest.raises(Malformed, match=f"^{step.name} without {missing.type_on_wire}"):
            step.check(chain(*whole[:index], *whole[index + 1 :]))
    with pytest.raises(Malformed, match=f"without {', '.join(REQUIRED[step].split())}"):
        step.check(chain())


@STEPS
def test_no_payload_that_decides_may_come_twice(step: Step) -> None:
    """Two of them could mean one thing to the proof and another to the reader."""
    whole = required(step)
    for payload in whole:
        if payload.type_on_wire != PayloadType.ID:
            with pytest.raises(Malformed, match=f"several {payload.type_on_wire}"):
                step.check(chain(*whole, payload))


@STEPS
def test_in_phase_2_the_hash_comes_first(step: Step) -> None:
    """What stands before it would not be covered."""
    whole = [VendorId(b"v"), *required(step)]
    if step.name.startswith(("main mode", "aggressive mode")):
        step.check(chain(*whole))
    else:
        with pytest.raises(Malformed, match="whose first payload is VENDOR, expected HASH"):
            step.check(chain(*whole))


@STEPS
def test_what_is_encrypted(step: Step) -> None:
    """Main mode from its fifth message, aggressive mode perhaps its third, phase 2 altogether."""
    clear = (steps.MM1, steps.MM2, steps.MM3, steps.MM4, steps.AM1, steps.AM2)
    assert step.encrypted is (None if step is steps.AM3 else step not in clear)
