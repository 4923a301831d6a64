"""Recording a wire with tcpdump, from before the first packet to after the last."""

import re
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import traffic
from lab.deadline import until
from lab.namespace import Namespace


class Capture:
    """A running recording of one device; `packets` holds what crossed once it is stopped."""

    def __init__(self, namespace: Namespace, device: str, folder: Path) -> None:
        """Name the device to record and the folder for the pcap file."""
        self.namespace = namespace
        self.device = device
        self.file = folder / f"{namespace.label}-{device}.pcap"
        self.packets: list[traffic.Packet] = []
        self._notes = self.file.with_suffix(".tcpdump")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start recording and return once nothing can be missed."""
        self._notes.unlink(missing_ok=True)
        # -Z root: as its own user tcpdump could not write into a private folder.
        command = ["tcpdump", "-Z", "root", "-i", self.device, "--immediate-mode", "-U", "-n"]
        self._process = self.namespace.spawn(*command, "-w", self.file, output=self._notes)
        until(lambda: "listening on" in self._read_notes(), 10, f"tcpdump on {self.device}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop recording and read the packets, unless the block failed already."""
        if error is None:
            self.stop()
        elif self._process is not None:
            self._process.kill()

    def stop(self) -> list[traffic.Packet]:
        """Stop once every packet is on file and return them; a packet lost raises ValueError."""
        process = self._process
        if process is None:
            return self.packets
        self._process = None
        self._settle()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        lost = re.search(r"([1-9]\d*) packets? dropped by kernel", self._read_notes())
        if lost:
            raise ValueError(f"tcpdump missed {lost[1]} packets: the capture proves nothing")
        self.packets = traffic.read(self.file)
        return self.packets

    def _settle(self) -> None:
        sizes: list[int] = []

        def at_rest() -> bool:
            sizes.append(self.file.stat().st_size)
            return len(sizes) > 5 and len(set(sizes[-5:])) == 1

        until(at_rest, 10, f"silence on {self.device}")

    def _read_notes(self) -> str:
        return self._notes.read_text(errors="replace") if self._notes.exists() else ""
