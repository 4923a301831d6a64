"""What would have been accepted, in the data of a notify: written, read, and refused when odd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.ike import explanation
from isakmpd.ike.refused import Refused
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import SITUATION_IDENTITY_ONLY, Doi, IdType, NotifyType
from isakmpd.wire.payloads import Identification, Payload, SecurityAssociation, encode_chain
from isakmpd.wire.vendor_ids import Vendor

NOTHING_WILL_DO = SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, ())
NAMES = tuple(
    Identification.of(Identity(IdType.FQDN, name)) for name in (b"a.example", b"b.example")
)
CASES = [
    (NotifyType.NO_PROPOSAL_CHOSEN, (NOTHING_WILL_DO,)),
    (NotifyType.INVALID_ID_INFORMATION, NAMES),
]


@pytest.mark.parametrize(("kind", "wanted"), CASES)
def test_what_is_written_is_read(kind: NotifyType, wanted: tuple[Payload, ...]) -> None:
    """By those who are ours; nobody else is sent anything."""
    refused = Refused("why", kind, wanted)
    data = explanation.explain(refused, {Vendor.DPD, explanation.OURS})
    assert explanation.read(kind, data).payloads == wanted
    assert explanation.explain(refused, set(Vendor) - {explanation.OURS}) == b""
    assert explanation.explain(Refused("why", None, wanted), {explanation.OURS}) == b""


@pytest.mark.parametrize(("kind", "wanted"), CASES)
@given(data=st.binary(max_size=300), cut=st.integers(0, 60), at=st.integers(0, 59))
def test_whatever_is_read_is_an_explanation_or_nothing(
    kind: NotifyType, wanted: tuple[Payload, ...], data: bytes, cut: int, at: int
) -> None:
    """Octets of a stranger, and ours damaged."""
    octets = bytearray(encode_chain(wanted))
    octets[at % len(octets)] ^= 0x55
    for tried in (data, bytes(octets), bytes(octets[:cut])):
        read = explanation.read(kind, tried)
        assert {type(payload) for payload in read.payloads} <= {type(wanted[0])}


def test_too_much_is_not_read() -> None:
    """Nor what belongs to another notify."""
    many = encode_chain(NAMES * 100)
    assert len(many) > explanation.LARGEST
    assert explanation.read(NotifyType.INVALID_ID_INFORMATION, many).payloads == ()
    assert explanation.read(NotifyType.INVALID_COOKIE, encode_chain(NAMES)).payloads == ()
