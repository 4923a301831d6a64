"""Write IKE messages in clear to a pcap file, each in a made-up IP and UDP header.

A written message has its encryption flag cleared, so that decoders look inside.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from isakmpd.daemon.opener import Opener, open_ourselves
from isakmpd.ike.transport import Transport

LINKTYPE_LOOP: Final = 108  # the frame begins with an address family, as OpenBSD numbers them
_FAMILIES: Final = {4: 2, 6: 24}
_UDP: Final = 17
_TTL: Final = 64  # any that is alive: decoders remark upon 0
_NON_ESP_MARKER: Final = bytes(4)
_FLAGS_OFFSET: Final = 19
_ENCRYPTION_FLAG: Final = 0x01
_LARGEST_MESSAGE: Final = 65535 - 40 - 8 - 4
_FILE_HEADER = struct.Struct("=IHHiIII")
_RECORD_HEADER = struct.Struct("=IIII")
FILE_HEADER: Final = _FILE_HEADER.pack(0xA1B2C3D4, 2, 4, 0, 0, 65536, LINKTYPE_LOOP)


class PacketCapture:
    """Write what it is shown while it is on; ``log`` gets a line whenever that changes.

    A file that is there is continued, but only if it is a capture of ours that nobody else can
    read: what is captured includes everything but the keys themselves.
    """

    def __init__(
        self,
        path: Path,
        log: Callable[[str], None],
        wall_clock: Callable[[], float],
        opener: Opener = open_ourselves,
    ) -> None:
        self._path = path
        self._log = log
        self._wall_clock = wall_clock
        self._opener = opener
        self._descriptor: int | None = None
        self._written = 0  # packets

    @property
    def active(self) -> bool:
        """Tell whether messages are written."""
        return self._descriptor is not None

    @property
    def writing_to(self) -> Path | None:
        """Name the file messages are written to, None while none are."""
        return self._path if self.active else None

    def start(self, path: Path | None = None) -> None:
        """Begin to write, without a path to the file used last."""
        if self._descriptor is not None:
            self._log(f'log_packet_restart: capture already active on file "{self._path}"')
            return
        wanted = path or self._path
        try:
            self._descriptor = _open(wanted, self._opener)
        except OSError as error:
            self._log(f'log_packet_init: fopen ("{wanted}", "w") failed: {error.strerror}')
        except ValueError as error:
            self._log(f'log_packet_init: will not capture to "{wanted}": {error}')
        else:
            self._path = wanted
            self._log(f'log_packet_init: starting IKE packet capture to file "{wanted}"')

    def stop(self) -> None:
        """Write no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._log("log_packet_stop: stopped capture")

    def write(self, transport: Transport, octets: bytes, outgoing: bool) -> None:
        """Write one message in clear; a full disk ends the capture, not the daemon."""
        descriptor = self._descriptor
        if descriptor is None:
            return
        self._written += 1
        frame = frame_of(transport, octets, outgoing, self._written & 0xFFFF)
        microseconds = round(self._wall_clock() * 1_000_000)
        seconds, fraction = divmod(microseconds, 1_000_000)
        record = _RECORD_HEADER.pack(seconds & 0xFFFFFFFF, fraction, len(frame), len(frame)) + frame
        before = os.fstat(descriptor).st_size
        try:
            # A single write: whoever reads meanwhile sees whole packets.
            if os.write(descriptor, record) == len(record):
                return
            # Half a packet would make what follows it unreadable.
            os.ftruncate(descriptor, before)
            reason = "no room for a whole packet"
        except OSError as error:
            reason = error.strerror or str(error)
        self._log(f'log_packet: writing to "{self._path}" failed: {reason}')
        self.stop()


def frame_of(transport: Transport, octets: bytes, outgoing: bool, number: int) -> bytes:
    """Put a message into UDP, IP and the link header, checksums right.

    ``number``, of 16 bits, tells IPv4 packets apart; IPv6 packets that are no fragments have none.
    """
    source, source_port = transport.local, transport.local_port
    destination, destination_port = transport.remote, transport.remote_port
    if not outgoing:
        source, destination = destination, source
        source_port, destination_port = destination_port, source_port
    message = _in_clear(octets[:_LARGEST_MESSAGE])
    if transport.encapsulated:
        message = _NON_ESP_MARKER + message
    length = 8 + len(message)
    addresses = source.packed + destination.packed
    udp = struct.pack(">HHHH", source_port, destination_port, length, 0) + message
    pseudo_header = addresses + struct.pack(">II", length, _UDP)
    udp = udp[:6] + _checksum(pseudo_header + udp).to_bytes(2) + udp[8:]
    if source.version == 4:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, number, 0, _TTL, _UDP, 0) + addresses
        ip = ip[:10] + _checksum(ip).to_bytes(2) + ip[12:]
    else:
        ip = struct.pack(">IHBB", 0x60000000, length, _UDP, _TTL) + addresses
    return _FAMILIES[source.version].to_bytes(4) + ip + udp


def _in_clear(octets: bytes) -> bytes:
    if len(octets) <= _FLAGS_OFFSET:
        return octets
    flags = octets[_FLAGS_OFFSET] & ~_ENCRYPTION_FLAG
    return octets[:_FLAGS_OFFSET] + bytes([flags]) + octets[_FLAGS_OFFSET + 1 :]


def _checksum(octets: bytes) -> int:
    """Compute the internet checksum (RFC 1071): 2**16 is 1 modulo 2**16 - 1.

    It is never zero, which in UDP would mean that there is none (RFC 768).
    """
    padded = octets + bytes(len(octets) % 2)
    return 0xFFFF - int.from_bytes(padded) % 0xFFFF


def _open(path: Path, opener: Opener) -> int:
    """Open the file to append to it; raises OSError, or ValueError for a file not to touch."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = opener(path, flags)
    try:
        found = os.fstat(descriptor)
        judge_capture(found)
        if found.st_size == 0:
            os.write(descriptor, FILE_HEADER)
        elif os.pread(descriptor, len(FILE_HEADER), 0) != FILE_HEADER:
            raise ValueError("it exists and is not a capture of this daemon's")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def judge_capture(found: os.stat_result) -> None:
    """Raise ValueError, with what is wrong, for a file that captures are not added to."""
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a regular file")
    if found.st_uid not in (0, os.geteuid()) or found.st_nlink != 1:
        raise ValueError("it belongs to another user or has other names")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise ValueError(f"its mode is {mode:04o}, which lets others read it; expected 0600")
