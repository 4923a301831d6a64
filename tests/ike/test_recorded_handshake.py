"""The original's recorded conversation, spoken by our engine octet for octet, in either role.

What the original drew at random is given to the engine: cookies, nonces, message IDs, SPIs, and in
place of the Diffie-Hellman secrets, which no log holds, the public values and g^xy.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.ipsec import Direction
from isakmpd.wire.numbers import GroupDescription
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import Daemon, configuration
from tests.vectors.handshake import End, Informational, MainMode, QuickMode, handshake

RECORD = handshake()
ADDRESSES = {"initiator": RECORD.initiator, "responder": RECORD.responder}
VENDORS_IN_THE_ORIGINALS_ORDER = (
    Vendor.OPENBSD,
    Vendor.NAT_T_DRAFT_02,
    Vendor.NAT_T_DRAFT_03,
    Vendor.NAT_T_RFC,
    Vendor.DPD,
)


@dataclass(frozen=True)
class RecordedPair:
    """A key pair of which only the results are known."""

    public: bytes
    theirs: bytes
    shared: bytes

    def shared_secret(self, peer_public: bytes) -> bytes:
        """The recorded g^xy, for the recorded peer's value alone."""
        assert peer_public == self.theirs
        return self.shared


class RecordedEntropy:
    """The original's cookies and nonces, in order; anything else is nobody's business."""

    def __init__(self, role: End) -> None:
        exchanges: list[MainMode | QuickMode] = [RECORD.main_mode, *RECORD.quick_modes]
        first, second = RECORD.cookies
        self._cookies = iter([first if role == "initiator" else second])
        self._nonces = iter([one.ni if role == "initiator" else one.nr for one in exchanges])
        self._rest = SeededEntropy("recorded")

    def __call__(self, length: int) -> bytes:
        """Tell draws apart by their length."""
        source = {8: self._cookies, 16: self._nonces}.get(length)
        return next(source) if source else self._rest(length)


def pairs(role: End) -> Iterator[RecordedPair]:
    """The key pairs of main mode and of each quick mode."""
    exchanges: list[MainMode | QuickMode] = [RECORD.main_mode, *RECORD.quick_modes]
    for one in exchanges:
        own, theirs = (one.g_xi, one.g_xr) if role == "initiator" else (one.g_xr, one.g_xi)
        yield RecordedPair(own, theirs, one.g_xy)


def original(role: End, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """An engine that draws what the original drew and announces what it announced."""
    made = pairs(role)

    def recorded(group: GroupDescription, _entropy: object) -> RecordedPair:
        assert group == GroupDescription.MODP_1024
        return next(made)

    monkeypatch.setattr("isakmpd.ike.key_agreement.generate", recorded)
    monkeypatch.setattr("isakmpd.ike.quick_mode.generate", recorded)
    monkeypatch.setattr("isakmpd.ike.announcements.OURS", VENDORS_IN_THE_ORIGINALS_ORDER)
    first, second = RECORD.quick_modes
    deletes = RECORD.informational
    order: list[QuickMode | Informational] = [first, deletes[0], second, deletes[1], deletes[2]]
    ids = iter([int.from_bytes(one.message_id) for one in order])
    monkeypatch.setattr("isakmpd.ike.informational.message_id", lambda _entropy: next(ids))
    other: End = "responder" if role == "initiator" else "initiator"
    config = configuration(
        answers=role == "responder",
        mirrored=role == "responder",
        peer=ADDRESSES[other],
    )
    daemon = Daemon(config, entropy=RecordedEntropy(role), address=ADDRESSES[role])
    own = 1 if role == "initiator" else 0
    spis = iter([int.from_bytes(quick.keymat[own].spi) for quick in RECORD.quick_modes])
    monkeypatch.setattr(daemon.stack.spis, "allocate", lambda _protocol: next(spis))
    return daemon


def keys(daemon: Daemon) -> dict[tuple[Direction, int], bytes]:
    """What is installed."""
    return {
        (key.direction, key.spi): sa.keys.encryption_key + sa.keys.authentication_key
        for key, sa in daemon.stack.sas.items()
    }


def recorded_keys(number: int, role: End) -> dict[tuple[Direction, int], bytes]:
    """What the original installed after a quick mode."""
    own = 1 if role == "initiator" else 0
    keymat = RECORD.quick_modes[number].keymat
    return {
        (Direction.INBOUND, int.from_bytes(keymat[own].spi)): keymat[own].octets,
        (Direction.OUTBOUND, int.from_bytes(keymat[1 - own].spi)): keymat[1 - own].octets,
    }


DATAGRAMS = [message.datagram for message in RECORD.messages]


def test_the_initiators_fifteen_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Main mode, quick mode, Delete, quick mode, both Deletes: every octet as recorded."""
    daemon = original("initiator", monkeypatch)
    said = [daemon.begins()]
    for answer in (1, 3, 5, 7):
        said += daemon.hears(DATAGRAMS[answer], source=RECORD.responder)
    assert keys(daemon) == recorded_keys(0, "initiator")
    daemon.engine.teardown("lan", daemon.now)
    said += [octets for _, octets in daemon.passes(0)]
    assert keys(daemon) == {}
    daemon.engine.establish("lan", daemon.now)
    said += [octets for _, octets in daemon.passes(0)]
    said += daemon.hears(DATAGRAMS[11], source=RECORD.responder)
    assert keys(daemon) == recorded_keys(1, "initiator")
    daemon.engine.shutdown(daemon.now)
    said += [octets for _, octets in daemon.passes(0)]
    expected = [m.datagram for m in RECORD.messages if m.sender == "initiator"]
    assert [octets.hex() for octets in said] == [octets.hex() for octets in expected]
    assert daemon.log == []


def test_the_responders_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the initiator sent is believed, and answered with the recorded octets."""
    daemon = original("responder", monkeypatch)
    said: list[bytes] = []
    installed = []
    for message in RECORD.messages:
        if message.sender == "initiator":
            daemon.now += 1
            said += daemon.hears(message.datagram, source=RECORD.initiator)
            installed.append(keys(daemon))
    expected = [m.datagram for m in RECORD.messages if m.sender == "responder"]
    assert [octets.hex() for octets in said] == [octets.hex() for octets in expected]
    assert installed[4] == recorded_keys(0, "responder")
    assert installed[7] == recorded_keys(1, "responder")
    assert installed[5] == installed[8] == {}
    assert daemon.snapshot.isakmp_sas == ()
    assert daemon.log == []


def test_the_capture_shows_what_the_original_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages reach the capture in clear, as the record's plaintext without its padding."""
    daemon = original("responder", monkeypatch)
    for message in RECORD.messages:
        if message.sender == "initiator":
            daemon.now += 1
            daemon.hears(message.datagram, source=RECORD.initiator)
    assert len(daemon.captured) == len(RECORD.messages)
    for message, (_, clear) in zip(RECORD.messages, daemon.captured, strict=True):
        body = clear[28:]
        assert message.body[: len(body)] == body
        assert not any(message.body[len(body) :])
        assert int.from_bytes(clear[24:28]) == len(clear)
