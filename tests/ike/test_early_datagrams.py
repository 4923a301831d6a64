"""What comes before the message it depends on is kept, within bounds."""

from isakmpd.ike.early_datagrams import DATAGRAMS, OCTETS, EarlyDatagrams
from isakmpd.ike.transport import Transport
from tests.ike.daemon import DAEMON, PEER

AT = Transport(DAEMON, 500, PEER, 500)


def kept(*datagrams: bytes) -> list[bytes]:
    """What of these is given back."""
    early = EarlyDatagrams()
    for octets in datagrams:
        early.keep(octets, AT)
    return [octets for octets, _ in early.take()]


def test_in_the_order_of_arrival_each_once() -> None:
    """A retransmission takes no room."""
    assert kept(b"one", b"two", b"one") == [b"one", b"two"]


def test_no_more_than_a_few() -> None:
    """The first ones: what follows is repeated anyway."""
    many = [b"%d" % number for number in range(20)]
    assert kept(*many) == many[:DATAGRAMS]


def test_no_more_than_some_octets_in_all() -> None:
    """Where a large one does not fit, a small one may."""
    assert kept(bytes(OCTETS), b"x") == [bytes(OCTETS)]
    assert kept(b"x", bytes(OCTETS), b"y") == [b"x", b"y"]


def test_given_once() -> None:
    """With the transport it came over."""
    early = EarlyDatagrams()
    early.keep(b"x", AT)
    assert early.take() == [(b"x", AT)]
    assert early.take() == []
