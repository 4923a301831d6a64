"""The packet capture: what tcpdump and wireshark read as the IKE messages they were."""

import os
import re
import shutil
import stat
import subprocess
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from isakmpd.daemon.capture import FILE_HEADER, PacketCapture, frame_of
from isakmpd.ike.transport import Transport

COOKIES = bytes.fromhex("b2334704b83814122aa243838562 8a0f")
NOTIFY = bytes.fromhex("0000000c 00000001 0100 6002")
# An informational message with the encryption flag set, as it came off the wire.
MESSAGE = COOKIES + bytes.fromhex("0b 10 05 01 cbe680a8 00000028") + NOTIFY
IN_CLEAR = COOKIES + bytes.fromhex("0b 10 05 00 cbe680a8 00000028") + NOTIFY
WEST_TO_EAST = Transport(IPv4Address("10.77.0.1"), 500, IPv4Address("10.77.0.2"), 500)
FLOATED = WEST_TO_EAST.floated(4500, 4500)
OVER_IPV6 = Transport(IPv6Address("fd::1"), 500, IPv6Address("fd::2"), 500)
NOW = 4026838388.188014


class Recording:
    """A capture into a folder, with what it logged."""

    def __init__(self, folder: Path) -> None:
        """Switch nothing on yet."""
        self.path = folder / "isakmpd.pcap"
        self.lines: list[str] = []
        self.capture = PacketCapture(self.path, self.lines.append, lambda: NOW)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Make a recording that is off."""
    return Recording(tmp_path)


def test_a_frame_is_the_original_s_octet_for_octet() -> None:
    """Link, IPv4 and UDP header as recorded, but for the TTL, which was 0, and so the checksum."""
    recorded_headers = bytes.fromhex(
        "00000002450000d4 00010000 4011657c 0a4d0001 0a4d000201f401f4 00c05ca4"
    )
    recorded_message = bytes.fromhex(
        "b2334704b838141200000000000000000110020000000000000000b80d0000380000000100000001"
        "0000002c01010001000000240001000080010007800200028003000180040002800b0001800c0e10"
        "800e00800d0000149826c552791aa1800ca6ff33aaf1e83b0d00001490cb80913ebb696e086381b5"
        "ec427b1f0d0000147d9419a65310ca6f2c179d9215529d560d0000144a131c81070358455c5728f2"
        "0e95452f00000014afcad71368a1f1c96b8696fc77570100"
    )
    frame = frame_of(WEST_TO_EAST, recorded_message, True, 1)
    assert frame == recorded_headers + recorded_message


@pytest.mark.parametrize(
    ("transport", "outgoing", "ends"),
    [
        (WEST_TO_EAST, True, ("10.77.0.1", 500, "10.77.0.2", 500)),
        (WEST_TO_EAST, False, ("10.77.0.2", 500, "10.77.0.1", 500)),
        (FLOATED, True, ("10.77.0.1", 4500, "10.77.0.2", 4500)),
        (WEST_TO_EAST.floated(4500, 61000), False, ("10.77.0.2", 61000, "10.77.0.1", 4500)),
        (OVER_IPV6, True, ("fd::1", 500, "fd::2", 500)),
        (OVER_IPV6, False, ("fd::2", 500, "fd::1", 500)),
    ],
)
@pytest.mark.parametrize("message", [MESSAGE, MESSAGE + b"\0", b"", b"\xff" * 33])
def test_an_independent_decoder_agrees(
    transport: Transport, outgoing: bool, ends: tuple[str, int, str, int], message: bytes
) -> None:
    """scapy finds the ends, the message behind the marker, and computes the same checksums."""
    frame = frame_of(transport, message, outgoing, 7)
    version = transport.local.version
    assert frame[:4] == (b"\0\0\0\x02" if version == 4 else b"\0\0\0\x18")
    layer = IP if version == 4 else IPv6
    packet: Packet = layer(frame[4:])
    assert (packet.src, packet[UDP].sport, packet.dst, packet[UDP].dport) == ends
    marker = bytes(4) if transport.encapsulated else b""
    assert bytes(packet[UDP].payload)[: len(marker)] == marker
    checksums = (packet[UDP].chksum, getattr(packet, "chksum", None))
    del packet[UDP].chksum
    if version == 4:
        del packet.chksum
    again = layer(bytes(packet))
    assert (again[UDP].chksum, getattr(again, "chksum", None)) == checksums


@pytest.mark.parametrize("transport", [WEST_TO_EAST, FLOATED, OVER_IPV6])
def test_a_checksum_of_zero_is_written_as_all_ones(transport: Transport) -> None:
    """Zero would mean that there is none (RFC 768)."""
    at = 4 + (20 if transport.local.version == 4 else 40) + 6
    checksum = frame_of(transport, MESSAGE + bytes(2), True, 7)[at : at + 2]
    # What is added to the message is missing from its checksum.
    assert frame_of(transport, MESSAGE + checksum, True, 7)[at : at + 2] == b"\xff\xff"


def test_the_encryption_flag_is_cleared() -> None:
    """The message is in clear, so decoders must not take it for encrypted."""
    assert frame_of(WEST_TO_EAST, MESSAGE, True, 1).endswith(IN_CLEAR)


def test_tshark_reads_the_file(recording: Recording) -> None:
    """Every message is there, as ISAKMP, in both families and behind the marker."""
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    recording.capture.start()
    for transport in (WEST_TO_EAST, FLOATED, OVER_IPV6):
        recording.capture.write(transport, MESSAGE, outgoing=True)
        recording.capture.write(transport, MESSAGE, outgoing=False)
    fields = [
        *("frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport"),
        *("isakmp.exchangetype", "isakmp.messageid", "isakmp.notify.msgtype"),
        *("udp.checksum.status", "ip.checksum.status"),
    ]
    done = subprocess.run(
        [tshark, "-n", "-r", str(recording.path), "-T", "fields", "-E", "separator=|"]
        + ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
        + [word for one in fields for word in ("-e", one)],
        capture_output=True,
        text=True,
        check=True,
    )
    content = "5|0xcbe680a8|24578|1"
    when = "4026838388.188014"
    lines = [re.sub(r"(\.\d{6})000\|", r"\1|", line) for line in done.stdout.splitlines()]
    assert lines == [
        f"{when}|10.77.0.1||500|{content}|1",
        f"{when}|10.77.0.2||500|{content}|1",
        f"{when}|10.77.0.1||4500|{content}|1",
        f"{when}|10.77.0.2||4500|{content}|1",
        f"{when}||fd::1|500|{content}|",
        f"{when}||fd::2|500|{content}|",
    ]


def test_a_new_file_is_private_and_begins_like_a_pcap(recording: Recording) -> None:
    """Version 2.4, link type 108, for its owner alone whatever the umask."""
    before = os.umask(0)
    try:
        recording.capture.start()
    finally:
        os.umask(before)
    assert stat.S_IMODE(recording.path.stat().st_mode) == 0o600
    assert recording.path.read_bytes() == FILE_HEADER
    assert FILE_HEADER[4:8] + FILE_HEADER[20:] in (
        bytes.fromhex("0200 0400 6c000000"),
        bytes.fromhex("0002 0004 0000006c"),
    )


def test_each_packet_is_on_file_at_once(recording: Recording) -> None:
    """Nothing waits in a buffer for a crash."""
    recording.capture.start()
    size = recording.path.stat().st_size
    recording.capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    frame = frame_of(WEST_TO_EAST, MESSAGE, True, 1)
    assert recording.path.read_bytes()[size + 16 :] == frame


def test_switching_on_and_off_is_logged_as_recorded(recording: Recording, tmp_path: Path) -> None:
    """Lines scripts know; without a path the last file is continued."""
    other = tmp_path / "other.pcap"
    capture = recording.capture
    capture.stop()
    capture.start()
    capture.start(other)
    capture.stop()
    capture.start(other)
    capture.stop()
    capture.start()
    capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    capture.stop()
    capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    assert recording.lines == [
        f'log_packet_init: starting IKE packet capture to file "{recording.path}"',
        f'log_packet_restart: capture already active on file "{recording.path}"',
        "log_packet_stop: stopped capture",
        f'log_packet_init: starting IKE packet capture to file "{other}"',
        "log_packet_stop: stopped capture",
        f'log_packet_init: starting IKE packet capture to file "{other}"',
        "log_packet_stop: stopped capture",
    ]
    frame = frame_of(WEST_TO_EAST, MESSAGE, True, 1)
    assert other.stat().st_size == len(FILE_HEADER) + 16 + len(frame)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (FILE_HEADER, 0o644, "its mode is 0644, which lets others read it; expected 0600"),
        (b"precious", 0o600, "it exists and is not a capture of this daemon's"),
        (
            FILE_HEADER[:20] + b"\x01\0\0\0",
            0o600,
            "it exists and is not a capture of this daemon's",
        ),
    ],
)
def test_a_file_that_is_no_private_capture_of_ours_is_left_alone(
    recording: Recording, content: bytes, mode: int, reason: str
) -> None:
    """Nothing is appended to it, and the capture stays off."""
    recording.path.write_bytes(content)
    recording.path.chmod(mode)
    recording.capture.start()
    recording.capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    assert not recording.capture.active
    assert recording.path.read_bytes() == content
    assert recording.lines == [f'log_packet_init: will not capture to "{recording.path}": {reason}']


def test_a_link_is_not_followed(recording: Recording, tmp_path: Path) -> None:
    """Not even to a capture of ours."""
    (tmp_path / "victim").write_bytes(FILE_HEADER)
    (tmp_path / "victim").chmod(0o600)
    recording.path.symlink_to(tmp_path / "victim")
    recording.capture.start()
    assert not recording.capture.active
    assert (tmp_path / "victim").read_bytes() == FILE_HEADER


def test_a_second_name_of_a_file_is_refused(recording: Recording, tmp_path: Path) -> None:
    """Whoever could link it there chose which file we write to."""
    (tmp_path / "victim").write_bytes(FILE_HEADER)
    (tmp_path / "victim").chmod(0o600)
    recording.path.hardlink_to(tmp_path / "victim")
    recording.capture.start()
    assert not recording.capture.active


def test_a_place_that_cannot_be_written_is_said(recording: Recording, tmp_path: Path) -> None:
    """And the file used last is still the one a plain `p on` means."""
    missing = tmp_path / "missing" / "foo.pcap"
    recording.capture.start(missing)
    recording.capture.start()
    assert recording.lines == [
        f'log_packet_init: fopen ("{missing}", "w") failed: No such file or directory',
        f'log_packet_init: starting IKE packet capture to file "{recording.path}"',
    ]


def test_a_full_disk_ends_the_capture_with_whole_packets(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a packet is taken back; the daemon goes on."""
    recording.capture.start()
    recording.capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    whole = recording.path.read_bytes()
    really_write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, octets: really_write(descriptor, octets[:9]))
        recording.capture.write(WEST_TO_EAST, MESSAGE, outgoing=True)
    assert recording.path.read_bytes() == whole
    assert not recording.capture.active
    assert recording.lines[-2:] == [
        f'log_packet: writing to "{recording.path}" failed: no room for a whole packet',
        "log_packet_stop: stopped capture",
    ]
