"""Recording a wire, from before the first packet to after the last."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import recorder, traffic
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
        self._notes = self.file.with_suffix(".notes")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start recording and return once nothing can be missed."""
        self._notes.unlink(missing_ok=True)
        command = (sys.executable, recorder.__file__, self.device, self.file)
        self._process = self.namespace.spawn(*command, output=self._notes)
        until(lambda: recorder.READY in self._notes.read_text(), 10, f"recorder of {self.device}")
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
        process, self._process = self._process, None
        if process is None:
            return self.packets
        process.send_signal(signal.SIGINT)
        if process.wait(timeout=10) != 0:
            notes = self._notes.read_text().strip()
            raise ValueError(f"the recording of {self.device} proves nothing: {notes}")
        self.packets = traffic.read(self.file)
        return self.packets
