"""Keys stay out of everything that is written down."""

from isakmpd.ike.ipsec import SimplexSa
from isakmpd.wire.numbers import NotifyType
from tests.ike.daemon import Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    a_peer,
    answer_main_mode,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    proposal,
)

KEY = b"mekmitasdigoat"


def everything_written(daemon: Daemon) -> str:
    """Every log line at every level, and every text form of what the engine gives out."""
    texts = [*daemon.log, *daemon.verbose, *daemon.debug]
    texts += [repr(daemon.snapshot), str(daemon.snapshot), repr(daemon.requests)]
    texts += [repr(sa) for sa in daemon.stack.sas.values()]
    texts += [repr(vars(daemon.engine)), repr(daemon.engine._negotiation.isakmp_sas)]
    texts += [repr(sa) for sa in daemon.engine._negotiation.isakmp_sas]
    texts += [repr(pair) for pair in daemon.engine._negotiation.ipsec_sas]
    texts.append(repr(daemon.engine._context.configuration))
    return "\n".join(texts)


def secrets_of(peer: Peer, quick: QuickMode) -> dict[str, bytes]:
    """Everything that must not be seen."""
    return {
        "the pre-shared key": KEY,
        "SKEYID": peer.skeyid,
        "SKEYID_d": peer.skeyid_d,
        "SKEYID_a": peer.skeyid_a,
        "the cipher's key": peer.cipher_key,
        "KEYMAT inbound": quick.inbound_keys[:16],
        "KEYMAT outbound": quick.outbound_keys[:16],
        "an integrity key": quick.inbound_keys[16:],
    }


def assert_unwritten(daemon: Daemon, secrets: dict[str, bytes]) -> None:
    """Neither as octets, nor as hex, nor as Python writes octets."""
    written = everything_written(daemon)
    assert "lan" in written
    for name, octets in secrets.items():
        assert octets
        shapes = (octets.hex(), repr(octets)[2:-1], octets.decode("latin-1"))
        assert not [shape for shape in shapes if shape.lower() in written.lower()], name


def test_no_secret_is_written_by_a_responder() -> None:
    """A whole life: established, asked, refused, torn down."""
    daemon, peer = Daemon(configuration()), a_peer()
    answer_main_mode(daemon, peer)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert any(isinstance(getattr(r, "sa", None), SimplexSa) for r in daemon.requests)
    daemon.hears(peer.protected(peer.notify(NotifyType.R_U_THERE, bytes(4)), message_id=4))
    daemon.hears(b"garbage")
    assert_unwritten(daemon, secrets_of(peer, quick))
    daemon.engine.shutdown(daemon.now)
    daemon.passes(0)
    assert_unwritten(daemon, secrets_of(peer, quick))


def test_no_secret_is_written_by_an_initiator() -> None:
    """The same from the other end."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    assert_unwritten(daemon, secrets_of(peer, quick))


def test_no_secret_is_written_when_keys_differ() -> None:
    """The most tempting moment to print a key."""
    daemon, peer = Daemon(configuration()), a_peer(Phase1(), key=b"another key")
    daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    assert len(daemon.log) == 1
    assert_unwritten(daemon, {"the pre-shared key": KEY, "SKEYID": peer.skeyid})


def test_the_detector_detects() -> None:
    """A key that were written would be found."""
    daemon, peer = Daemon(configuration()), a_peer()
    answer_main_mode(daemon, peer)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    for name, octets in secrets_of(peer, quick).items():
        for shape in (octets.hex().upper(), str(octets)):
            daemon.debug.append(f"oops {shape}")
            found = ""
            try:
                assert_unwritten(daemon, {name: octets})
            except AssertionError:
                found = name
            daemon.debug.pop()
            assert found == name
