"""What is said without proof, kept in small amounts."""

import pytest

from isakmpd.ike import explanation
from isakmpd.ike.hearsay import NOTIFIES, Hearsay
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import Doi, IdType, NotifyType, Protocol
from isakmpd.wire.payloads import Chain, Identification, Notification, VendorId, encode_chain

KIND = NotifyType.INVALID_ID_INFORMATION
WANTED = Identification.of(Identity(IdType.FQDN, b"a.example"))
OURS = VendorId(explanation.OURS.value)


def notify(kind: NotifyType, data: bytes = b"") -> Notification:
    """One in clear."""
    return Notification(Doi.IPSEC, Protocol.ISAKMP, kind, b"", data)


def message(*payloads: Notification | VendorId) -> Chain:
    """What it came in."""
    return Chain(payloads, tuple(payload.body() for payload in payloads), b"")


def test_each_notify_counts_once_and_few_are_kept() -> None:
    """A thousand kinds take the place of three."""
    hearsay = Hearsay()
    news = [
        hearsay.heard(notify(NotifyType(kind)), message()) for kind in (1, 1, 1, *range(2, 1000))
    ]
    assert news == [True, False, False] + [True] * (NOTIFIES - 1) + [False] * (999 - NOTIFIES)
    assert hearsay.said == "INVALID_PAYLOAD_TYPE and DOI_NOT_SUPPORTED and SITUATION_NOT_SUPPORTED"


@pytest.mark.parametrize("ours", [True, False])
def test_only_our_own_explain(ours: bool) -> None:
    """And the first explanation stays."""
    hearsay = Hearsay()
    said = notify(KIND, encode_chain((WANTED,)))
    hearsay.heard(said, message(said, *[OURS] * ours))
    other = notify(NotifyType.NO_PROPOSAL_CHOSEN, bytes.fromhex("0000000c0000000100000001"))
    hearsay.heard(other, message(other, *[OURS] * ours))
    assert hearsay.wanted.payloads == ((WANTED,) if ours else ())


def test_what_is_no_notify() -> None:
    """A notify says most, then another version, then what cannot be read."""
    hearsay = Hearsay()
    assert hearsay.said == ""
    hearsay.unreadable = True
    assert hearsay.said == "something encrypted that we cannot read"
    hearsay.other_version = 2
    assert hearsay.said == "something in IKEv2"
    hearsay.heard(notify(KIND), message())
    assert hearsay.said == "INVALID_ID_INFORMATION"
