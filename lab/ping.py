"""Pings with a payload one can look for on a wire."""

import re
import signal
from dataclasses import dataclass
from pathlib import Path

from lab.deadline import until
from lab.namespace import CommandError, Namespace

PATTERN = bytes.fromhex("ca11ab1e5eedfacec0ffee15900ddead")


@dataclass(frozen=True, slots=True)
class Echoes:
    """How many echoes were asked for and came back, and the sequence numbers that did not."""

    sent: int
    received: int
    lost: tuple[int, ...]


class Ping:
    """A ping that runs beside the test until it has sent its count or is stopped."""

    def __init__(
        self,
        namespace: Namespace,
        destination: str,
        folder: Path,
        *,
        count: int | None = None,
        interval: float = 0.2,
        pattern: bytes = PATTERN,
        size: int = 56,
        source: str | None = None,
        more: tuple[str, ...] = (),
    ) -> None:
        """Start pinging at once; without a count it goes on until `stop`."""
        self._output = folder / f"ping-{namespace.label}-{destination}.txt"
        self._output.unlink(missing_ok=True)
        options = ["-n", "-i", f"{interval}", "-s", f"{size}", "-p", pattern.hex(), "-W", "1"]
        options += ["-c", f"{count}"] if count is not None else []
        options += ["-I", source] if source is not None else []
        self._process = namespace.spawn("ping", *options, *more, destination, output=self._output)

    def stop(self) -> Echoes:
        """Send no more and return what was counted; an echo still under way does not count."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        echoes = self.wait(10)
        if echoes.lost[-1:] != (echoes.sent,):
            return echoes
        return Echoes(echoes.sent - 1, echoes.received, echoes.lost[:-1])

    def wait_answer(self, number: int, seconds: float = 10) -> None:
        """Wait until the echo with this sequence number, counted from 1, is answered."""
        until(lambda: f"icmp_seq={number} " in self.output(), seconds, f"echo {number}")

    def wait(self, seconds: float = 60) -> Echoes:
        """Wait until the count is sent and return what was counted."""
        self._process.wait(timeout=seconds)
        return _parse(self.output())

    def output(self) -> str:
        """Return what ping has printed so far."""
        return self._output.read_text()


def ping(
    namespace: Namespace,
    destination: str,
    folder: Path,
    count: int = 3,
    interval: float = 0.2,
    source: str | None = None,
) -> Echoes:
    """Ping `count` times and return what came back."""
    pings = Ping(namespace, destination, folder, count=count, interval=interval, source=source)
    return pings.wait()


def _parse(output: str) -> Echoes:
    totals = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    if not totals:
        raise CommandError(f"ping did not ping: {output.strip()}")
    answered = {int(number) for number in re.findall(r"bytes from .* icmp_seq=(\d+)", output)}
    sent, received = int(totals[1]), int(totals[2])
    lost = tuple(number for number in range(1, sent + 1) if number not in answered)
    return Echoes(sent, received, lost)
