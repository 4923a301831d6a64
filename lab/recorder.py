"""Records every frame of one device in a pcap file: `recorder.py DEVICE FILE`, until SIGINT.

Not tcpdump: as root it insists on becoming another user, which a user namespace does not have.
The file is an ordinary one, and `tcpdump -r` reads it.
"""

import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import BinaryIO

READY = "recording"
ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS = 3, 263, 6
LARGEST_FRAME = 0x11000
PCAP_HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LARGEST_FRAME, 1)


def record(device: str, file: BinaryIO) -> int:
    """Record until SIGINT, then what is still queued, and return how many frames got lost."""
    stop, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    signal.signal(signal.SIGINT, lambda *_: None)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as tap, stop, wakeup:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        tap.bind((device, ETH_P_ALL))
        tap.setblocking(False)
        file.write(PCAP_HEADER)
        print(READY, flush=True)
        while True:
            ready, _, _ = select.select([tap, stop], [], [])
            _drain(tap, file)
            if stop in ready:
                return _lost(tap)


def _drain(tap: socket.socket, file: BinaryIO) -> None:
    while True:
        try:
            frame = tap.recv(LARGEST_FRAME)
        except BlockingIOError:
            file.flush()
            return
        seconds, fraction = divmod(time.time_ns() // 1000, 1_000_000)
        file.write(struct.pack("=IIII", seconds, fraction, len(frame), len(frame)) + frame)


def _lost(tap: socket.socket) -> int:
    statistics = tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
    return int(struct.unpack("=II", statistics)[1])


if __name__ == "__main__":
    with Path(sys.argv[2]).open("wb") as pcap:
        lost = record(sys.argv[1], pcap)
    sys.exit(f"{lost} frames lost" if lost else 0)
