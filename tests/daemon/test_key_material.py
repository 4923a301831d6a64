"""Keys reach the log, as the original names them, only where class Crypto stands at 90 or above."""

from __future__ import annotations

import re

import pytest

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.log_sinks import Severity
from isakmpd.ike.outputs import Capture, KeyMaterial, Log, Output, Verbose
from tests.ike import test_recorded_handshake
from tests.ike.daemon import Daemon
from tests.ike.test_recorded_handshake import original
from tests.vectors.handshake import End, handshake

RECORD = handshake()


class Written:
    """A sink that keeps class and text."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Keep a line."""
        del severity
        self.lines.append((label, text))


class Logging(Daemon):
    """An engine whose words go through the daemon's log."""

    levels = LogLevels()
    sink = Written()

    def _carry_out(self, output: Output) -> None:
        log = DaemonLog(self.sink, self.levels, verbose=True)
        if isinstance(output, Log | Verbose | KeyMaterial):
            log.output(output)
        elif isinstance(output, Capture):
            log.message(output)
        super()._carry_out(output)


def written(role: End, monkeypatch: pytest.MonkeyPatch, *levels: str) -> list[tuple[str, str]]:
    """What one end of the recorded conversation writes at levels as -D gives them."""
    sink = Written()
    monkeypatch.setattr(Logging, "sink", sink)
    monkeypatch.setattr(Logging, "levels", LogLevels())
    for level in levels:
        Logging.levels.assign(level)
    monkeypatch.setattr(test_recorded_handshake, "Daemon", Logging)
    daemon = original(role, monkeypatch)
    if role == "initiator":
        daemon.begins()
    other = RECORD.responder if role == "initiator" else RECORD.initiator
    for message in RECORD.messages[: 9 if role == "initiator" else None]:
        if message.sender != role:
            daemon.now += 1
            daemon.hears(message.datagram, source=other)
    return sink.lines


def dumped(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give labels, without the owner, with the octets in the lines behind them."""
    found: list[tuple[str, str]] = []
    for label, text in lines:
        if label != "Cryp 90":
            continue
        if text.endswith(":"):
            found.append((text[:-1].partition(": ")[2], ""))
        else:
            name, octets = found[-1]
            found[-1] = (name, octets + text.replace(" ", ""))
    return found


def secrets() -> dict[str, bytes]:
    """Every secret of the recorded conversation."""
    main, quick = RECORD.main_mode, RECORD.quick_modes
    found = {
        "pre-shared key": RECORD.pre_shared_key,
        "g^xy": main.g_xy,
        "SKEYID": main.skeyid,
        "SKEYID_d": main.skeyid_d,
        "SKEYID_a": main.skeyid_a,
        "SKEYID_e": main.skeyid_e,
        "encryption key": main.cipher_key,
        "IV": main.iv,
    }
    for number, one in enumerate(quick):
        found[f"g^xy of quick mode {number}"] = one.g_xy
        found[f"IV of quick mode {number}"] = one.iv
        for key in one.keymat:
            found[f"KEYMAT {key.spi.hex()}"] = key.octets
            found[f"encryption key of {key.spi.hex()}"] = key.octets[:16]
            found[f"authentication key of {key.spi.hex()}"] = key.octets[16:]
    return found


def in_any_form(secret: bytes, lines: list[tuple[str, str]]) -> bool:
    """Tell whether a secret, or 16 octets of it, stand there as octets or in hexadecimal digits."""
    text = "\n".join(text for _, text in lines)
    digits = re.sub(r"[^0-9a-f]", "", "".join(text for _, text in lines).lower())
    part = secret[:16]
    shapes = (part.decode("latin-1"), repr(part)[2:-1])
    return part.hex() in digits or any(shape in text for shape in shapes)


@pytest.mark.parametrize("role", ["initiator", "responder"])
def test_the_originals_values_under_the_originals_names(
    role: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value that the original logged of the handshake."""
    main, (first, *_) = RECORD.main_mode, RECORD.quick_modes
    found = dumped(written(role, monkeypatch, "3=90"))
    assert found[:8] == [
        ("g^xy", main.g_xy.hex()),
        ("SKEYID", main.skeyid.hex()),
        ("SKEYID_d", main.skeyid_d.hex()),
        ("SKEYID_a", main.skeyid_a.hex()),
        ("SKEYID_e", main.skeyid_e.hex()),
        ("encryption key", main.cipher_key.hex()),
        ("IV", main.iv.hex()),
        ("last ciphertext block of phase 1", main.last_block.hex()),
    ]
    assert (f"IV, message ID {first.message_id.hex()}", first.iv.hex()) in found
    assert ("g^xy", first.g_xy.hex()) in found
    for key in first.keymat:
        assert (f"KEYMAT, IPSEC_ESP SPI {key.spi.hex()}", key.octets.hex()) in found


@pytest.mark.parametrize("role", ["initiator", "responder"])
@pytest.mark.parametrize("levels", [("A=89",), ("A=99", "3=89"), ("A=99", "3=0")], ids=" ".join)
def test_below_90_no_class_has_a_secret(
    role: End, levels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in any line of any class, while all the rest is told."""
    lines = written(role, monkeypatch, *levels)
    assert {"Mesg 70", "Mesg 50", "Mesg 30", "Exch 10", "Negt 20", "Timr 10", "SA   20"} <= {
        label for label, _ in lines
    }
    for name, secret in secrets().items():
        assert not in_any_form(secret, lines), name


def test_the_search_finds_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 90 it finds all but the pre-shared key, which no level shows."""
    lines = written("responder", monkeypatch, "A=99")
    missing = [name for name, secret in secrets().items() if not in_any_form(secret, lines)]
    keys_behind_others = [name for name in missing if not name.startswith("authentication")]
    assert keys_behind_others == ["pre-shared key"]


def test_message_lines_are_what_was_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 70 the very octets, 32 a line in groups of 4, as the original's but in clear."""
    lines = [
        text for label, text in written("responder", monkeypatch, "2=70") if label == "Mesg 70"
    ]
    first = RECORD.messages[0].datagram
    assert lines[0] == f"message_recv: {first[:32].hex(' ', -4)}"
    octets = "".join(line.partition(": ")[2].replace(" ", "") for line in lines)
    assert octets.startswith(first.hex())
    assert RECORD.pre_shared_key.hex() not in octets
