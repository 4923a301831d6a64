"""A peer that sets the commit bit and says CONNECTED (RFC 2408 section 3.1) is not waited for."""

from __future__ import annotations

from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import Flags, NotifyType
from tests.ike.scenes import agreed, begin_quick_mode, begun, proposal

FLAGS_AT = 19  # in the ISAKMP header


def committed(datagram: bytes) -> bytes:
    """The same message with the commit bit."""
    flags = datagram[FLAGS_AT] | Flags.COMMIT
    return datagram[:FLAGS_AT] + bytes([flags]) + datagram[FLAGS_AT + 1 :]


def test_quick_mode_is_done_without_connected() -> None:
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.finish(daemon.answers(committed(quick.qm2(qm1))))
    assert agreed(daemon, quick)
    message_id = decode_header(qm1)[0].message_id
    connected = peer.protected(peer.notify(NotifyType.CONNECTED), message_id=message_id)
    before = daemon.state()
    assert daemon.hears(committed(connected)) == []
    assert daemon.state() == before
    assert daemon.log == []


def test_connected_that_comes_too_early_disturbs_nothing() -> None:
    daemon, peer, qm1 = begun()
    message_id = decode_header(qm1)[0].message_id
    connected = peer.protected(peer.notify(NotifyType.CONNECTED), message_id=message_id)
    assert daemon.hears(committed(connected)) == []
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
    assert daemon.log == []
